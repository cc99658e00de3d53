"""The end of a turn of the event loop, when all that its connections have gathered is written."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import Any, Protocol


class Gathering(Protocol):
    """Whoever has gathered something in a turn."""

    def flush(self) -> None:
        """Write it."""


class Turn:
    """Has everybody flushed at the end of the turn, by one callback of the event loop for all of them.

    ``number`` counts the turns at whose end there was something to do.
    """

    __slots__ = ("_gathering", "_loop", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Whoever holds the loop's turn does not hold the loop.
        self._loop: Callable[[], Any] = weakref.ref(loop)
        self._gathering: list[Gathering] = []
        self.number = 0

    def at_end(self, gathering: Gathering) -> None:
        """Call ``gathering.flush()`` at the end of this turn."""
        if not self._gathering:
            loop = self._loop()
            loop.call_soon(self._end, loop)
        self._gathering.append(gathering)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number += 1
        all_, self._gathering = self._gathering, []
        for gathering in all_:
            try:
                gathering.flush()
            except Exception as exc:
                # One that fails is not to keep the others from their turn.
                message = f"error at the end of a turn, in {gathering!r}"
                loop.call_exception_handler({"message": message, "exception": exc})


_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turn] = weakref.WeakKeyDictionary()


def turn_of(loop: asyncio.AbstractEventLoop) -> Turn:
    """Return the one ``Turn`` of an event loop."""
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = Turn(loop)
    return turn
