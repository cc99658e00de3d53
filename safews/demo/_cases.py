"""The applications behind the page's cases: each shows one thing that can happen to a connection."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import parse_qs

from ._asgi import Application, Receive, Scope, Send
from ._vanish import vanish

SLOW_SECONDS = 1.5
"""How long the slow app thinks before it accepts."""

FLOOD_MESSAGES = 240
"""How many messages the flood has."""

FLOOD_SIZE = 64 * 1024
"""Bytes of each."""


async def _accept(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})


async def _echo_all(receive: Receive, send: Send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send every message back."""
    await _accept(receive, send)
    await _echo_all(receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Close before accepting: 403."""
    await receive()
    await send({"type": "websocket.close"})


async def deny(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with a response of its own, in two parts."""
    await receive()
    headers = [(b"content-type", b"text/plain"), (b"retry-after", b"60")]
    await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"Too many of you. ", "more_body": True})
    await send({"type": "websocket.http.response.body", "body": b"Try again in a minute.\n"})


async def crash_early(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise before answering: 500."""
    await receive()
    raise RuntimeError("crashed on purpose, before accepting")


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept late, unless the client has left by then; then send every message back."""
    await receive()
    try:
        await asyncio.wait_for(receive(), SLOW_SECONDS)
    except asyncio.TimeoutError:
        await send({"type": "websocket.accept"})
        await _echo_all(receive, send)


async def crash(scope: Scope, receive: Receive, send: Send) -> None:
    """Raise on the first message: Close 1011."""
    await _accept(receive, send)
    await receive()
    raise RuntimeError("crashed on purpose, while open")


async def close(scope: Scope, receive: Receive, send: Send) -> None:
    """Close with the code and the reason of the query; one that may not be sent is a ``ValueError`` in here."""
    query = parse_qs(scope["query_string"].decode())
    await _accept(receive, send)
    await send({"type": "websocket.close", "code": int(query["code"][0]), "reason": query.get("reason", [""])[0]})
    await receive()


async def leave(scope: Scope, receive: Receive, send: Send) -> None:
    """Return without closing: Close 1000."""
    await _accept(receive, send)


async def flood(scope: Scope, receive: Receive, send: Send) -> None:
    """Send as fast as ``send`` lets it: numbered messages that cannot be compressed."""
    await _accept(receive, send)
    noise = os.urandom(FLOOD_SIZE - 4)
    for number in range(FLOOD_MESSAGES):
        await send({"type": "websocket.send", "bytes": number.to_bytes(4, "big") + noise})
    await send({"type": "websocket.close", "code": 1000, "reason": "that was all"})
    await receive()


async def cut(scope: Scope, receive: Receive, send: Send) -> None:
    """Let a client of our own connect to the echo and vanish: a page's WebSocket cannot end without a Close."""
    await _accept(receive, send)
    await vanish(scope["server"], f"/echo?{scope['query_string'].decode()}")


CASES: dict[str, Application] = {
    "/echo": echo,
    "/refuse": refuse,
    "/deny": deny,
    "/crash-early": crash_early,
    "/slow": slow,
    "/crash": crash,
    "/close": close,
    "/leave": leave,
    "/flood": flood,
    "/cut": cut,
}
