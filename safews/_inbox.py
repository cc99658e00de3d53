"""What the app has yet to receive: ASGI specification 2.4, WebSocket "receive" events."""

from __future__ import annotations

from collections import deque
from typing import Any

from ._messages import Data

ReceiveEvent = dict[str, Any]


class Inbox:
    """A queue of events for the app, with the two marks between which reading is paused.

    Reading stops when ``max_messages`` messages or ``max_bytes`` bytes (of text: characters) wait, and goes on when no
    more than half of either is left: two marks spare a pause and a resumption per message.
    """

    __slots__ = ("_events", "_max_bytes", "_max_messages", "size")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._events: deque[Data | ReceiveEvent] = deque()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.size = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def room(self) -> tuple[int, int]:
        """How many messages and how many bytes more may come; not positive where the mark is reached."""
        return self._max_messages - len(self._events), self._max_bytes - self.size

    @property
    def is_low(self) -> bool:
        """Whether so much has been taken that reading may go on."""
        return len(self._events) <= self._max_messages // 2 and self.size <= self._max_bytes // 2

    def put_message(self, data: Data) -> None:
        """Queue a message."""
        self._events.append(data)
        self.size += len(data)

    def put_event(self, event: ReceiveEvent) -> None:
        """Queue a ``websocket.connect`` or ``websocket.disconnect``."""
        self._events.append(event)

    def take(self) -> ReceiveEvent:
        """Return the next event; there must be one."""
        item = self._events.popleft()
        if isinstance(item, str):
            self.size -= len(item)
            return {"type": "websocket.receive", "text": item}
        if isinstance(item, bytes):
            self.size -= len(item)
            return {"type": "websocket.receive", "bytes": item}
        return item
