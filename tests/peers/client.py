"""An independent client: aiocoap on the network, slixmpp at the server. For tests of the simulated devices' wire behaviour.

Reads orders as lines of JSON on standard input and answers each with one line of JSON on standard output
(`{"answer": ..., ...}` or `{"error": ...}`); notifications come in between as `{"event": ...}`. Ends with its input.

  {"do": "search", "accept": 10000, "query": "rt=oic.ra.xmpp", "seconds": 1, "group": "224.0.1.187"}
  {"do": "coap", "method": "GET", "uri": "coap://127.0.0.1:40000/light", "format": 10000, "body": ...}
  {"do": "coap-observe", "uri": ..., "format": 10000}       -> {"answer": {"observation": number, ...}}
  {"do": "coap-unobserve", "observation": 0}
  {"do": "sign-in", "jid": full, "password": ..., "server": ..., "port": ..., "ca": ...}
  {"do": "presences"}
  {"do": "open", "to": full, "blockSize": 65535}            -> {"answer": session number, "blockSize": ...}
  {"do": "request", "session": 0, "method": "GET", "url": "coap://di/light", "headers": {...}, "body": ...}
  {"do": "raw", "session": 0, "payload": base64}            -> as `request`, with bytes as they are
  {"do": "close", "session": 0}
  {"do": "stanza", "xml": "<message .../>"}
"""

import argparse
import asyncio
import base64
import json
import logging
import os
import random
import socket
import struct
import sys

import aiocoap
import cbor2
import slixmpp
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import ACK, CON, NON
from slixmpp.exceptions import IqError, IqTimeout

import rest

VERSION_OPTION = 2053


def say(line):
    print(json.dumps(line, default=lambda value: {"bytes": value.hex()} if isinstance(value, bytes) else repr(value)), flush=True)


def described(message):
    """An answer as JSON: code, content format, content format version, body."""
    version = [option.value for option in message.opt.option_list() if int(option.number) == VERSION_OPTION]
    facts = {"code": message.code.dotted, "format": _number(message.opt.content_format)}
    if version:
        value = version[0]
        facts["version"] = int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)
    if message.opt.observe is not None:
        facts["observe"] = message.opt.observe
    if message.payload and facts["format"] in (60, 10000):
        facts["body"] = cbor2.loads(message.payload)
    elif message.payload:
        facts["words"] = message.payload.decode("utf-8", "replace")
    return facts


def _number(content_format):
    return None if content_format is None else int(content_format)


def a_request(order):
    method = order.get("method", "GET")
    body = order.get("body")
    message = aiocoap.Message(code=getattr(Code, method), uri=order["uri"], payload=b"" if body is None else cbor2.dumps(body))
    message.opt.accept = order.get("format")
    if body is not None:
        message.opt.content_format = order.get("format")
    return message


class Client:
    """Both sides, and the orders."""

    def __init__(self, options):
        self.options = options
        self.context = None
        self.xmpp = None
        self.sessions = []
        self.replies = []
        self.presences = {}
        self.observing = []

    # The local network.

    async def search(self, order):
        """Every answer to one multicast GET /oic/res: aiocoap itself returns only the first."""
        group = order.get("group", "224.0.1.187")
        six = ":" in group
        index = socket.if_nametoindex(self.options.interface)
        sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        else:
            source = socket.inet_aton(order.get("source", "127.0.0.1"))
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("4s4si", b"\0" * 4, source, index))
        request = aiocoap.Message(code=Code.GET)
        request.opt.uri_path = ("oic", "res")
        if order.get("query"):
            request.opt.uri_query = tuple(order["query"].split("&"))
        request.opt.accept = order.get("accept")
        request.mtype, request.mid, request.token = NON, random.randrange(65536), random.randbytes(4)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(sock, request.encode(), (group, 5683, 0, index) if six else (group, 5683))
        answers, end = [], loop.time() + order.get("seconds", 1)
        while (left := end - loop.time()) > 0:
            try:
                data, source = await asyncio.wait_for(loop.sock_recvfrom(sock, 65535), left)
            except TimeoutError:
                break
            message = aiocoap.Message.decode(data)
            if message.mtype is CON:
                empty = aiocoap.Message(code=Code.EMPTY)
                empty.mtype, empty.mid, empty.token = ACK, message.mid, b""
                await loop.sock_sendto(sock, empty.encode(), source)
            if message.token != request.token:
                continue
            block = message.opt.block2
            answers.append({"from": source[0], "port": source[1], "type": message.mtype.name,
                            "more": bool(block and block.more),
                            **(described(message) if not (block and block.more) else {"code": message.code.dotted})})
        sock.close()
        return answers

    async def coap(self, order):
        if not self.context:
            self.context = await aiocoap.Context.create_client_context(transports=["udp6"])
        message = a_request(order)
        response = await asyncio.wait_for(self.context.request(message).response, order.get("seconds", 10))
        return described(response)

    async def coap_observe(self, order):
        if not self.context:
            self.context = await aiocoap.Context.create_client_context(transports=["udp6"])
        message = a_request(order)
        message.opt.observe = 0
        request = self.context.request(message)
        first = await asyncio.wait_for(request.response, order.get("seconds", 10))
        number = len(self.observing)

        async def follow():
            try:
                async for notification in request.observation:
                    say({"event": "notification", "observation": number, **described(notification)})
            except aiocoap.error.Error as error:
                say({"event": "observation-ended", "observation": number, "why": type(error).__name__})

        self.observing.append((request, asyncio.create_task(follow())))
        return {"observation": number, **described(first)}

    async def coap_unobserve(self, order):
        request, task = self.observing[order["observation"]]
        request.observation.cancel()
        task.cancel()
        return True

    # The server.

    async def sign_in(self, order):
        client = slixmpp.ClientXMPP(order["jid"], order["password"])
        client.ca_certs = order.get("ca")
        client.enable_direct_tls, client.enable_plaintext = False, False
        for plugin in ("xep_0030", "xep_0199", "xep_0047"):
            client.register_plugin(plugin)
        client.plugin["xep_0047"].max_block_size = 65535
        client.plugin["xep_0047"].auto_accept = True
        done = asyncio.get_running_loop().create_future()

        def settle(value):
            if not done.done():
                done.set_result(value)

        async def started(_event):
            await client.get_roster()
            client.send_presence(ppriority=order.get("priority", -10))
            settle(None)

        def presence(stanza):
            self.presences[stanza["from"].full] = {"type": stanza["type"], "priority": stanza["priority"]}
            say({"event": "presence", "jid": stanza["from"].full, "type": stanza["type"], "priority": stanza["priority"]})

        client.add_event_handler("session_start", started)
        client.add_event_handler("presence", presence)
        client.add_event_handler("ibb_stream_start", self._opened)
        client.add_event_handler("ibb_stream_data", self._data)
        client.add_event_handler("ibb_stream_end", self._ended)
        client.add_event_handler("failed_all_auth", lambda _: settle("refused"))
        client.add_event_handler("connection_failed", lambda why: settle(f"no connection: {why}"))
        client.add_event_handler("disconnected", lambda why: say({"event": "disconnected", "reason": str(why)}))
        client.connect(order["server"], order["port"])
        failure = await asyncio.wait_for(done, 15)
        if failure:
            raise ValueError(failure)
        self.xmpp = client
        return {"jid": client.boundjid.full}

    async def open(self, order):
        stream = await self.xmpp.plugin["xep_0047"].open_stream(
            slixmpp.JID(order["to"]), block_size=order.get("blockSize", 65535), use_messages=True,
            timeout=order.get("seconds", 10))
        if stream not in self.sessions:
            self._opened(stream)
        return self.sessions.index(stream)

    def _opened(self, stream):
        """Ours as soon as it is accepted, and the other side's (`use_messages` is what RA-16 asks of both)."""
        if stream in self.sessions:
            return
        stream.use_messages = True
        self.sessions.append(stream)
        self.replies.append(asyncio.Queue())
        say({"event": "session", "session": len(self.sessions) - 1, "peer": stream.peer_jid.full})

    def _ended(self, stream):
        if stream in self.sessions:
            say({"event": "session-closed", "session": self.sessions.index(stream)})

    def _data(self, stream):
        number, payload = self.sessions.index(stream), stream.read()
        try:
            answer = rest.read(payload)
        except ValueError as error:
            say({"event": "unreadable", "session": number, "why": str(error)})
            return
        if answer.method.upper() != "RESPONSE":
            say({"event": "request", "session": number, "method": answer.method, "url": answer.url})
            return
        facts = {"method": answer.method, "line": answer.url, "status": answer.status, "headers": answer.headers,
                 "body": answer.body}
        sequence = rest.header(answer, "Observe")
        if sequence is not None and self.replies[number].empty() and not getattr(stream, "waiting", False):
            say({"event": "notification", "session": number, "sequence": sequence, **facts})
        else:
            self.replies[number].put_nowait(facts)

    async def request(self, order):
        headers = order.get("headers", {"Accept": "application/json"})
        request = rest.Rest(order.get("method", "GET"), order["url"], headers, order.get("body"))
        habits = rest.Habits(**order.get("habits", {}))
        return await self._exchange(order, rest.write(request, habits))

    async def raw(self, order):
        return await self._exchange(order, base64.b64decode(order["payload"]))

    async def _exchange(self, order, payload):
        number = order["session"]
        stream = self.sessions[number]
        if len(payload) > stream.block_size:  # slixmpp would cut it without a word
            raise ValueError(f"{len(payload)} bytes do not fit a block of {stream.block_size}")
        stream.waiting = True
        try:
            await stream.send(payload)
            return await asyncio.wait_for(self.replies[number].get(), order.get("seconds", 10))
        finally:
            stream.waiting = False

    async def close(self, order):
        await self.sessions[order["session"]].close(timeout=5)
        return True

    async def obey(self, order):
        what = order.pop("do")
        if what == "presences":
            return self.presences
        if what == "stanza":
            self.xmpp.send_raw(order["xml"])
            return True
        acts = {"search": self.search, "coap": self.coap, "coap-observe": self.coap_observe,
                "coap-unobserve": self.coap_unobserve, "sign-in": self.sign_in, "open": self.open,
                "request": self.request, "raw": self.raw, "close": self.close}
        return await acts[what](order)

    async def run(self):
        say({"event": "ready"})
        reader = asyncio.StreamReader(limit=1 << 26)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                say({"answer": await self.obey(json.loads(line))})
            except IqError as error:
                say({"error": "iq", "condition": error.iq["error"]["condition"], "type": error.iq["error"]["type"]})
            except (IqTimeout, TimeoutError):
                say({"error": "timeout"})
            except Exception as error:  # the test decides whether it was to be expected
                say({"error": type(error).__name__, "why": str(error)})
        if self.xmpp:
            await asyncio.wait_for(self.xmpp.disconnect(wait=0.2), 2)
        if self.context:
            await self.context.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("PEER_LOG", "ERROR"), stream=sys.stderr)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interface", default="lo")
    try:
        asyncio.run(Client(parser.parse_args()).run())
    except (KeyboardInterrupt, TimeoutError):
        pass
