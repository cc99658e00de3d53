"""Servers that go down, and apps there that have outlived their connection.

uvicorn tells a server's connections one by one and waits for every task. What they have in common is here: that it has
begun, and that ``app_grace`` bounds the apps whose connection is gone, from then on.
"""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary, WeakSet

from uvicorn.server import ServerState

_BEGUN: WeakSet[ServerState] = WeakSet()


class _Survivor:
    """An app that runs on after its connection: it is cancelled ``grace`` seconds after ``bound``."""

    __slots__ = ("_grace", "_handle", "_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], grace: float) -> None:
        self._loop = loop
        self._task = task
        self._grace = grace
        self._handle: asyncio.TimerHandle | None = None

    def bound(self) -> None:
        self._handle = self._loop.call_later(self._grace, self._task.cancel)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()


_SURVIVORS: WeakKeyDictionary[ServerState, set[_Survivor]] = WeakKeyDictionary()


def has_begun(server: ServerState) -> bool:
    """Say whether the shutdown of a server has begun."""
    return server in _BEGUN


def begin(server: ServerState) -> None:
    """The shutdown of a server begins."""
    _BEGUN.add(server)
    for survivor in _SURVIVORS.get(server, ()):
        survivor.bound()


def outlive(
    server: ServerState, loop: asyncio.AbstractEventLoop, task: asyncio.Task[None], grace: float | None
) -> None:
    """The app in ``task`` has lost its connection; ``grace`` is in seconds, ``None`` if it may take any time to end."""
    if grace is None:
        return
    survivor = _Survivor(loop, task, grace)
    survivors = _SURVIVORS.setdefault(server, set())
    survivors.add(survivor)

    def ended(task: asyncio.Task[None]) -> None:
        survivor.stop()
        survivors.discard(survivor)

    task.add_done_callback(ended)
    if has_begun(server):
        survivor.bound()
