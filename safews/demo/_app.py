"""The demo's ASGI application: the page at ``/``, an echo at ``/echo``, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any

Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

ECHO_PATH = "/echo"
"""Where the WebSocket is; the page knows it too."""

PAGE = files(__package__).joinpath("page.html").read_bytes()


def _source(tag: bytes) -> str:
    """Return the hash by which a Content-Security-Policy allows the page's one inline element of that name."""
    (content,) = re.findall(rb"<%b>(.*?)</%b>" % (tag, tag), PAGE, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"


# ws: and wss: stand beside 'self' since older browsers did not take it to mean them.
POLICY = (
    f"default-src 'none'; style-src {_source(b'style')}; script-src {_source(b'script')}; img-src data:; "
    "connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", POLICY.encode()),
    (b"cache-control", b"no-cache"),
    (b"x-content-type-options", b"nosniff"),
]
TEXT_HEADERS = [(b"content-type", b"text/plain; charset=utf-8")]


async def app(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Serve one connection, or the lifespan of the server (ASGI 3)."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        await _http(scope, send)
    else:
        await _websocket(scope, receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def _http(scope: Mapping[str, Any], send: Send) -> None:
    if scope["path"] != "/":
        await _respond(send, 404, TEXT_HEADERS, b"There is nothing here. The page is at /\n", scope["method"])
    elif scope["method"] in ("GET", "HEAD"):
        await _respond(send, 200, PAGE_HEADERS, PAGE, scope["method"])
    else:
        headers = [*TEXT_HEADERS, (b"allow", b"GET, HEAD")]
        await _respond(send, 405, headers, b"The page can only be read.\n", scope["method"])


async def _respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes, method: str) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _websocket(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] != ECHO_PATH:
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})
