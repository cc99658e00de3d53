"""The live view: what the registry has that is new, as JSON, over a WebSocket."""

from __future__ import annotations

import asyncio
import json

from ._asgi import Receive, Send
from ._registry import Registry

INTERVAL = 0.1
"""Seconds between two looks: what changes more often than that is told once."""


async def feed(registry: Registry, receive: Receive, send: Send) -> None:
    """Send everything, then what changes, until the client is gone."""
    await receive()
    await send({"type": "websocket.accept"})
    gone = asyncio.create_task(_disconnected(receive))
    told = -1
    try:
        while not gone.done():
            if registry.version > told:
                news = registry.since(told)
                told = registry.version
                await send({"type": "websocket.send", "text": json.dumps(news)})
            await asyncio.wait({gone}, timeout=INTERVAL)
    finally:
        gone.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass
