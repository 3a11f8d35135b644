"""slixmpp to slixmpp: the yardstick of `crudn_rtt` and `crudn_rate`. Either end, as lean as it can be written.

The first line of standard input says who to be:
  {"jid": bare, "password": ..., "server": ..., "port": ..., "ca": file, "resources": [...], "answer": representation}
It signs in as each resource, answers every request with 200 and that representation, and says {"event": "ready"}.
Then it takes orders, and answers each with {"answer": ...}; ends with its input:
  {"do": "open", "to": [full JID, ...]}
  {"do": "round-trips", "count": 300}   -> milliseconds of each, one after the other, with the first peer
  {"do": "rate", "each": 50}            -> requests per second, one under way with every peer
"""

import asyncio
import json
import logging
import sys
import time

import slixmpp

import rest

REQUEST = rest.write(rest.Rest("GET", "coap://bench/oic/d", {"Accept": "application/json"}))
DEADLINE = 20


def say(line):
    print(json.dumps(line), flush=True)


async def sign_in(words, resource):
    client = slixmpp.ClientXMPP(f"{words['jid']}/{resource}", words["password"])
    client.ca_certs = words["ca"]
    client.enable_direct_tls, client.enable_plaintext = False, False
    for plugin in ("xep_0030", "xep_0199", "xep_0047"):
        client.register_plugin(plugin)
    client.plugin["xep_0047"].max_block_size = 65535
    client.plugin["xep_0047"].auto_accept = True
    done = asyncio.get_running_loop().create_future()

    def started(_event):
        client.send_presence(ppriority=-50)
        done.set_result(None)

    client.add_event_handler("session_start", started)
    client.connect(words["server"], words["port"])
    await asyncio.wait_for(done, 60)
    return client


class Asking:
    """One session with one peer; one request under way."""

    def __init__(self, stream):
        self.stream = stream
        self.answer = None

    async def request(self):
        self.answer = asyncio.get_running_loop().create_future()
        await self.stream.send(REQUEST)
        payload = await asyncio.wait_for(self.answer, DEADLINE)
        answer = rest.read(payload)
        assert answer.status == 200 and answer.body is not None


class Bench:
    def __init__(self, words, clients):
        self.clients = clients
        self.representation = words["answer"]
        self.asking = {}
        for client in clients:
            client.add_event_handler("ibb_stream_start", self.started)
            client.add_event_handler("ibb_stream_data", self.data)

    def started(self, stream):
        stream.use_messages = True

    async def data(self, stream):
        payload = stream.read()
        asking = self.asking.get(stream.sid)
        if asking:
            asking.answer.set_result(payload)
        else:
            request = rest.read(payload)
            assert request.path == "/oic/d"
            headers = {"Content-Type": "application/json"}
            await stream.send(rest.write(rest.Rest("RESPONSE", "200 OK", headers, self.representation)))

    async def open(self, order):
        plugin = self.clients[0].plugin["xep_0047"]
        for peer in order["to"]:
            stream = await plugin.open_stream(slixmpp.JID(peer), block_size=65535, use_messages=True, timeout=DEADLINE)
            stream.use_messages = True
            self.asking[stream.sid] = Asking(stream)
        return True

    async def round_trips(self, order):
        first, times = next(iter(self.asking.values())), []
        for _ in range(order["count"]):
            began = time.perf_counter()
            await first.request()
            times.append((time.perf_counter() - began) * 1000)
        return times

    async def rate(self, order):
        async def ask(asking):
            for _ in range(order["each"]):
                await asking.request()

        began = time.perf_counter()
        await asyncio.gather(*(ask(asking) for asking in self.asking.values()))
        return order["each"] * len(self.asking) / (time.perf_counter() - began)


async def run():
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    words = json.loads(await reader.readline())
    clients = await asyncio.gather(*(sign_in(words, resource) for resource in words["resources"]))
    bench = Bench(words, clients)
    say({"event": "ready"})
    acts = {"open": bench.open, "round-trips": bench.round_trips, "rate": bench.rate}
    while line := await reader.readline():
        order = json.loads(line)
        say({"answer": await acts[order["do"]](order)})


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    asyncio.run(run())
