"""Pings, and the time that a peer has to answer them: RFC 6455 section 5.5.2."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import perf_counter

from ._pulse import pulse_of


def _nobody(*_: object) -> None:
    """Stand for those who were called."""


class Keepalive:
    """Sends a Ping every ``interval`` seconds, and calls ``on_timeout`` when one is not answered within ``timeout``.

    The deadline runs only while the peer is read: a Pong may lie behind messages that the app has not taken yet. Pings
    go on meanwhile, for it is by writing that the kernel finds a host that has vanished (RFC 5482).
    ``round_trip`` is the last one measured, in seconds, ``None`` before the first.
    """

    __slots__ = (
        "_due",
        "_interval",
        "_left",
        "_measured_from",
        "_on_timeout",
        "_payload",
        "_pulse",
        "_read_since",
        "_send_ping",
        "_sent",
        "_timeout",
        "round_trip",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interval: float,
        timeout: float | None,
        send_ping: Callable[[bytes], None],
        on_timeout: Callable[[], None],
    ) -> None:
        self._pulse = pulse_of(loop, interval if timeout is None else min(interval, timeout))
        self._interval = self._pulse.beats(interval)
        self._timeout = None if timeout is None else self._pulse.beats(timeout)
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._payload = b""
        # All of these are beats: when the next step is due, if any is; when the last Ping was sent; what is left of the
        # time to answer it, and since when that runs.
        self._due: int | None = None
        self._sent = 0
        self._left = 0
        self._read_since: int | None = 0
        self._measured_from = 0.0
        self.round_trip: float | None = None

    def start(self) -> None:
        """Send the first Ping after one interval."""
        self._wait(self._interval)

    def stop(self) -> None:
        """Send no more, wait for none, and let go of who was called: it cannot be started again."""
        self._cancel()
        self._send_ping = self._on_timeout = _nobody

    def pause(self) -> None:
        """The peer is not read from now on."""
        self._spend()
        self._read_since = None

    def resume(self) -> None:
        """The peer is read again."""
        self._read_since = self._pulse.number

    def pong(self, payload: bytes) -> float | None:
        """Take a Pong and return the round trip; one that answers no Ping of ours is ignored (section 5.5.3)."""
        if self._due is None or not payload or payload != self._payload:
            return None
        self._payload = b""
        # An event loop's clock may go in milliseconds.
        self.round_trip = perf_counter() - self._measured_from
        # What is due anyway can send the next Ping, if that is not due before.
        if self._due > self._sent + self._interval:
            self._cancel()
            self._wait(self._sent + self._interval - self._pulse.number)
        return self.round_trip

    def _cancel(self) -> None:
        if self._due is not None:
            self._pulse.cancel(self._due, self)
            self._due = None

    def _wait(self, beats: int) -> None:
        self._due = self._pulse.wait(beats, self)

    def _spend(self) -> None:
        """Count the time in which the peer could have answered."""
        if self._read_since is not None:
            now = self._pulse.number
            self._left -= now - self._read_since
            self._read_since = now

    def due(self) -> None:
        """Take the next step; the pulse calls this."""
        self._due = None
        until_next = self._sent + self._interval - self._pulse.number
        if not self._payload or self._timeout is None:
            if until_next > 0:
                self._wait(until_next)
            else:
                self._ping()
            return
        self._spend()
        if self._left <= 0:
            self._on_timeout()
        elif self._read_since is not None:
            # It may be read no longer by then, and Pings are to go on.
            self._wait(min(self._left, self._interval))
        elif until_next > 0:
            self._wait(min(self._left, until_next))
        else:
            self._sent = self._pulse.number
            self._wait(min(self._left, self._interval))
            self._send_ping(self._payload)

    def _ping(self) -> None:
        # Nobody who does not see our pings can answer them.
        self._payload = random.getrandbits(32).to_bytes(4, "big")
        self._sent = now = self._pulse.number
        self._measured_from = perf_counter()
        if self._read_since is not None:
            self._read_since = now
        if self._timeout is None:
            self._wait(self._interval)
        else:
            self._left = self._timeout
            self._wait(min(self._timeout, self._interval))
        self._send_ping(self._payload)
