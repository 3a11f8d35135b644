"""The `<rest>` payload of OIC Remote Access 1.0 (7.3.1), written from the specification's text alone.

Scope: text to request or response and back, with the spelling habits that peers have. Non-scope: base64, IBB, stanzas.
"""

import dataclasses
import json
import xml.etree.ElementTree as ET
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

REST = "rest.oic.org"
JSON = "urn:xmpp:json:0"
REASONS = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
           404: "Not Found", 405: "Method Not Allowed", 415: "Unsupported Media Type", 500: "Internal Server Error"}


@dataclasses.dataclass
class Habits:
    """How a peer writes; all of it is to be understood."""

    case: str = "upper"
    prefixed: bool = False
    no_reason: bool = False
    http_prefix: bool = False
    no_request_id: bool = False

    def method(self, name):
        return {"upper": name.upper, "lower": name.lower, "title": name.title}[self.case]()

    def status_line(self, status):
        reason = "" if self.no_reason else " " + REASONS.get(status, "Unknown")
        return ("HTTP/1.1 " if self.http_prefix else "") + str(status) + reason


@dataclasses.dataclass
class Rest:
    """One request (`method`, `url`) or response (`status`), its headers and its body."""

    method: str
    url: str
    headers: dict
    body: object = None

    @property
    def path(self):
        return urlsplit(self.url).path or "/"

    @property
    def query(self):
        return [part for part in urlsplit(self.url).query.split("&") if part]

    @property
    def status(self):
        words = self.url.split()
        return int(words[1] if words[0].upper().startswith("HTTP/") else words[0])


def write(rest, habits=Habits()):
    """The payload as bytes."""
    rest_prefix, json_prefix = ("ns0:", "ns1:") if habits.prefixed else ("", "")
    rest_ns, json_ns = ("xmlns:ns0", "xmlns:ns1") if habits.prefixed else ("xmlns", "xmlns")
    p, j = rest_prefix, json_prefix
    lines = [f'<{p}rest {rest_ns}="{REST}">',
             f"<{p}url method={quoteattr(habits.method(rest.method))}>{escape(rest.url)}</{p}url>",
             f"<{p}headers>"]
    lines += [f"<{p}header name={quoteattr(name)}>{escape(str(value))}</{p}header>"
              for name, value in rest.headers.items()]
    lines.append(f"</{p}headers>")
    if rest.body is not None:
        text = escape(json.dumps(rest.body))
        lines.append(f'<{p}body><{j}json {json_ns}="{JSON}">{text}</{j}json></{p}body>')
    lines.append(f"</{p}rest>")
    return "\n".join(lines).encode("utf-8")


def read(payload):
    """Raises ValueError for whatever is not a `<rest>`."""
    try:
        root = ET.fromstring(payload.decode("utf-8"))
    except ET.ParseError as error:
        raise ValueError(f"not XML: {error}") from error
    if root.tag != f"{{{REST}}}rest":
        raise ValueError(f"not a rest element: {root.tag}")
    url = root.find(f"{{{REST}}}url")
    if url is None or not url.get("method"):
        raise ValueError("no url, or no method")
    headers = {h.get("name", ""): (h.text or "").strip() for h in root.iterfind(f"{{{REST}}}headers/{{{REST}}}header")}
    text = root.findtext(f"{{{REST}}}body/{{{JSON}}}json")
    body = json.loads(text) if text and text.strip() else None
    return Rest(url.get("method"), (url.text or "").strip(), headers, body)


def header(rest, name):
    """A header's value; names have no case."""
    return next((value for key, value in rest.headers.items() if key.lower() == name.lower()), None)
