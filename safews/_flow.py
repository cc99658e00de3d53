"""Flow control towards the peer: who may write, in which order, and when a peer that takes nothing is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from ._patience import Patience


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


class StallWatch:
    """Calls ``on_stall`` when a peer has taken none of our output for ``timeout`` seconds.

    What it has taken is what was written less what the transport still holds. The watch runs only while there is
    something to take.
    """

    __slots__ = ("_handle", "_loop", "_on_stall", "_patience", "_pending", "_taken", "written")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        pending: Callable[[], int],
        on_stall: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._patience = Patience(timeout)
        self._pending = pending
        self._on_stall = on_stall
        self._handle: asyncio.TimerHandle | None = None
        self._taken = 0
        self.written = 0

    def wrote(self, size: int) -> None:
        """``size`` bytes have been handed to the transport."""
        self.written += size
        if self._handle is None:
            self._watch()

    def _watch(self) -> None:
        self._taken = self.written - self._pending()
        self._patience.reset(self._loop.time())
        self._handle = self._loop.call_later(self._patience.step, self._look)

    def stop(self) -> None:
        """Watch no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self._handle = None
        pending = self._pending()
        if not pending:
            return
        now = self._loop.time()
        taken = self.written - pending
        if taken != self._taken:
            self._taken = taken
            self._patience.reset(now)
        elif self._patience.spend(now):
            self._on_stall()
            return
        self._handle = self._loop.call_later(self._patience.step, self._look)
