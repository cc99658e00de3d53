"""Pings, and the time that a peer has to answer them: RFC 6455 section 5.5.2."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import perf_counter

from ._patience import Patience


class Keepalive:
    """Sends a Ping every ``interval`` seconds, and calls ``on_timeout`` when one is not answered within ``timeout``.

    The deadline runs only while the peer is read: a Pong may lie behind messages that the app has not taken yet. Pings
    go on meanwhile, for it is by writing that the kernel finds a host that has vanished (RFC 5482).
    ``round_trip`` is the last one measured, in seconds, ``None`` before the first.
    """

    __slots__ = (
        "_handle",
        "_interval",
        "_loop",
        "_measured_from",
        "_on_timeout",
        "_patience",
        "_payload",
        "_send_ping",
        "_sent_at",
        "_sent_last",
        "_unread",
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
        self._loop = loop
        self._interval = interval
        self._patience = Patience(timeout) if timeout is not None else None
        self._send_ping = send_ping
        self._on_timeout = on_timeout
        self._handle: asyncio.TimerHandle | None = None
        self._payload = b""
        self._sent_at = self._sent_last = self._measured_from = 0.0
        self._unread = False
        self.round_trip: float | None = None

    def start(self) -> None:
        """Send the first Ping after one interval."""
        self._handle = self._loop.call_later(self._interval, self._ping)

    def stop(self) -> None:
        """Send no more, and wait for none."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def pause(self) -> None:
        """The peer is not read from now on."""
        if self._patience is not None:
            self._patience.spend(self._loop.time())
        self._unread = True

    def resume(self) -> None:
        """The peer is read again."""
        if self._patience is not None:
            self._patience.skip(self._loop.time())
        self._unread = False

    def pong(self, payload: bytes) -> float | None:
        """Take a Pong and return the round trip; one that answers no Ping of ours is ignored (section 5.5.3)."""
        if self._handle is None or not payload or payload != self._payload:
            return None
        self._payload = b""
        # uvloop's clock goes in milliseconds.
        self.round_trip = perf_counter() - self._measured_from
        rest = self._rest()
        # The look that is due anyway can send the next Ping, or wait for it: most often no timer need be moved.
        if self._patience is not None and self._handle.when() > self._loop.time() + rest:
            self._handle.cancel()
            self._handle = self._loop.call_later(rest, self._ping)
        return self.round_trip

    def _rest(self) -> float:
        """Return how long it is until the next Ping after one that has been answered."""
        return max(0.0, self._sent_at + self._interval - self._loop.time())

    def _ping(self) -> None:
        # Nobody who does not see our pings can answer them.
        self._payload = random.getrandbits(32).to_bytes(4, "big")
        self._sent_at = self._sent_last = now = self._loop.time()
        self._measured_from = perf_counter()
        self._send_ping(self._payload)
        if self._patience is None:
            self._handle = self._loop.call_later(self._interval, self._ping)
        else:
            self._patience.reset(now)
            self._handle = self._loop.call_later(min(self._patience.step, self._interval), self._look, self._patience)

    def _look(self, patience: Patience) -> None:
        now = self._loop.time()
        if not self._payload:
            rest = self._rest()
            if rest:
                self._handle = self._loop.call_later(rest, self._ping)
            else:
                self._ping()
            return
        if self._unread:
            patience.skip(now)
            if now - self._sent_last >= self._interval:
                self._sent_last = now
                self._send_ping(self._payload)
        elif patience.spend(now):
            self._handle = None
            self._on_timeout()
            return
        self._handle = self._loop.call_later(patience.step, self._look, patience)
