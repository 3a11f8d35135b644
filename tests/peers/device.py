"""A complete OIC light that shares no code with the project: aiocoap on the network, slixmpp at the server.

Prints one line of JSON per thing that happened (`ready`, `searched`, `request`, `status`, `online`, ...); takes lines of
JSON on standard input (`{"do": "set", "path": "/light", "value": {"value": true}}`); ends with its standard input.
"""

import argparse
import asyncio
import base64
import json
import logging
import os
import sys
import uuid

from coap_side import serve
from oic import Device, note, say
from rest import Habits
from xmpp_side import Peer


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--interface", default="lo", help="where to join the groups")
    p.add_argument("--bind", action="append", help="an own address on it, repeatable; default 127.0.0.1")
    p.add_argument("--dialect", choices=["ocf", "oic", "iotivity-1.0.0", "iotivity-1.0.1"], default="ocf")
    p.add_argument("--pad", type=int, default=0, help="so many resources more, to fill blocks")
    p.add_argument("--di", default=str(uuid.uuid4()))
    p.add_argument("--name", default="Independent light")
    p.add_argument("--type", default="oic.d.light")
    p.add_argument("--ca", help="the certificate authority that the XMPP server's certificate must come from")
    p.add_argument("--connect-to", metavar="HOST", help="go there instead of to the address that was set")
    p.add_argument("--ra-uris", nargs=2, default=["/vendor/remote", "/vendor/credentials"])
    # What it refuses or gets wrong.
    p.add_argument("--refuse", nargs=2, action="append", default=[], metavar=("'METHOD /path'", "STATUS"))
    p.add_argument("--words", default="not now", help="its own words with a refusal")
    p.add_argument("--user-unreadable", action="store_true", help="GET of oic.ra.user is 4.03 (RA-7)")
    p.add_argument("--unlisted-ra", action="store_true", help="the RA resources are only at the well-known URIs")
    p.add_argument("--reports-error", metavar="REASON", help="says Error instead of signing in")
    p.add_argument("--reason-is-error", action="store_true", help="the reason's property is called error (Table 2)")
    p.add_argument("--confirmable-answers", action="store_true", help="answers multicast with CON")
    p.add_argument("--collection", action="store_true", help="hands out light and credentials together, by default")
    p.add_argument("--bare-success", action="store_true", help="success without a body")
    p.add_argument("--no-observe", action="store_true")
    p.add_argument("--other-di", metavar="DI", help="claims this di in /oic/d once it is online")
    # How it talks over XMPP.
    p.add_argument("--method-case", choices=["upper", "lower", "title"], default="upper")
    p.add_argument("--prefixed", action="store_true", help="namespaces with prefixes")
    p.add_argument("--wrapped-base64", action="store_true")
    p.add_argument("--double-base64", action="store_true", help="base64 inside IBB's own")
    p.add_argument("--no-reason", action="store_true", help="200 instead of 200 OK")
    p.add_argument("--http-prefix", action="store_true", help="HTTP/1.1 200 OK")
    p.add_argument("--no-request-id", action="store_true")
    p.add_argument("--iq-data", action="store_true", help="sends data in iq stanzas")
    p.add_argument("--split", type=int, help="splits messages into blocks of so many bytes")
    p.add_argument("--block-size", type=int, default=65535, help="the largest it takes")
    p.add_argument("--single-session", action="store_true", help="refuses a second session of the same peer")
    p.add_argument("--refuse-sessions", action="store_true")
    p.add_argument("--slow", type=float, default=0, help="seconds before each answer over XMPP")
    p.add_argument("--mute", action="store_true", help="takes requests over XMPP and never answers")
    o = p.parse_args()
    o.bind = o.bind or ["127.0.0.1"]
    o.refuse = {what: int(status) for what, status in o.refuse}
    o.habits = Habits(o.method_case, o.prefixed, o.no_reason, o.http_prefix, o.no_request_id)
    return o


class Light:
    """The device with both its sides."""

    def __init__(self, options):
        self.options = options
        self.device = Device(options)
        self.device.on_configured = self.reconnect
        self.peer = None
        self.listeners = []

    def reconnect(self):
        if self.peer:
            self.peer.stop()
            self.peer = None
        device = self.device
        if not (device.user["jid"] and device.user["credential"] and device.server["address"]):
            return
        try:
            password = device.password()
        except ValueError:
            device.report("Error", "the credential is not base64")
            return
        jid = f"{device.user['jid']}/OIC/1.0/{self.options.type}/{self.options.di}"
        self.peer = Peer(jid, password, device, self.options)
        if self.options.other_di:
            self.peer.add_event_handler("session_start", lambda _: setattr(device, "di", self.options.other_di))
        self.peer.connect(self.options.connect_to or device.server["address"], int(device.server["port"]))

    def obey(self, order):
        what = order["do"]
        if what == "set":
            self.device.change(order["path"], order["value"])
        elif what == "away":
            for listener in self.listeners:
                listener.silent = True
            if self.peer:
                self.peer.stop()
                self.peer = None
        elif what == "back":
            for listener in self.listeners:
                listener.silent = False
            self.reconnect()
        elif what == "vanish":  # the power is cut: no footer, no unavailable presence
            for listener in self.listeners:
                listener.silent = True
            if self.peer and self.peer.transport:
                self.peer.transport.abort()
                self.peer = None
        elif what == "option":
            setattr(self.options, order["name"], order["value"])
        elif what == "answer-next":
            if not self.peer:
                raise ValueError("not online")
            payload = base64.b64decode(order["payload"])
            self.peer.answers.append(payload * order.get("times", 1))
        elif what == "stanza":
            self.peer.send_raw(order["xml"])
        else:
            raise ValueError(f"unknown order {what}")

    async def run(self):
        addresses, self.listeners = await serve(self.device, self.options)
        say("ready", di=self.options.di, addresses=addresses)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 26)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                self.obey(json.loads(line))
                say("obeyed")
            except Exception as error:  # a test's mistake is to be seen, not to end the device
                note("order refused:", error)
                say("order-refused", why=str(error))
        if self.peer:
            await asyncio.wait_for(self.peer.stop(), 2)


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("PEER_LOG", "ERROR"), stream=sys.stderr)
    try:
        asyncio.run(Light(parse()).run())
    except (KeyboardInterrupt, TimeoutError):
        pass
