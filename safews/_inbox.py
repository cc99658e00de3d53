"""What the app has yet to receive: ASGI specification 2.4, WebSocket "receive" events."""

from __future__ import annotations

from collections import deque
from typing import Any

from ._messages import Data

ReceiveEvent = dict[str, Any]


class Inbox:
    """A queue of events for the app, with the two marks between which reading is paused.

    Reading stops when ``max_messages`` messages or ``max_bytes`` bytes (of text: characters) wait, and goes on when no
    more than half of either is left: two marks spare a pause and a resumption per message. ``events`` is what waits:
    messages stay as they are until one is taken, so that a flood of small ones is no flood of dictionaries.
    """

    __slots__ = ("_low_bytes", "_low_messages", "_max_bytes", "_max_messages", "events", "size")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.events: deque[Data | ReceiveEvent] = deque()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._low_messages = max_messages // 2
        self._low_bytes = max_bytes // 2
        self.size = 0

    def __len__(self) -> int:
        return len(self.events)

    @property
    def room(self) -> tuple[int, int]:
        """How many messages and how many bytes more may come; not positive where the mark is reached."""
        return self._max_messages - len(self.events), self._max_bytes - self.size

    @property
    def is_low(self) -> bool:
        """Whether so much has been taken that reading may go on."""
        return len(self.events) <= self._low_messages and self.size <= self._low_bytes

    def put_message(self, data: Data) -> None:
        """Queue a message."""
        self.events.append(data)
        self.size += len(data)

    def put_event(self, event: ReceiveEvent) -> None:
        """Queue a ``websocket.connect`` or ``websocket.disconnect``."""
        self.events.append(event)

    def take(self) -> ReceiveEvent:
        """Return the next event; there must be one."""
        item = self.events.popleft()
        if isinstance(item, str):
            self.size -= len(item)
            return {"type": "websocket.receive", "text": item}
        if isinstance(item, bytes):
            self.size -= len(item)
            return {"type": "websocket.receive", "bytes": item}
        return item
