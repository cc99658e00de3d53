"""The end of a turn of the event loop, when all that its connections have gathered is written."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable
from typing import cast


class Turn:
    """Calls everybody back at the end of the turn, by one callback of the event loop for all of them.

    ``number`` counts the turns at whose end there was something to do.
    """

    __slots__ = ("_callbacks", "_loop", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        # Whoever holds the loop's turn does not hold the loop.
        self._loop = weakref.ref(loop)
        self._callbacks: list[Callable[[], None]] = []
        self.number = 0

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at the end of this turn."""
        if not self._callbacks:
            loop = cast("asyncio.AbstractEventLoop", self._loop())
            loop.call_soon(self._end, loop)
        self._callbacks.append(callback)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self.number += 1
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            try:
                callback()
            except Exception as exc:
                # One that fails is not to keep the others from their turn.
                message = f"error at the end of a turn, in {callback!r}"
                loop.call_exception_handler({"message": message, "exception": exc})


_turns: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Turn] = weakref.WeakKeyDictionary()


def turn_of(loop: asyncio.AbstractEventLoop) -> Turn:
    """Return the one ``Turn`` of an event loop."""
    turn = _turns.get(loop)
    if turn is None:
        turn = _turns[loop] = Turn(loop)
    return turn
