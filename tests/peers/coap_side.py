"""The light on the local network: aiocoap for unicast, and a multicast socket of its own that answers from there.

Scope: /oic/res in all four dialects, CRUDN and Observe over CoAP. Non-scope: what requests do (`oic`).
"""

import asyncio
import random
import socket
import struct
import uuid

import aiocoap
import cbor2
from aiocoap import resource
from aiocoap.numbers.codes import Code
from aiocoap.numbers.types import ACK, CON, NON

from oic import note, say

OCF, OIC = 10000, 60
CONTENT_FORMAT_VERSION = 2053
GROUP_V4 = "224.0.1.187"
GROUPS_V6 = ["ff02::158", "ff03::158", "ff05::158"]
PORT = 5683
CODES = {200: None, 201: Code.CREATED, 400: Code.BAD_REQUEST, 401: Code.UNAUTHORIZED, 403: Code.FORBIDDEN,
         404: Code.NOT_FOUND, 405: Code.METHOD_NOT_ALLOWED, 406: Code.NOT_ACCEPTABLE, 413: Code.REQUEST_ENTITY_TOO_LARGE,
         415: Code.UNSUPPORTED_CONTENT_FORMAT, 500: Code.INTERNAL_SERVER_ERROR, 503: Code.SERVICE_UNAVAILABLE}
SUCCESS = {"GET": Code.CONTENT, "DELETE": Code.DELETED}


class Root(resource.ObservableResource):
    """All paths of the device. aiocoap hands every request here, because this is the context's whole site."""

    def __init__(self, device, dialect):
        super().__init__()
        self.device = device
        self.dialect = dialect
        self.format = OCF if dialect == "ocf" else OIC
        self.ports = {}
        self.observed = {}
        device.watchers.append(self._changed)

    def answer(self, request, local_host, multicast):
        """The answer, or None for silence."""
        method, path = str(request.code), "/" + "/".join(request.opt.uri_path)
        query = list(request.opt.uri_query)
        if request.opt.accept is not None and request.opt.accept != self.format:
            return aiocoap.Message(code=Code.NOT_ACCEPTABLE)
        body = None
        if request.payload:
            if request.opt.content_format not in (self.format, OIC, None):
                return aiocoap.Message(code=Code.UNSUPPORTED_CONTENT_FORMAT)
            try:
                body = cbor2.loads(request.payload)
            except cbor2.CBORDecodeError:
                return aiocoap.Message(code=Code.BAD_REQUEST, payload=b"not CBOR")
        if method == "GET" and path == "/oic/res":
            say("searched", query=query, multicast=multicast, accept=request.opt.accept)
            return self._discovery(query, local_host, multicast)
        if multicast:
            return None
        reply = self.device.handle(method, path, query, body, "coap")
        code = CODES.get(reply.status, Code.INTERNAL_SERVER_ERROR) or SUCCESS.get(method, Code.CHANGED)
        if reply.body is None:
            return aiocoap.Message(code=code, payload=reply.words.encode("utf-8"))
        return self._cbor(code, reply.body)

    def _cbor(self, code, body):
        answer = aiocoap.Message(code=code, payload=cbor2.dumps(body), content_format=self.format)
        if self.format == OCF:
            answer.opt.add_option(_uint_option(CONTENT_FORMAT_VERSION, 2048))
        return answer

    def _discovery(self, query, local_host, multicast):
        wanted = [part[3:] for part in query if part.startswith("rt=")]
        links = [link for link in self.device.links() if all(rt in link[1] for rt in wanted)]
        if not links:
            return None if multicast else aiocoap.Message(code=Code.BAD_REQUEST)
        if self.format == OCF:
            host = f"[{local_host}]" if ":" in local_host else local_host
            port = self.ports[6 if ":" in local_host else 4]
            listed = [{"anchor": f"ocf://{self.device.di}", "href": href, "rt": rt, "if": interfaces,
                       "p": {"bm": 3 if observable else 1}, "eps": [{"ep": f"coap://{host}:{port}"}]}
                      for href, rt, interfaces, observable in links]
            if "if=oic.if.baseline" in query:
                listed = [{"rt": ["oic.wk.res"], "if": ["oic.if.ll", "oic.if.baseline"], "links": listed}]
        elif self.dialect == "oic":
            listed = [{"di": self.device.di, "links": [
                {"href": href, "rt": rt, "if": interfaces, "p": {"bm": 3 if observable else 1}}
                for href, rt, interfaces, observable in links]}]
        else:
            # IoTivity 1.0: the id in sixteen bytes, names in one text with spaces.
            di = uuid.UUID(self.device.di).bytes
            old = [{"href": href, "rt": " ".join(rt), "if": " ".join(interfaces), "p": {"bm": 3 if observable else 1}}
                   for href, rt, interfaces, observable in links]
            one_each = self.dialect == "iotivity-1.0.0"
            listed = [{"di": di, "links": [link]} for link in old] if one_each else [{"di": di, "links": old}]
        return self._cbor(Code.CONTENT, listed)

    # aiocoap's side.

    async def render(self, request):
        local = request.remote.hostinfo_local.rsplit(":", 1)[0].strip("[]")
        return self.answer(request, local, False)

    async def add_observation(self, request, serverobservation):
        path = "/" + "/".join(request.opt.uri_path)
        observable = any(link[0] == path and link[3] for link in self.device.links())
        if not observable:
            return
        watching = self.observed.setdefault(path, set())
        watching.add(serverobservation)
        say("observed", via="coap", path=path)
        serverobservation.accept(lambda: (watching.discard(serverobservation), say("unobserved", via="coap", path=path)))

    def _changed(self, path):
        for observation in list(self.observed.get(path, ())):
            observation.trigger()


class Multicast(asyncio.DatagramProtocol):
    """Hears the groups on port 5683 and answers by unicast from the device's own port, as real stacks do."""

    def __init__(self, root, context, local_host, confirmable):
        self.root, self.context, self.local_host, self.confirmable = root, context, local_host, confirmable
        self.silent = False
        self.unacknowledged = set()
        self.manager = context.request_interfaces[0].token_interface
        self._watch_acknowledgements()

    def datagram_received(self, data, source):
        if self.silent:
            return
        try:
            request = aiocoap.Message.decode(data)
        except Exception as error:  # whatever arrives on an open port
            note("unreadable multicast:", error)
            return
        if not request.code.is_request():
            return
        answer = self.root.answer(request, self.local_host, True)
        if answer is None:
            return
        if len(answer.payload) > 1024:
            answer.payload = answer.payload[:1024]
            answer.opt.block2 = (0, True, 6)
        answer.mtype = CON if self.confirmable else NON
        answer.mid, answer.token = random.randrange(65536), request.token
        target = ("::ffff:" + source[0] if ":" not in source[0] else source[0], source[1],
                  0, source[3] if len(source) > 3 else 0)
        asyncio.get_running_loop().create_task(self._send(answer, target))

    async def _send(self, answer, target):
        """RFC 7252 section 4.2's timing where the answer is confirmable."""
        self.unacknowledged.add(answer.mid)
        for wait in (2, 4, 8):
            self.manager.message_interface.transport.sendmsg(answer.encode(), [], 0, target)
            if not self.confirmable:
                break
            await asyncio.sleep(wait)
            if answer.mid not in self.unacknowledged:
                break
        else:
            say("unacknowledged")

    def _watch_acknowledgements(self):
        dispatch = self.manager.dispatch_message

        def watched(message):
            if message.mtype is ACK and message.mid in self.unacknowledged:
                self.unacknowledged.discard(message.mid)
                say("acknowledged")
                return
            if not self.silent:
                dispatch(message)

        self.manager.dispatch_message = watched


def _uint_option(number, value):
    from aiocoap.numbers.optionnumbers import OptionNumber
    from aiocoap.optiontypes import UintOption
    return UintOption(OptionNumber(number), value)


async def serve(device, options):
    """Opens the sockets; returns (addresses, the multicast listeners)."""
    root = Root(device, options.dialect)
    loop = asyncio.get_running_loop()
    listeners, addresses = [], []
    index = socket.if_nametoindex(options.interface)
    for host in options.bind:
        context = await aiocoap.Context.create_server_context(root, bind=(host, 0), transports=["udp6"])
        port = context.request_interfaces[0].token_interface.message_interface._local_port()
        version = 6 if ":" in host else 4
        root.ports[version] = port
        plain = host.split("%")[0]
        addresses.append(f"[{plain}]:{port}" if version == 6 else f"{host}:{port}")
        listener = Multicast(root, context, plain, options.confirmable_answers)
        for sock in _group_sockets(version, host, index):
            await loop.create_datagram_endpoint(lambda listener=listener: listener, sock=sock)
        listeners.append(listener)
    return addresses, listeners


def _group_sockets(version, host, index):
    if version == 4:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((GROUP_V4, PORT))
        member = struct.pack("4s4si", socket.inet_aton(GROUP_V4), socket.inet_aton(host), index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        yield sock
        return
    for group in GROUPS_V6:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((group, PORT, 0, index))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, group) + struct.pack("i", index))
        yield sock
