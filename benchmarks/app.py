"""The applications that every ASGI server runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_members: set[Send] = set()


def _answer(event: dict[str, Any]) -> dict[str, Any]:
    text = event.get("text")
    if text is not None:
        return {"type": "websocket.send", "text": text}
    return {"type": "websocket.send", "bytes": event["bytes"]}


async def echo(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send every message back."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send(_answer(event))


async def broadcast(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Send every message to all, one after another."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    _members.add(send)
    try:
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            answer = _answer(event)
            for member in list(_members):
                await member(answer)
    finally:
        _members.discard(send)
