"""Is busy with a message until another client says go; more messages wait meanwhile."""

from __future__ import annotations

import asyncio

from tests.failures.apps.worse_base import Receive, Send, echo, serve

go_ahead = asyncio.Event()


async def slow(receive: Receive, send: Send) -> None:
    """Take long over the first message, then send back the others."""
    await receive()
    await go_ahead.wait()
    await echo(receive, send)


async def go(receive: Receive, send: Send) -> None:
    """Let the others go on."""
    go_ahead.set()


app = serve(slow=slow, go=go)
