"""What has happened in this process: ``safews.stats()``.

A connection is counted by what it knows of itself anyway. While it lives it is asked when somebody wants to know, and
at its end what it knows is added, once, to what is known of those before it. So counting costs a message nothing.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from operator import add
from typing import Any, NamedTuple, Protocol

from ._close import ClosedBy, CloseRecord
from ._connection import KEEPALIVE_TIMEOUT
from ._effects import Answered
from ._state import (
    APP_ACCEPT,
    APP_CANCELLED,
    APP_CLOSE,
    APP_CRASH,
    APP_DENY,
    APP_RETURN,
    CLOCK_ACCEPT_TIMEOUT,
    CLOCK_CLOSE_TIMEOUT,
    CLOCK_WRITE_TIMEOUT,
    PEER_FLOOD,
    SERVER_REFUSE,
    SERVER_SHUTDOWN,
    Input,
    State,
)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: the bounds by which round trips are counted."""


class Outcome(Enum):
    """How a handshake went."""

    # As State has it.
    __hash__ = object.__hash__

    ACCEPTED = "accepted"
    DENIED = "denied"
    """The app's answer: 403, or a response of its own."""
    REFUSED = "refused"
    """Answered without asking the app: malformed, from another origin, one too many."""
    FAILED = "failed"
    """500: the app has raised or returned, or something in safews has failed."""
    TIMEOUT = "timeout"
    """504, by ``accept_timeout``."""
    SHUTDOWN = "shutdown"
    """503: the server went down, or the app was cancelled."""
    ABANDONED = "abandoned"
    """The client has left without an answer."""


OUTCOMES = {
    APP_ACCEPT: Outcome.ACCEPTED,
    APP_CLOSE: Outcome.DENIED,
    APP_DENY: Outcome.DENIED,
    APP_RETURN: Outcome.FAILED,
    APP_CRASH: Outcome.FAILED,
    APP_CANCELLED: Outcome.SHUTDOWN,
    SERVER_REFUSE: Outcome.REFUSED,
    SERVER_SHUTDOWN: Outcome.SHUTDOWN,
    CLOCK_ACCEPT_TIMEOUT: Outcome.TIMEOUT,
}
"""The inputs that answer a handshake."""


class Cause(Enum):
    """Why a connection was cut off without waiting for its peer."""

    WRITE_TIMEOUT = "write_timeout"
    """The peer took no output for so long."""
    CLOSE_TIMEOUT = "close_timeout"
    """The peer did not end its side in time."""
    PING_TIMEOUT = "ping_timeout"
    """The peer did not answer a ping, nor then a Close."""
    FLOOD = "flood"
    """The peer sent on and on after the end."""


CAUSES = {
    CLOCK_WRITE_TIMEOUT: Cause.WRITE_TIMEOUT,
    CLOCK_CLOSE_TIMEOUT: Cause.CLOSE_TIMEOUT,
    PEER_FLOOD: Cause.FLOOD,
}
"""The inputs by which we leave a peer."""


@dataclass(frozen=True)
class RoundTrips:
    """The pings of ours that were answered."""

    count: int
    """How many there were."""
    seconds: float
    """What they took in all."""
    buckets: Mapping[float, int]
    """How many took no more seconds than the key says."""

    @property
    def mean(self) -> float | None:
        """Seconds that one took on average; ``None`` without any."""
        return self.seconds / self.count if self.count else None


@dataclass(frozen=True)
class Statistics:
    """What has happened in this process since it began, and how it is now.

    Every key of a mapping is always there, but for those of ``closes``.
    """

    connections: Mapping[str, int]
    """How many connections there are in each state (docs/states.md), by its name in lower case. What is ``closed`` has
    lost its transport, and its app has yet to receive what came before."""
    handshakes: Mapping[str, int]
    """How handshakes went: ``accepted``, ``denied`` by the app, ``refused`` without asking it, ``failed`` (500),
    ``timeout`` (504), ``shutdown`` (503), ``abandoned`` by the client. What awaits an answer is not among them."""
    closes: Mapping[tuple[int, str], int]
    """How connections ended that had been accepted: by close code and who closed (``peer``, ``app``, ``server``,
    ``network``)."""
    aborts: Mapping[str, int]
    """Connections that were cut off, by cause: ``write_timeout``, ``close_timeout``, ``ping_timeout``, ``flood``."""
    messages_in: int
    """Messages received."""
    messages_out: int
    """Messages sent."""
    bytes_in: int
    """Bytes received after the handshake, with framing and as compressed."""
    bytes_out: int
    """Bytes sent after the handshake, likewise."""
    dropped: int
    """Messages to clients that were gone, which ``after_disconnect="drop"`` has dropped."""
    round_trips: RoundTrips
    """How long answered pings took."""


class Account(NamedTuple):
    """What a connection says of itself; ``outcome`` is ``None`` while the handshake has no answer."""

    state: State
    outcome: Outcome | None
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


class Counted(Protocol):
    """A connection, as it is counted."""

    @property
    def account(self) -> Account:
        """What there is to count, at this moment."""


class Watcher(Protocol):
    """Somebody who wants to be told."""

    def changed(self) -> None:
        """A connection has begun or ended."""

    def answered(self, seconds: float) -> None:
        """A ping was answered that took so long."""


_NOBODY: list[tuple[Any, ...]] = [()] * len(Account._fields)
"""The columns of no accounts."""


class Ledger:
    """The books of a process. Any thread may ask for a snapshot, and connections may live in several."""

    def __init__(self) -> None:
        # A signal handler may ask in the middle of an entry.
        self._lock = threading.RLock()
        self._living: set[Counted] = set()
        self._handshakes: Counter[Outcome] = Counter()
        self._traffic = [0, 0, 0, 0]
        self._closes: Counter[tuple[int, ClosedBy]] = Counter()
        self._aborts: Counter[Cause] = Counter()
        self._round_trips = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0
        self._dropped = 0
        self.watcher: Watcher | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is no connection."""
        return not self._living

    def begin(self, connection: Counted) -> None:
        """There is a new connection."""
        with self._lock:
            self._living.add(connection)
        self._tell()

    def end(self, connection: Counted, record: CloseRecord, way_out: Input | None) -> None:
        """A connection has ended; ``way_out`` is the input that has made it CLOSED."""
        _, outcome, *traffic = connection.account
        cause = CAUSES.get(way_out) if way_out is not None else None
        with self._lock:
            self._living.discard(connection)
            self._handshakes[outcome or Outcome.ABANDONED] += 1
            self._traffic = list(map(add, self._traffic, traffic))
            if outcome is Outcome.ACCEPTED:
                self._closes[record.code, record.by] += 1
            if cause is not None:
                self._aborts[Cause.PING_TIMEOUT if record.detail == KEEPALIVE_TIMEOUT else cause] += 1
        self._tell()

    def fail(self, connection: Counted) -> None:
        """A connection is gone because something in safews has failed."""
        with self._lock:
            self._living.discard(connection)
            self._handshakes[Outcome.FAILED] += 1
        self._tell()

    def answered(self, seconds: float) -> None:
        """A ping was answered."""
        with self._lock:
            self._round_trips[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds
        if self.watcher is not None:
            self.watcher.answered(seconds)

    def dropped(self) -> None:
        """A message to nobody was dropped."""
        with self._lock:
            self._dropped += 1

    def _tell(self) -> None:
        if self.watcher is not None:
            self.watcher.changed()

    def snapshot(self) -> Statistics:
        """Return how things are at this moment."""
        with self._lock:
            # What ends while the living are asked is counted as it is then, and once.
            living = tuple(self._living)
            handshakes, traffic, dropped = self._handshakes.copy(), self._traffic, self._dropped
            closes, aborts = self._closes.copy(), self._aborts.copy()
            *below, count = accumulate(self._round_trips)
            round_trips = RoundTrips(count, self._seconds, dict(zip(BUCKETS, below, strict=True)))
        accounts = [connection.account for connection in living]
        states, outcomes, *columns = zip(*accounts, strict=True) if accounts else _NOBODY
        messages_in, messages_out, bytes_in, bytes_out = map(add, traffic, map(sum, columns))
        return Statistics(
            connections={state.name.lower(): states.count(state) for state in State},
            handshakes={outcome.value: handshakes[outcome] + outcomes.count(outcome) for outcome in Outcome},
            closes={(code, by.value): count for (code, by), count in closes.items()},
            aborts={cause.value: aborts[cause] for cause in Cause},
            messages_in=messages_in,
            messages_out=messages_out,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            dropped=dropped,
            round_trips=round_trips,
        )


LEDGER = Ledger()


def outcome_of(answered: Answered) -> Outcome:
    """Return how a handshake went that has got this answer."""
    # We refuse by a 500 only what we could not begin.
    could_not_begin = answered.status == 500 and answered.input is SERVER_REFUSE
    return Outcome.FAILED if could_not_begin else OUTCOMES[answered.input]


def stats() -> Statistics:
    """Return the statistics of this process, at this moment; it may be called from any thread.

    It asks every connection, so it takes a few microseconds for each.
    """
    return LEDGER.snapshot()
