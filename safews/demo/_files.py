"""The files of the page, and the headers that keep everything else out of it."""

from __future__ import annotations

import re
from importlib.resources import files

from ._asgi import Scope, Send

TYPES = {"html": b"text/html", "css": b"text/css", "js": b"text/javascript"}

FILES = {f"/{file.name}": file.read_bytes() for file in files(__package__).joinpath("page").iterdir()}
FILES["/"] = FILES.pop("/page.html")

POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'{socket}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HOST = re.compile(rb"[a-z0-9.-]+(:[0-9]+)?|\[[0-9a-f:.]+\](:[0-9]+)?", re.IGNORECASE)

PLAIN = (b"content-type", b"text/plain; charset=utf-8")


async def respond(scope: Scope, send: Send) -> None:
    """Answer a request for a file."""
    body = FILES.get(scope["path"])
    if body is None:
        await _send(scope, send, 404, [PLAIN], b"There is nothing here. The page is at /\n")
    elif scope["method"] not in ("GET", "HEAD"):
        await _send(scope, send, 405, [PLAIN, (b"allow", b"GET, HEAD")], b"This can only be read.\n")
    else:
        await _send(scope, send, 200, _headers(scope), body)


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    extension = scope["path"].rpartition(".")[2]
    return [
        (b"content-type", TYPES.get(extension, TYPES["html"]) + b"; charset=utf-8"),
        (b"content-security-policy", POLICY.format(socket=_socket_source(scope)).encode()),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-cache"),
    ]


def _socket_source(scope: Scope) -> str:
    """Return the page's own WebSockets as a source: not every browser takes ``'self'`` to mean them."""
    host = dict(scope["headers"]).get(b"host", b"")
    if not _HOST.fullmatch(host):
        return ""
    return f" {'wss' if scope['scheme'] == 'https' else 'ws'}://{host.decode()}"


async def _send(scope: Scope, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
