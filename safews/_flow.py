"""Flow control towards the peer: who may write, in which order, and when a peer that takes nothing is given up."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from ._pulse import pulse_of

LOOKS = 8
"""How often, within the time that a peer has, it is looked whether it has taken something."""


class WriteGate:
    """Lets senders through one by one, in the order of their calls, while the transport takes output.

    ``async with gate:`` around what is sent; whoever comes while somebody waits stands behind him.
    """

    __slots__ = ("_loop", "_queue", "is_busy", "paused")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[asyncio.Future[None]] = []
        self.paused = False
        self.is_busy = False
        """Whether a sender would have to wait."""

    @property
    def has_queue(self) -> bool:
        """Whether a sender waits."""
        return bool(self._queue)

    def pause(self) -> None:
        """The transport has more output than it likes."""
        self.paused = self.is_busy = True

    def resume(self) -> None:
        """The transport takes output again, or never will: the senders are to see for themselves."""
        self.paused = False
        self._move_up()

    async def __aenter__(self) -> None:
        place = self._loop.create_future()
        self._queue.append(place)
        self.is_busy = True
        try:
            if len(self._queue) > 1 or self.paused:
                await place
            while self.paused:
                place = self._queue[0] = self._loop.create_future()
                await place
        except BaseException:
            self._leave(place)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._queue.pop(0)
        self._move_up()

    def _leave(self, place: asyncio.Future[None]) -> None:
        self._queue.remove(place)
        self._move_up()

    def _move_up(self) -> None:
        self.is_busy = self.paused or bool(self._queue)
        if not self.paused and self._queue and not self._queue[0].done():
            self._queue[0].set_result(None)


class Writer(Protocol):
    """What is to be taken by the peer."""

    size: int
    """Bytes that have been written."""

    def held(self) -> int:
        """How many of them the transport still holds."""


class StallWatch:
    """Calls ``on_stall`` when a peer has taken none of our output for ``timeout`` seconds.

    What it has taken is what was written less what the transport still holds. The watch runs only while there is
    something to take.
    """

    __slots__ = ("_left", "_on_stall", "_pulse", "_step", "_taken", "_timeout", "_writer", "next")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, timeout: float, writer: Writer, on_stall: Callable[[], None]
    ) -> None:
        self._pulse = pulse_of(loop, timeout)
        # Beats: all there is, from one look to the next, and what is left.
        self._timeout = self._pulse.beats(timeout)
        self._step = math.ceil(self._timeout / LOOKS)
        self._left = 0
        self._writer = writer
        self._on_stall = on_stall
        self._taken = 0
        self.next: int | None = None
        """The beat of the next look; ``None`` while it does not watch."""

    def start(self) -> None:
        """Watch from now on, if it does not yet: there is something to take."""
        if self.next is None:
            self._watch(self._writer.size - self._writer.held())

    def _watch(self, taken: int) -> None:
        self._taken = taken
        self._left = self._timeout
        self._wait()

    def _wait(self) -> None:
        self.next = self._pulse.wait(min(self._step, self._left), self)

    def stop(self) -> None:
        """Watch no more."""
        if self.next is not None:
            self._pulse.cancel(self.next, self)
            self.next = None

    def due(self) -> None:
        """Look whether the peer has taken anything; the pulse calls this."""
        self.next = None
        held = self._writer.held()
        if not held:
            return
        taken = self._writer.size - held
        if taken != self._taken:
            self._watch(taken)
            return
        self._left -= self._step
        if self._left > 0:
            self._wait()
        else:
            self._on_stall()
