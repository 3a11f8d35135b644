"""The resources of one OIC light, and what each request does to them.

Scope: the device's state and its answers, in HTTP's numbers. Non-scope: how requests arrive (`coap_side`, `xmpp_side`).
Shares no code with the project on purpose: it is the second opinion.
"""

import base64
import dataclasses
import json
import sys
import time


def say(event, **facts):
    """One line of JSON on standard output: the only thing a test reads."""
    print(json.dumps({"event": event, **facts}), flush=True)


def note(*words):
    """For a person who looks into a failed test; standard error."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


@dataclasses.dataclass
class Reply:
    """How a request ended: HTTP's number, a representation, or the device's own words."""

    status: int
    body: object = None
    words: str = ""


class Device:
    """A light with Remote Access, a place for notes (Create, Delete), and the faults that a test asks for."""

    def __init__(self, options):
        self.options = options
        self.di = options.di
        self.name = options.name
        self.type = options.type
        self.light = {"value": False}
        self.brightness = {"dimmingSetting": 40}
        self.notes = {}
        self.notes_made = 0
        self.server = {"address": "", "port": 5222}
        self.user = {"jid": "", "credential": ""}
        self.status = "NotInitialized"
        self.reason = ""
        self.watchers = []
        self.on_configured = lambda: None

    # What there is.

    def links(self):
        """(href, rt, if, observable) of everything that /oic/res lists."""
        server, user = self.options.ra_uris
        listed = [
            ("/oic/res", ["oic.wk.res"], ["oic.if.ll", "oic.if.baseline"], False),
            ("/oic/d", ["oic.wk.d", self.type], ["oic.if.r", "oic.if.baseline"], False),
            ("/oic/p", ["oic.wk.p"], ["oic.if.r", "oic.if.baseline"], False),
            (server, ["oic.ra.xmpp"], ["oic.if.s"], False),
            (user, ["oic.ra.user"], ["oic.if.s"], False),
            ("/light", ["oic.r.switch.binary"], ["oic.if.a", "oic.if.baseline"], not self.options.no_observe),
            ("/brightness", ["oic.r.light.dimming"], ["oic.if.a", "oic.if.baseline"], not self.options.no_observe),
            ("/notes", ["x.example.notes"], ["oic.if.baseline", "oic.if.rw"], False),
        ]
        if self.options.collection:
            listed.append(("/all", ["oic.wk.col"], ["oic.if.b", "oic.if.ll"], False))
        listed += [(f"/padding/{n}", ["x.example.padding", "x.example.room"], ["oic.if.baseline", "oic.if.r"], False)
                   for n in range(self.options.pad)]
        return [link for link in listed if not (self.options.unlisted_ra and link[1][0].startswith("oic.ra."))]

    def represent(self, path, query):
        link = next((link for link in self.links() if link[0] == path), None)
        common = {"rt": link[1], "if": link[2]} if link and "if=oic.if.baseline" in query else {}
        server, user = self.options.ra_uris
        if path == "/oic/d":
            return {**common, "n": self.name, "di": self.di, "icv": "core.1.1.0", "dmv": "res.1.1.0",
                    "rt": ["oic.wk.d", self.type]}
        if path == "/oic/p":
            return {**common, "pi": self.di, "mnmn": "Independent Lamps", "mnmo": "IL-1"}
        if path in (server, "/XMPPResURI"):
            reason = {"error" if self.options.reason_is_error else "ErrorReason": self.reason} if self.reason else {}
            return {**common, **self.server, "status": self.status, **reason}
        if path in (user, "/XMPPUserResURI"):
            return {**common, **self.user}
        if path == "/light":
            return {**common, **self.light}
        if path == "/brightness":
            return {**common, **self.brightness}
        if path.startswith("/padding/") and link:
            return {**common, "number": int(path.rsplit("/", 1)[1]), "text": "padding " * 500}
        if path == "/all" and link:
            members = ["/light", user]
            if "if=oic.if.ll" in query:
                return [{"href": href} for href in members]
            return [{"href": href, "rep": self.represent(href, [])} for href in members]
        if path == "/notes":
            return {**common, "links": [{"href": href} for href in sorted(self.notes)]}
        return self.notes.get(path)

    # What a request does.

    def handle(self, method, path, query, body, via):
        reply = self._answer(method, path, query, body)
        shown = body
        if isinstance(body, dict) and "credential" in body:
            shown = {**body, "credential": _described(body["credential"])}
        say("request", via=via, method=method, path=path, query=query, body=shown, status=reply.status)
        return reply

    def _answer(self, method, path, query, body):
        server, user = self.options.ra_uris
        if path in (user, "/XMPPUserResURI") and method == "GET" and self.options.user_unreadable:
            return Reply(403, words="onboarding only")
        refused = self.options.refuse.get(f"{method} {path}")
        if refused:
            return Reply(refused, words=self.options.words)
        present = self.represent(path, query)
        if present is None:
            return Reply(404, words="no such resource")
        if method == "GET":
            return Reply(200, present)
        if method == "DELETE":
            if path not in self.notes:
                return Reply(405)
            del self.notes[path]
            return Reply(200)
        if not isinstance(body, dict):
            return Reply(400, words="a map was expected")
        if path == "/notes" and method == "POST":
            self.notes_made += 1
            href = f"/notes/{self.notes_made}"
            self.notes[href] = body
            return Reply(201, {"href": href, **body})
        if path in self.notes:
            self.notes[path] = body if method == "PUT" else {**self.notes[path], **body}
            return Reply(200, self.notes[path])
        if path == "/light":
            return self._update(path, self.light, "value", bool, body)
        if path == "/brightness":
            return self._update(path, self.brightness, "dimmingSetting", int, body)
        if path in (server, "/XMPPResURI") and method == "POST":
            if set(body) - {"address", "port"}:
                return Reply(400, words="address and port only")
            self.server.update(body)
            self._configured()
            return Reply(200, self.represent(server, []))
        if path in (user, "/XMPPUserResURI") and method == "POST":
            if set(body) - {"jid", "credential"}:
                return Reply(400, words="jid and credential only")
            self.user.update(body)
            self._configured()
            return Reply(200) if self.options.user_unreadable else Reply(200, dict(self.user))
        return Reply(405)

    def _update(self, path, state, name, kind, body):
        if not isinstance(body.get(name), kind) or (kind is int and isinstance(body[name], bool)):
            return Reply(400, words=f"{name}: {kind.__name__} expected")
        self.change(path, {name: body[name]})
        return Reply(200) if self.options.bare_success else Reply(200, dict(state))

    def change(self, path, properties):
        """A change from within (a hand on the wall switch) or from a request: observers hear of it."""
        {"/light": self.light, "/brightness": self.brightness}[path].update(properties)
        say("changed", path=path, value=self.represent(path, []))
        for watcher in list(self.watchers):
            watcher(path)

    def _configured(self):
        if not (self.user["jid"] and self.user["credential"]):
            self.report("NotInitialized")
            self.on_configured()
        elif self.server["address"] and self.options.reports_error:
            self.report("Error", self.options.reports_error)
        elif self.server["address"]:
            self.on_configured()

    def report(self, status, reason=""):
        self.status, self.reason = status, reason
        say("status", status=status, reason=reason)

    def password(self):
        return base64.b64decode(self.user["credential"], validate=True).decode("utf-8")


def _described(credential):
    """Never the credential itself: whether it is base64 of UTF-8, and of how many characters."""
    try:
        return f"base64 of {len(base64.b64decode(credential, validate=True).decode('utf-8'))} characters"
    except (ValueError, TypeError):
        return "not base64"
