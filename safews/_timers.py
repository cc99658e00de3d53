"""The timers of one connection, held in one place so that all are gone once it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from ._effects import UNBOUNDED, Deadline
from ._patience import Patience
from ._state import Input


class Timer(Enum):
    """What a connection waits for besides the end of its state."""

    SPREAD = auto()
    """The server goes down, and this connection's share of ``drain_spread`` passes."""
    LINGER = auto()
    """Over TLS: the peer's last bytes."""


Key = Timer | Input
"""A state's deadline goes by the input that it will be."""


class Timers:
    """At most one running timer of each kind."""

    __slots__ = ("_handles", "_loop", "_patience", "deadline")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handles: dict[Key, asyncio.TimerHandle] = {}
        # How long there still is until the deadline.
        self._patience: Patience | None = None
        self.deadline = UNBOUNDED
        """That of the present state."""

    def __len__(self) -> int:
        return len(self._handles)

    def start(self, timer: Key, seconds: float, callback: Callable[..., None], *args: Any) -> None:
        """Call ``callback(*args)`` after ``seconds``, instead of what this timer was to do."""
        self.cancel(timer)
        self._handles[timer] = self._loop.call_later(seconds, self._over, timer, callback, args)

    def bound(self, deadline: Deadline, callback: Callable[[Input], None]) -> None:
        """End the state that has been entered by its deadline, and by no earlier state's.

        Of two bounds for the same wait the earlier holds, so that no two add up. The event loop's own stalls do not
        count: nobody could have been heard, and no app could have come to its queue.
        """
        seconds, input_ = deadline
        before = self.deadline.input
        if before is not None and before is not input_:
            self.cancel(before)
        self.deadline = deadline
        if seconds is not None and input_ is not None and not self._ends_by(input_, seconds):
            self._patience = Patience(seconds, self._loop.time())
            self._wait(input_, self._patience, callback)

    def _ends_by(self, input: Input, seconds: float) -> bool:
        patience = self._patience
        return input in self._handles and patience is not None and patience.left(self._loop.time()) <= seconds

    def _wait(self, input: Input, patience: Patience, callback: Callable[[Input], None]) -> None:
        self.start(input, patience.step, self._look, input, patience, callback)

    def _look(self, input: Input, patience: Patience, callback: Callable[[Input], None]) -> None:
        if patience.spend(self._loop.time()):
            callback(input)
        else:
            self._wait(input, patience, callback)

    def cancel(self, timer: Key) -> None:
        """Stop a timer, if it runs."""
        handle = self._handles.pop(timer, None)
        if handle is not None:
            handle.cancel()

    def cancel_all(self) -> None:
        """Stop every timer."""
        for timer in list(self._handles):
            self.cancel(timer)

    def _over(self, timer: Key, callback: Callable[..., None], args: tuple[Any, ...]) -> None:
        del self._handles[timer]
        callback(*args)
