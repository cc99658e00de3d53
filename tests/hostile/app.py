"""What hostile peers connect to: sessions of several kinds, and over HTTP what the process still has of them."""

from __future__ import annotations

import asyncio
import gc
import json
from typing import Any

from uvicorn.server import ServerState

from tests.failures.apps.worse_base import Receive, Send, echo, say, serve

PART = bytes(16 * 1024)

TURNS = 500
"""More turns of the event loop than what one read brings can take: frames of two bytes and a key, 256 in each."""


class Doors:
    """Where sessions wait that do not receive, until ``/release`` lets all go that wait there."""

    def __init__(self) -> None:
        self._released = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next release."""
        await self._released.wait()

    def release(self) -> None:
        """Let go who waits."""
        self._released.set()
        self._released = asyncio.Event()


doors = Doors()


async def idles(receive: Receive, send: Send) -> None:
    """Receive nothing, until released."""
    await doors.wait()


async def takes(receive: Receive, send: Send) -> None:
    """Receive all there is, and say how much it was."""
    messages = size = 0
    while (message := await receive())["type"] == "websocket.receive":
        messages += 1
        size += len(message.get("bytes") or message.get("text") or "")
    say(f"took {messages} messages of {size} in all")


async def sends(receive: Receive, send: Send) -> None:
    """Send without end."""
    while True:
        await send({"type": "websocket.send", "bytes": PART})


async def closes(receive: Receive, send: Send) -> None:
    """Close at once, and wait for the end."""
    await send({"type": "websocket.close"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def fills(receive: Receive, send: Send) -> None:
    """Fill the buffers, so that one send waits, and return: the Close stands behind it all."""
    sending = asyncio.ensure_future(sends(receive, send))
    await asyncio.wait([sending], timeout=0.2)
    sending.cancel()
    await asyncio.wait([sending])


def facts() -> dict[str, int]:
    """Count the WebSockets that the server knows, those that are not read, their apps, and the objects in memory."""
    gc.collect()
    objects = gc.get_objects()
    (state,) = (found for found in objects if isinstance(found, ServerState))
    connections: list[Any] = [found for found in state.connections if is_websocket(found)]
    return {
        "connections": len(connections),
        "unread": sum(not found.transport.is_reading() for found in connections),
        "tasks": len(state.tasks - {asyncio.current_task()}),
        "protocols": sum(is_websocket(found) for found in objects),
    }


def is_websocket(found: object) -> bool:
    """Say whether an object is a WebSocket protocol of safews or of uvicorn."""
    return any(base.__name__ in NAMES for base in type(found).__mro__)


NAMES = ("WebSocketProtocol", "WebSocketsSansIOProtocol", "WSProtocol")

_sessions = serve(echo=echo, idles=idles, takes=takes, sends=sends, closes=closes, fills=fills)


async def settle() -> None:
    """Let all that has been read be parsed: it goes in portions, one in each turn of the event loop."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer every HTTP request with the facts, ``/release`` and ``/settle`` too; leave the rest to the sessions."""
    if scope["type"] != "http":
        await _sessions(scope, receive, send)
        return
    if scope["path"] == "/release":
        doors.release()
    elif scope["path"] == "/settle":
        await settle()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": json.dumps(facts()).encode()})
