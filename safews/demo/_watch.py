"""Running an application so that what it does with its connection is taken down."""

from __future__ import annotations

import time

from ._asgi import Application, Event, Receive, Scope, Send
from ._registry import Registry


async def watched(app: Application, registry: Registry, scope: Scope, receive: Receive, send: Send) -> None:
    """Call ``app``; its events and its failure pass through unchanged."""
    seen = registry.begin(scope)

    async def watched_receive() -> Event:
        event = await receive()
        seen.received(event)
        registry.changed(seen)
        return event

    async def watched_send(event: Event) -> None:
        started = time.monotonic()
        await send(event)
        seen.sent(event, time.monotonic() - started)
        registry.changed(seen)

    try:
        await app(scope, watched_receive, watched_send)
    except BaseException as exc:
        seen.error = f"{type(exc).__name__}: {exc}"
        raise
    finally:
        seen.app_ended()
        registry.changed(seen)
