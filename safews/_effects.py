"""What a connection is told, and what it asks for in return."""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from typing import Final, NamedTuple

from ._close import ABNORMAL, CloseRecord
from ._codecs._base import Codec
from ._events import Pong
from ._options import Options
from ._state import (
    CLOCK_ACCEPT_TIMEOUT,
    CLOCK_CLOSE_TIMEOUT,
    CLOCK_GRACE_OVER,
    CLOSED,
    CLOSING,
    CONNECTING,
    DRAINING,
    ENDING,
    OPEN,
    Input,
    State,
)


class Settings(NamedTuple):
    """What a connection is told of the server's configuration. Sizes are in bytes, ``None`` is without limit."""

    options: Options
    codec: type[Codec]
    max_size: int | None
    max_queue: int
    compression: bool


class Finish(Enum):
    """What is to be done with the transport once all output has been handed to it."""

    LINGER = auto()
    """End our side; read on and throw away, until the peer ends its own."""
    CLOSE = auto()
    """Nothing more is expected from the peer."""
    ABORT = auto()
    """Now, whatever is unsent."""


class Deadline(NamedTuple):
    """The state ends with ``input`` after ``seconds``; ``None`` for a state that the clock does not end."""

    seconds: float | None
    input: Input | None


UNBOUNDED: Final = Deadline(None, None)
"""That of a connection which has not been told of any other."""


@lru_cache
def deadlines_of(accept_timeout: float | None, close_grace: float, close_timeout: float) -> dict[State, Deadline]:
    """Return the deadline of each state; DENYING has none of its own, ``accept_timeout`` bounds it as well.

    Each is an object of its own, by which ``settle`` notices that another state has been entered.
    """
    answer = UNBOUNDED if accept_timeout is None else Deadline(accept_timeout, CLOCK_ACCEPT_TIMEOUT)
    return {
        CONNECTING: answer,
        OPEN: Deadline(None, None),
        ENDING: Deadline(close_grace, CLOCK_GRACE_OVER),
        CLOSING: Deadline(close_timeout, CLOCK_CLOSE_TIMEOUT),
        DRAINING: Deadline(close_timeout, CLOCK_CLOSE_TIMEOUT),
        CLOSED: Deadline(None, None),
    }


class Answered(NamedTuple):
    """The handshake has got its HTTP status, by ``input``."""

    status: int
    input: Input
    size: int = 0
    """Bytes of a 101, which is none of the connection's output."""


class Ended(NamedTuple):
    """The state is CLOSED and it is known how the connection ended. It comes once."""

    record: CloseRecord


Effect = Finish | Answered | Pong | Ended


class Gone(Exception):
    """The app sent or wanted to receive something after the peer was gone. The text names the state."""

    def __init__(self, state: State, record: CloseRecord | None) -> None:
        self.code = record.code if record is not None else ABNORMAL
        self.reason = record.reason if record is not None else ""
        super().__init__(f"the client is disconnected (state {state.name}, code {self.code})")
