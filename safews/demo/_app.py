"""The demo's ASGI application: the page's files, the cases, and the live view of what they do."""

from __future__ import annotations

import logging

from ._asgi import Receive, Scope, Send
from ._cases import CASES, refuse
from ._feed import feed
from ._files import respond
from ._registry import LogHandler, Registry
from ._watch import watched

FEED_PATH = "/live"
"""Where the page hears what the server sees. It is not listed itself: it would report its own reports."""


class Demo:
    """One demo, with what it has seen. The lifespan must be on: it is what takes down the log."""

    def __init__(self) -> None:
        self.registry = Registry()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the lifespan of the server (ASGI 3)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await respond(scope, send)
        elif scope["path"] == FEED_PATH:
            await feed(self.registry, receive, send)
        else:
            await watched(CASES.get(scope["path"], refuse), self.registry, scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        logger = logging.getLogger("uvicorn.error")
        handler = LogHandler(self.registry)
        await receive()
        logger.addHandler(handler)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        logger.removeHandler(handler)
        await send({"type": "lifespan.shutdown.complete"})
