"""What an app may ask of its connection: ``scope["extensions"]["safews"]``."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ._close import CloseRecord
from ._state import CLOSED, State


class Source(Protocol):
    """What is asked: the connection, and after its end what is left of it."""

    @property
    def state(self) -> State:
        """How far the connection has come."""

    @property
    def buffered(self) -> int:
        """Bytes of output that have not left the process."""

    @property
    def round_trip(self) -> float | None:
        """The last one measured."""

    @property
    def close_record(self) -> CloseRecord | None:
        """How the connection ended."""


class Remains(NamedTuple):
    """What is left of a connection after its end."""

    close_record: CloseRecord
    round_trip: float | None
    state: State = CLOSED
    buffered: int = 0


class ConnectionInfo:
    """What is known of a connection, at the moment at which it is asked.

    It does not keep the connection in memory after its end.
    """

    __slots__ = ("source",)

    def __init__(self, source: Source) -> None:
        self.source = source

    @property
    def state(self) -> str:
        """How far the connection has come: the name of a state (docs/states.md), in lower case, such as ``open``."""
        return self.source.state.name.lower()

    @property
    def buffered(self) -> int:
        """Bytes of output that the operating system has yet to take from this process."""
        return self.source.buffered

    @property
    def round_trip(self) -> float | None:
        """Seconds that the last answered ping took; ``None`` before the first."""
        return self.source.round_trip

    @property
    def close_record(self) -> CloseRecord | None:
        """How the connection ended: ``code``, ``reason``, ``by``, ``clean``, ``detail``; ``None`` until it is known."""
        return self.source.close_record

    def __deepcopy__(self, memo: object) -> ConnectionInfo:
        # A copy of the scope is about the same connection.
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state}>"
