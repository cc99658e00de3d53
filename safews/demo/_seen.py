"""What the server's side has seen of one connection."""

from __future__ import annotations

import dataclasses
import logging
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ._asgi import Event


class State(Enum):
    """How far a connection has come, as the page shows it: it follows from the facts that are known."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSING = "closing"
    """The app has returned or raised, and the close record is awaited."""
    CLOSED = "closed"
    REFUSED = "refused"
    """Answered with an HTTP status."""
    GONE = "gone"
    """The client left before it was answered."""


SWITCHING_PROTOCOLS = 101

ENDED = frozenset({State.CLOSED, State.REFUSED, State.GONE})


@dataclass(frozen=True)
class End:
    """What the close record says (docs/logging.md). Bytes are those on the wire; ``ping`` is in seconds."""

    code: int
    name: str
    reason: str
    detail: str
    clean: bool
    by: str
    seconds: float
    messages_in: int
    messages_out: int
    bytes_in: int
    bytes_out: int
    ping: float | None

    @classmethod
    def of(cls, record: logging.LogRecord) -> End:
        """Read the fields of a log record that is a close record."""
        fields = vars(record)
        return cls(
            fields["websocket_close_code"],
            fields["websocket_close_name"],
            fields["websocket_close_reason"],
            fields["websocket_close_detail"],
            fields["websocket_close_clean"],
            fields["websocket_closed_by"],
            fields["websocket_seconds"],
            fields["websocket_messages_in"],
            fields["websocket_messages_out"],
            fields["websocket_bytes_in"],
            fields["websocket_bytes_out"],
            fields["websocket_round_trip"],
        )


@dataclass
class Seen:
    """One connection. What is not known yet is ``None``; times are in seconds since the epoch.

    ``status`` is that of the HTTP answer, 101 included; ``disconnect_code`` is what the app was told; bytes are those
    of the messages' contents; ``waited`` has the seconds that ``send`` took in all.
    """

    id: int
    path: str
    client: str
    began_at: float = field(default_factory=time.time)
    status: int | None = None
    disconnect_code: int | None = None
    app_ended_at: float | None = None
    messages_in: int = 0
    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    waited: float = 0.0
    error: str = ""
    end: End | None = None
    version: int = 0

    @property
    def state(self) -> State:
        """How far it has come."""
        if self.end is not None:
            return State.CLOSED
        if self.status == SWITCHING_PROTOCOLS:
            return State.OPEN if self.app_ended_at is None else State.CLOSING
        if self.status is not None:
            return State.REFUSED
        return State.CONNECTING if self.disconnect_code is None else State.GONE

    def received(self, event: Event) -> None:
        """The app has received an event."""
        if event["type"] == "websocket.receive":
            self.messages_in += 1
            self.bytes_in += content_size(event)
        elif event["type"] == "websocket.disconnect":
            self.disconnect_code = event["code"]

    def sent(self, event: Event, seconds: float) -> None:
        """The app has sent an event, which took so long."""
        if event["type"] == "websocket.accept":
            self.status = SWITCHING_PROTOCOLS
        elif event["type"] == "websocket.send":
            self.messages_out += 1
            self.bytes_out += content_size(event)
            self.waited += seconds
        elif event["type"] == "websocket.http.response.start":
            self.status = event["status"]
        elif event["type"] == "websocket.close" and self.state is State.CONNECTING:
            self.status = 403

    def app_ended(self) -> None:
        """The app has returned or raised: an open connection will now be closed, an unanswered one is answered 500."""
        if self.state is State.CONNECTING:
            self.status = 500
        self.app_ended_at = time.time()

    def counts(self) -> dict[str, int]:
        """Return what this connection adds to the totals."""
        return {
            "connections": 1,
            "open": self.state is State.OPEN,
            "refused": self.state is State.REFUSED,
            "messages_in": self.messages_in,
            "messages_out": self.messages_out,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
        }

    def as_json(self) -> dict[str, Any]:
        """Return what the page is told."""
        return {**dataclasses.asdict(self), "state": self.state.value}


def content_size(event: Event) -> int:
    """Return the bytes of a message's content."""
    text = event.get("text")
    return len(event["bytes"]) if text is None else len(text.encode())
