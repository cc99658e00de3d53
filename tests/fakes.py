"""Stand-ins for the event loop and the transport: the clock stands still unless a test moves it, and nothing is real.

``FakeLoop`` runs callbacks, tasks and timers when it is told to::

    loop = FakeLoop()
    task = loop.create_task(coroutine)
    loop.turn()          # one turn of the loop: what was ready at its start
    loop.run()           # turns until nothing is ready
    loop.advance(2.5)    # the time passes, each timer runs when it is due
    loop.stall(60)       # the time passes while the loop is stuck: no timer has run yet

What a callback raises comes out of ``turn``, so no error is lost in a loop's exception handler.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

TURNS = 100_000
"""Turns after which ``run`` takes it that the loop never comes to rest."""


class FakeHandle(asyncio.TimerHandle):
    """A callback that waits for its turn, or a timer. Its base class is there for the types alone."""

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...], context: Any) -> None:
        self._due = when
        self._callback = callback
        self._args = args
        self._context = contextvars.copy_context() if context is None else context
        self._cancelled = False

    def __lt__(self, other: object) -> bool:
        return isinstance(other, FakeHandle) and self._due < other._due

    def __repr__(self) -> str:
        return f"<FakeHandle at {self._due} of {self._callback!r}>"

    __hash__ = object.__hash__

    def when(self) -> float:
        return self._due

    def cancel(self) -> None:
        self._cancelled = True
        # As asyncio's: it may stay with the loop for long.
        self._args = ()

    def cancelled(self) -> bool:
        return self._cancelled

    def run(self) -> None:
        if not self._cancelled:
            self._context.run(self._callback, *self._args)


_Loop: Any = asyncio.AbstractEventLoop
"""Any to a type checker, which would have every method of it here."""


class FakeLoop(_Loop):
    """See the module. With ``eager`` a new task runs at once up to its first wait, as Python 3.12's eager tasks do.

    That works wherever no other task is running.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self.eager = eager
        self.now = 1000.0
        self.turns = 0
        self.tasks: list[asyncio.Task[Any]] = []
        self._order = itertools.count()
        self._ready: deque[FakeHandle] = deque()
        self._timers: list[tuple[float, int, FakeHandle]] = []

    # What a test does with it

    @property
    def timers(self) -> list[float]:
        """In how many seconds each timer that was not cancelled is due, in order."""
        return sorted(when - self.now for when, _, handle in self._timers if not handle.cancelled())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready to run."""
        return not any(not handle.cancelled() for handle in self._ready)

    def turn(self) -> None:
        """Run what is ready now; what becomes ready meanwhile is for the next turn."""
        self.turns += 1
        running = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for _ in range(len(self._ready)):
                self._ready.popleft().run()
        finally:
            asyncio._set_running_loop(running)

    def run(self) -> None:
        """Run until nothing is ready. The clock stands still."""
        for _ in range(TURNS):
            if self.is_idle:
                self._ready.clear()
                return
            self.turn()
        raise AssertionError(f"the loop does not come to rest: {list(self._ready)[:5]}")

    def advance(self, seconds: float) -> None:
        """Let time pass, with the loop at rest before and after each timer."""
        end = self.now + seconds
        self.run()
        while self._timers and self._timers[0][0] <= end:
            self.now = max(self.now, self._timers[0][0])
            self._make_ready()
            self.run()
        self.now = end

    def stall(self, seconds: float) -> None:
        """Let time pass without a turn: then the timers that are due by now run, in one turn, as in a real loop."""
        self.now += seconds
        self._make_ready()
        self.run()

    def _make_ready(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            self._ready.append(heapq.heappop(self._timers)[2])

    def end(self) -> None:
        """Cancel the tasks that are left, and those that start meanwhile; the end of a test's fixture."""
        while not all(task.done() for task in self.tasks) or not self.is_idle:
            for task in self.tasks:
                task.cancel()
            self.turn()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task and run the loop until it rests."""
        task = self.create_task(coroutine)
        self.run()
        return task

    # What asyncio does with it

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Any = None) -> FakeHandle:
        handle = FakeHandle(self.now, callback, args, context)
        self._ready.append(handle)
        return handle

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> FakeHandle:
        handle = FakeHandle(when, callback, args, context)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> FakeHandle:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coroutine: Any, *, name: Any = None, context: Any = None) -> asyncio.Task[Any]:
        # Before Python 3.11 a task has no ``context``: it copies the one that it is made in.
        context = contextvars.copy_context() if context is None else context
        task = context.run(lambda: asyncio.Task(coroutine, loop=self))
        self.tasks.append(task)
        if self.eager:
            self._ready.pop().run()
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        raise AssertionError(context)


class FakeSocket:
    """What a transport has as its socket: its family, and the options that were set."""

    def __init__(self, family: int, peer: Any = ("192.0.2.1", 4000), own: Any = ("192.0.2.2", 80)) -> None:
        self.family = family
        self.options: list[tuple[int, int, int]] = []
        self.error: Exception | None = None
        """What ``setsockopt`` raises."""
        self._peer = peer
        self._own = own

    def setsockopt(self, level: int, option: int, value: int) -> None:
        if self.error is not None:
            raise self.error
        self.options.append((level, option, value))

    def getpeername(self) -> Any:
        return self._peer

    def getsockname(self) -> Any:
        return self._own


class FakeTransport(asyncio.Transport):
    """Notes what is done with it; what it does by itself, such as ``connection_lost``, is up to the test.

    ``calls`` are the calls that change it, in order; ``buffered`` is what ``get_write_buffer_size`` says, to which
    writes add if the peer takes nothing: ``stuck``. ``mark`` is the high-water mark that was set, if one was.
    """

    def __init__(self, *, sock: FakeSocket | None = None, tls: bool = False, protocol: Any = None) -> None:
        super().__init__({"socket": sock, "sslcontext": object() if tls else None, "peername": ("192.0.2.1", 4000)})
        self.calls: list[str] = []
        self.writes: list[bytes] = []
        self.buffered = 0
        self.stuck = False
        self.closing = False
        self.mark: int | None = None
        self._tls = tls
        self._protocol = protocol or asyncio.Protocol()

    @property
    def written(self) -> bytes:
        """Everything that was written."""
        return b"".join(self.writes)

    def taken(self) -> bytes:
        """What was written since this was last asked."""
        written = self.written
        self.writes.clear()
        return written

    def write(self, data: Any) -> None:
        assert not self.closing, "written to a transport that is closing"
        assert "write_eof" not in self.calls, "written after write_eof"
        self.writes.append(bytes(data))
        if self.stuck:
            self.buffered += len(data)

    def close(self) -> None:
        self.calls.append("close")
        self.closing = True

    def abort(self) -> None:
        self.calls.append("abort")
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.mark = high

    def can_write_eof(self) -> bool:
        return not self._tls

    def write_eof(self) -> None:
        self.calls.append("write_eof")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return 16384, 65536

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_protocol(self, protocol: Any) -> None:
        self._protocol = protocol

    def get_protocol(self) -> Any:
        return self._protocol
