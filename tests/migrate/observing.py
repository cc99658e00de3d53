"""An observation: what one does with an implementation and sees of it, and what must be seen with each."""

from __future__ import annotations

import asyncio
import importlib
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tests.contract.helpers_o import opened
from tests.harness import App, Call, Client, Headers, Server, serve

Observe = Callable[[type[asyncio.Protocol]], Awaitable[object]]

LONG = 0.6
"""Seconds after which what has not come is said not to come."""

IMPLEMENTATIONS = {
    "legacy": "uvicorn.protocols.websockets.websockets_impl:WebSocketProtocol",
    "sansio": "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol",
    "wsproto": "uvicorn.protocols.websockets.wsproto_impl:WSProtocol",
    "ours, websockets": "safews.websockets:Protocol",
    "ours, wsproto": "safews.wsproto:Protocol",
}
"""The first is ``--ws websockets``, the second ``--ws websockets-sansio`` and ``--ws auto``."""


@dataclass(frozen=True)
class Observation:
    """``rows`` are the rows of the page that it proves, by what stands in their first column."""

    observe: Observe
    expected: dict[str, object]
    rows: tuple[str, ...]


OBSERVATIONS: list[Observation] = []


def seen(*rows: str, ours: object, stock: object = None, **others: object) -> Callable[[Observe], Observe]:
    """Say what must be seen with safews, and with uvicorn's own: with all of them or, by its name, with one."""

    def note(observe: Observe) -> Observe:
        expected = {name: ours if name.startswith("ours") else others.get(name, stock) for name in IMPLEMENTATIONS}
        OBSERVATIONS.append(Observation(observe, expected, rows))
        return observe

    return note


def implementation(name: str) -> type[asyncio.Protocol]:
    """Import one. The library's legacy API warns that it is deprecated."""
    module, _, attribute = IMPLEMENTATIONS[name].partition(":")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: type[asyncio.Protocol] = getattr(importlib.import_module(module), attribute)
    return found


@asynccontextmanager
async def unanswered(
    ws: type[asyncio.Protocol], headers: Headers = (), **settings: Any
) -> AsyncIterator[tuple[Server, Client, Call]]:
    """Send a request, which the app has received and not answered."""
    app = App()
    async with served(app, ws, **settings) as server, server.connect() as client:
        await client.request(headers=headers)
        call = await app.call()
        await call.connect()
        yield server, client, call


@asynccontextmanager
async def open_connection(
    ws: type[asyncio.Protocol], headers: Headers = (), **settings: Any
) -> AsyncIterator[tuple[Server, Client, Call]]:
    """Do a handshake."""
    app = App()
    async with served(app, ws, **settings) as server, server.connect() as client:
        yield server, client, await opened(app, client, headers=headers)


@asynccontextmanager
async def served(app: App, ws: type[asyncio.Protocol], **settings: Any) -> AsyncIterator[Server]:
    """Serve, whatever is logged; and whatever is left in the end, if it is uvicorn's own that leaves it."""
    observed = False
    try:
        async with serve(app, ws=ws, errors=None, warnings=None, **settings) as server:
            yield server
            app.let_return()
            observed = True
    except AssertionError:
        if not observed or _is_ours(ws):
            raise


async def outcome(step: Awaitable[object], seconds: float = LONG) -> str:
    """Say what became of a step: what it raised, ``waits`` or ``done``."""
    task = asyncio.ensure_future(step)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return "waits"
    error = task.exception()
    return "done" if error is None else type(error).__name__


async def rest(client: Client, seconds: float = LONG) -> bytes | None:
    """Read to the end of TCP; ``None`` if it does not end."""
    with suppress(asyncio.TimeoutError, TimeoutError):
        return await asyncio.wait_for(client.rest(), seconds)
    return None


def _is_ours(ws: type[asyncio.Protocol]) -> bool:
    return ws.__module__.startswith("safews")
