"""The application of the soak: a session for each path, and over HTTP at ``/facts`` what the process has of them."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import Any

from uvicorn.server import ServerState

from safews._connection import Connection
from tests.failures.apps.worse_base import Receive, Send, Session, echo, serve
from tests.hostile.app import closes, fills, is_websocket, sends

PURPOSE = "on purpose"
"""What an app says that fails."""

NAP = 0.7
"""Seconds for which an app does not receive."""

PARTS = 128

PAUSE = 0.5
"""Seconds between two messages of an app that sends by itself."""


async def takes(receive: Receive, send: Send) -> None:
    """Receive all there is."""
    while (await receive())["type"] == "websocket.receive":
        pass


async def naps(receive: Receive, send: Send) -> None:
    """Receive nothing for a while, then all there is."""
    await asyncio.sleep(NAP)
    await takes(receive, send)


async def pushes(receive: Receive, send: Send) -> None:
    """Send numbers, and meanwhile receive; what comes is acknowledged."""
    receiving = asyncio.ensure_future(receive())
    number = 0
    while True:
        await asyncio.wait([receiving], timeout=PAUSE)
        if receiving.done():
            message = receiving.result()
            if message["type"] == "websocket.disconnect":
                return
            receiving = asyncio.ensure_future(receive())
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        await send({"type": "websocket.send", "text": str(number)})
        number += 1


def part(number: int) -> bytes:
    """Return one of the parts of what is more than there is room for on the way to a client."""
    return number.to_bytes(2, "big") * 8 * 1024


async def sends_much(receive: Receive, send: Send) -> None:
    """Send all parts for each message."""
    while (await receive())["type"] == "websocket.receive":
        for number in range(PARTS):
            await send({"type": "websocket.send", "bytes": part(number)})


async def waits_in_vain(receive: Receive, send: Send) -> None:
    """Echo, and cancel ``receive`` again and again."""
    while True:
        try:
            message = await asyncio.wait_for(receive(), PAUSE)
        except asyncio.TimeoutError:
            continue
        if message["type"] == "websocket.disconnect":
            return
        await send({**message, "type": "websocket.send"})


async def closes_when_told(receive: Receive, send: Send) -> None:
    """Close after the first message, and wait for the end."""
    await receive()
    await send({"type": "websocket.close", "code": 4001, "reason": "told"})
    await takes(receive, send)


async def returns(receive: Receive, send: Send) -> None:
    """Return after the first message."""
    await receive()


async def fails(receive: Receive, send: Send) -> None:
    """Fail after the first message."""
    await receive()
    raise RuntimeError(PURPOSE)


async def fails_late(receive: Receive, send: Send) -> None:
    """Fail when the peer is gone."""
    await takes(receive, send)
    raise RuntimeError(PURPOSE)


async def refuses(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close"})
    await receive()


async def denies(receive: Receive, send: Send) -> None:
    """Answer with an HTTP response, in parts."""
    await receive()
    await send({"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-why", b"because")]})
    await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})
    await asyncio.sleep(PAUSE)
    await send({"type": "websocket.http.response.body", "body": b"you"})


async def denies_in_part(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.http.response.start", "status": 401})
    await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})


async def never_answers(receive: Receive, send: Send) -> None:
    """Wait for the end without an answer."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def answers_nothing(receive: Receive, send: Send) -> None:
    """Return without an answer."""


async def fails_at_once(receive: Receive, send: Send) -> None:
    raise RuntimeError(PURPOSE)


def _by_name(*sessions: Session) -> dict[str, Session]:
    return {session.__name__: session for session in sessions}


UNACCEPTED = _by_name(refuses, denies, denies_in_part, never_answers, answers_nothing, fails_at_once)

ACCEPTED = _by_name(
    echo,
    takes,
    naps,
    pushes,
    sends_much,
    waits_in_vain,
    sends,
    closes,
    fills,
    closes_when_told,
    returns,
    fails,
    fails_late,
)

_accepting = serve(**ACCEPTED)


def facts() -> dict[str, int]:
    """Count what a connection has, and all objects that the garbage collector knows. The asking one counts too."""
    gc.collect()
    objects = gc.get_objects()
    (state,) = (found for found in objects if isinstance(found, ServerState))
    return {
        "connections": len(state.connections),
        "apps": len(state.tasks),
        "tasks": len(asyncio.all_tasks()),
        "protocols": sum(is_websocket(found) or isinstance(found, Connection) for found in objects),
        "timers": sum(is_pending_timer(found) for found in objects),
        "descriptors": len([*Path("/proc/self/fd").iterdir()]),
        "objects": len(objects),
    }


def is_pending_timer(found: Any) -> bool:
    """Say whether an object is a timer that somebody still holds, asyncio's or uvloop's."""
    return type(found).__name__ == "TimerHandle" and not found.cancelled()


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    name = scope.get("path", "")[1:]
    if scope["type"] == "http":
        body = json.dumps(facts()).encode() if name == "facts" else b"hello"
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket" and name not in ACCEPTED:
        await UNACCEPTED.get(name, refuses)(receive, send)
    else:
        await _accepting(scope, receive, send)
