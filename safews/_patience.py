"""Waiting for a peer without blaming it for what the event loop did."""

from __future__ import annotations

STEPS = 8
"""Looks at the clock within one wait."""


class Patience:
    """Counts down ``seconds`` from ``now`` in steps.

    Time that passes between two looks counts as one step at most: while the event loop was stalled the peer's answer
    could not be read, however long that took.
    """

    __slots__ = ("_last", "_left", "step")

    def __init__(self, seconds: float, now: float) -> None:
        self.step = seconds / STEPS
        self._left = seconds
        self._last = now

    def left(self, now: float) -> float:
        """Say how many seconds are left."""
        return self._left - min(now - self._last, self.step)

    def spend(self, now: float) -> bool:
        """Count the time since the last look, and say whether none is left."""
        self._left = self.left(now)
        self._last = now
        return self._left <= self.step / 2
