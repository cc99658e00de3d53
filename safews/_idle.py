"""Compressors that have not been used for a while are let go of: each takes more than all else of an idle connection.

One timer of the event loop does that for all connections, and runs only while there is a compressor.
"""

from __future__ import annotations

import asyncio
import weakref

from ._deflate import Deflater

IDLE_SECONDS = 10.0
"""A compressor that is not used is let go of after this time, and before twice as much has passed."""


class Idle:
    """The deflaters of an event loop that hold a compressor."""

    __slots__ = ("__weakref__", "_deflaters", "_handle", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._deflaters: set[Deflater] = set()
        self._handle: asyncio.TimerHandle | None = None

    def watch(self, deflater: Deflater) -> None:
        """Have a deflater rest once it is idle."""
        self._deflaters.add(deflater)
        if self._handle is None:
            self._wait()

    def forget(self, deflater: Deflater) -> None:
        """Its connection is gone."""
        self._deflaters.discard(deflater)
        if self._handle is not None and not self._deflaters:
            self._handle.cancel()
            self._handle = None

    def _wait(self) -> None:
        self._handle = self._loop.call_later(IDLE_SECONDS, self._look)

    def _look(self) -> None:
        self._handle = None
        self._deflaters = {deflater for deflater in self._deflaters if not deflater.rest()}
        if self._deflaters:
            self._wait()


# By weak references both ways: a timer holds its loop, and so does this. Connections hold this.
_idle: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.ref[Idle]] = weakref.WeakKeyDictionary()


def idle_of(loop: asyncio.AbstractEventLoop) -> Idle:
    """Return the one ``Idle`` of an event loop."""
    known = _idle.get(loop)
    idle = None if known is None else known()
    if idle is None:
        idle = Idle(loop)
        _idle[loop] = weakref.ref(idle)
    return idle
