"""Waiting for peers: one timer of the event loop for all of its connections, and a clock that stalls do not move.

While anybody waits, a pulse beats at an even pace. What falls due between two beats is done at the second of them,
so that a thousand pings cost one wake-up and not a thousand. Beats are also how time is counted: one that comes late,
because something held up the event loop, counts as a few at most, since a peer's answer could not be read meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import weakref
from typing import Protocol

BEAT = 0.25
"""Seconds between two beats; a half, a quarter and so on of that for waits of less than ``WAIT`` beats."""

SHORTEST = BEAT / 64

WAIT = 8
"""Beats that there are at least in a wait."""

MOST = WAIT // 2
"""Beats that a late one counts for at most: so no stall uses up a wait."""

FOREVER = 1e15
"""Beats that nobody lives to see: infinity is no number of them."""


class Waiting(Protocol):
    """Whoever waits."""

    def due(self) -> None:
        """Do what is to be done now."""


class Pulse:
    """``number`` counts the beats, which are ``beat`` seconds apart."""

    __slots__ = ("__weakref__", "_beat", "_due", "_handle", "_is_beating", "_loop", "_when", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop, beat: float) -> None:
        self._loop = loop
        self._beat = beat
        self._due: dict[int, dict[Waiting, None]] = {}
        self._handle: asyncio.TimerHandle | None = None
        # When the next beat is due: what uvloop gives for a time that has come does not tell.
        self._when = 0.0
        self._is_beating = False
        self.number = 0

    def beats(self, seconds: float) -> int:
        """Return how many beats make up ``seconds``, rounded up."""
        return math.ceil(min(seconds / self._beat, FOREVER))

    def wait(self, beats: int, waiting: Waiting) -> int:
        """Call ``waiting.due()`` after so many whole beats, at least one; return the number of the one that it is."""
        number = self.number + max(1, beats)
        if not self._is_beating:
            now = self._loop.time()
            if self._handle is None:
                self._beat_at(now + self._beat)
            elif self._when - now < self._beat:
                # A part of the beat that is under way is over already.
                number += 1
        self._due.setdefault(number, {})[waiting] = None
        return number

    def cancel(self, number: int, waiting: Waiting) -> None:
        """Do not call it at that beat."""
        slot = self._due[number]
        del slot[waiting]
        if not slot:
            del self._due[number]
            self._rest()

    def _rest(self) -> None:
        """Stop where nobody waits."""
        if not self._due and not self._is_beating and self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _beat_at(self, when: float) -> None:
        self._when = when
        self._handle = self._loop.call_at(when, self._next)

    def _next(self) -> None:
        now = self._loop.time()
        late = now - self._when
        # Due by the clock, and not by how long the work of a beat takes.
        self._beat_at((self._when if late < self._beat else now) + self._beat)
        self._is_beating = True
        for _ in range(min(1 + int(late / self._beat), MOST)):
            self.number += 1
            self._call(self._due.get(self.number, {}))
            self._due.pop(self.number, None)
        self._is_beating = False
        self._rest()

    def _call(self, slot: dict[Waiting, None]) -> None:
        while slot:
            # Each that is called may cancel others.
            waiting = next(iter(slot))
            del slot[waiting]
            try:
                waiting.due()
            except Exception as exc:
                # One that fails is not to keep the others from what they wait for.
                message = f"error in what {waiting!r} waited for"
                self._loop.call_exception_handler({"message": message, "exception": exc})


_Pulses = weakref.WeakValueDictionary[float, Pulse]
_pulses: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Pulses] = weakref.WeakKeyDictionary()
"""By their beats. They belong to those who wait: a loop that is gone with its connections leaves none."""


def pulse_of(loop: asyncio.AbstractEventLoop, seconds: float) -> Pulse:
    """Return the pulse of an event loop that suits waits of ``seconds`` and more."""
    beat = BEAT
    while beat * WAIT > seconds and beat > SHORTEST:
        beat /= 2
    pulses = _pulses.get(loop)
    if pulses is None:
        pulses = _pulses[loop] = _Pulses()
    pulse = pulses.get(beat)
    if pulse is None:
        pulse = pulses[beat] = Pulse(loop, beat)
    return pulse
