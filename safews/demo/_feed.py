"""The live view: what the registry has that is new, and the statistics, as JSON, over a WebSocket."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import safews

from ._asgi import Receive, Send
from ._registry import Registry

INTERVAL = 0.1
"""Seconds between two looks: what changes more often than that is told once."""

STATS_INTERVAL = 1.0
"""Seconds between two tellings of the statistics."""


async def feed(registry: Registry, receive: Receive, send: Send) -> None:
    """Send everything, then what changes, until the client is gone."""
    await receive()
    await send({"type": "websocket.accept"})
    gone = asyncio.create_task(_disconnected(receive))
    told = -1
    due = time.monotonic()
    try:
        while not gone.done():
            if time.monotonic() >= due:
                due = time.monotonic() + STATS_INTERVAL
                await send({"type": "websocket.send", "text": json.dumps({"stats": stats_as_json()})})
            if registry.version > told:
                news = registry.since(told)
                told = registry.version
                await send({"type": "websocket.send", "text": json.dumps(news)})
            await asyncio.wait({gone}, timeout=INTERVAL)
    finally:
        gone.cancel()


def stats_as_json() -> dict[str, Any]:
    """Return the statistics of this process, with the time at which they hold, in seconds from somewhere."""
    stats = safews.stats()
    return {
        "time": time.monotonic(),
        **{name: getattr(stats, name) for name in ("connections", "handshakes", "aborts", "dropped")},
        **{name: getattr(stats, name) for name in ("messages_in", "messages_out", "bytes_in", "bytes_out")},
        "closes": [[code, by, count] for (code, by), count in stats.closes.items()],
        "round_trips": {"count": stats.round_trips.count, "seconds": stats.round_trips.seconds},
    }


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
