"""The light at the XMPP server: slixmpp, In-Band Bytestreams over message stanzas, `<rest>` inside.

Scope: signing in with the specification's resource, sessions, requests, observations, and the habits a test asks for.
Non-scope: what requests do (`oic`), how the payload is spelt (`rest`).
"""

import asyncio
import base64
import textwrap

import slixmpp
from slixmpp.exceptions import XMPPError
from slixmpp.plugins.xep_0047.stream import IBBytestream
from slixmpp.xmlstream import ET

import rest
from oic import note, say

IBB = "http://jabber.org/protocol/ibb"
HINTS = "urn:xmpp:hints"
PRIORITY = -50


class Peer(slixmpp.ClientXMPP):
    """One signed-in device."""

    def __init__(self, jid, password, device, options):
        super().__init__(jid, password)
        self.device, self.options = device, options
        self.wanted = jid
        self.ca_certs = options.ca
        self.enable_direct_tls, self.enable_plaintext = False, False
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0047")
        self.ibb = self.plugin["xep_0047"]
        self.ibb.auto_accept = False
        self.ibb.max_block_size = options.block_size
        self.ibb.api.register(self._authorized, "authorized", default=True)
        self.sessions = {}
        self.observations = {}
        self.answers = []
        self.stopping = False
        self.device.watchers.append(self._changed)
        self.add_event_handler("session_start", self._start)
        self.add_event_handler("ibb_stream_start", self._opened)
        self.add_event_handler("ibb_stream_data", self._data)
        self.add_event_handler("ibb_stream_end", self._ended)
        self.add_event_handler("failed_all_auth", lambda _: self._failed("the server refused the credentials"))
        self.add_event_handler("connection_failed", self._unreachable)
        self.add_event_handler("ssl_invalid_chain", lambda why: self._failed(f"certificate: {why}"))
        self.add_event_handler("disconnected", self._disconnected)

    def stop(self):
        self.stopping = True
        if self._changed in self.device.watchers:
            self.device.watchers.remove(self._changed)
        return self.disconnect(wait=0.2)

    def _failed(self, words):
        self.device.report("Error", words)
        self.stop()

    def _unreachable(self, why):
        """slixmpp itself tries again, each time later."""
        if self.device.status != "Error":
            self.device.report("Error", f"cannot connect: {why}")

    def _disconnected(self, why):
        say("disconnected", reason=str(why))
        if self.stopping:
            return
        self.sessions.clear()
        self.observations.clear()
        self.device.report("Error", "the server ended the connection")
        address = self.custom_address
        asyncio.get_running_loop().call_later(1, lambda: self.stopping or self.connect(*address))

    async def _start(self, _event):
        if self.boundjid.full != self.wanted:  # L413-416
            self._failed(f"the server changed my address to {self.boundjid.full}")
            return
        await self.get_roster()
        self.send_presence(ppriority=PRIORITY)
        self.device.report("Connected")
        say("online", jid=self.boundjid.full, mechanism=self.plugin["feature_mechanisms"].mech.name)

    # Sessions.

    async def _authorized(self, _jid, sid, peer, _iq):
        """Our own account only (L434-442)."""
        if peer.bare != self.boundjid.bare:
            say("stranger", jid=peer.full, what="open")
            return False
        if self.options.refuse_sessions:
            return False
        if self.options.single_session and any(key[0] == peer.full for key in self.sessions):
            return False
        return True

    def _opened(self, stream):
        stream.use_messages = not self.options.iq_data
        self.sessions[(stream.peer_jid.full, stream.sid)] = stream
        say("session", peer=stream.peer_jid.full, blockSize=stream.block_size)

    def _ended(self, stream):
        self.sessions.pop((stream.peer_jid.full, stream.sid), None)
        self.observations.pop((stream.peer_jid.full, stream.sid), None)
        say("session-closed", peer=stream.peer_jid.full)

    async def _data(self, stream):
        if stream.stream_in_closed:  # closed in the same breath: slixmpp would raise
            return
        payload = stream.read()
        say("received", bytes=len(payload))
        if self.options.mute:
            say("ignored")
            return
        if self.options.slow:
            await asyncio.sleep(self.options.slow)
        if self.answers:
            raw = self.answers.pop(0)
            say("answered-raw", bytes=len(raw))
            for start in range(0, len(raw), stream.block_size):
                await self._send_block(stream, raw[start:start + stream.block_size])
            return
        try:
            request = rest.read(payload)
        except ValueError as error:
            note("not a request:", error)
            await self._respond(stream, 400, {}, None)
            return
        observe = rest.header(request, "Observe")
        reply = self.device.handle(request.method.upper(), request.path, request.query, request.body, "xmpp")
        headers = {}
        identifier = rest.header(request, "X-Request-Id")
        if identifier is not None and not self.options.habits.no_request_id:
            headers["X-Request-Id"] = identifier
        if reply.status == 200 and observe is not None and not self.options.no_observe:
            key = (stream.peer_jid.full, stream.sid)
            if observe.strip() == "0":
                self.observations.setdefault(key, {})[request.path] = 1
                headers["Observe"] = "1"
                say("observed", via="xmpp", path=request.path)
            elif observe.strip() == "1":
                self.observations.get(key, {}).pop(request.path, None)
                say("unobserved", via="xmpp", path=request.path)
        status = 204 if reply.status == 200 and reply.body is None else reply.status
        await self._respond(stream, status, headers, reply.body)

    async def _respond(self, stream, status, headers, body):
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = rest.Rest("RESPONSE", self.options.habits.status_line(status), headers, body)
        await self.send_bytes(stream, rest.write(answer, self.options.habits))

    def _changed(self, path):
        for key, paths in list(self.observations.items()):
            if path in paths and key in self.sessions:
                paths[path] += 1
                body = self.device.represent(path, [])
                asyncio.get_running_loop().create_task(
                    self._respond(self.sessions[key], 200, {"Observe": str(paths[path])}, body))

    # Bytes.

    async def send_bytes(self, stream, payload):
        """slixmpp's own `send` cuts what is too long without a word, and cannot wrap lines."""
        size = min(stream.block_size, self.options.split or stream.block_size)
        if len(payload) > size and not self.options.split:
            note(f"{len(payload)} bytes do not fit a block of {size}")
            return
        if self.options.double_base64:
            payload = base64.b64encode(payload)
        for start in range(0, len(payload), size):
            await self._send_block(stream, payload[start:start + size])

    async def _send_block(self, stream, block):
        if not stream.use_messages:
            await stream.send(block)
            return
        text = base64.b64encode(block).decode("ascii")
        if self.options.wrapped_base64:
            text = "\n" + textwrap.fill(text, 64) + "\n"
        stream.send_seq = (stream.send_seq + 1) % 65536
        message = self.make_message(mto=stream.peer_jid, mtype="normal")
        message["id"] = self.new_id()
        data = ET.Element(f"{{{IBB}}}data", {"seq": str(stream.send_seq), "sid": stream.sid})
        data.text = text
        message.xml.append(data)
        message.xml.append(ET.Element(f"{{{HINTS}}}no-store"))
        message.xml.append(ET.Element(f"{{{HINTS}}}no-copy"))
        message.send()


async def open_session(client, jid, block_size=65535):
    """An IBB session to `jid` over message stanzas; for the client side."""
    stream = await client.plugin["xep_0047"].open_stream(slixmpp.JID(jid), block_size=block_size, use_messages=True, timeout=10)
    assert isinstance(stream, IBBytestream)
    return stream


__all__ = ["Peer", "XMPPError", "open_session"]
