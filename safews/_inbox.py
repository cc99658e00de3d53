"""What the app has yet to receive: ASGI specification 2.4, WebSocket "receive" events."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Collection
from typing import Any

from ._messages import Data

ReceiveEvent = dict[str, Any]


class Inbox:
    """A queue of events for the app, with the two marks between which reading is paused.

    Reading stops when ``max_messages`` messages or ``max_bytes`` bytes (of text: characters) wait, and goes on when no
    more than half of either is left: two marks spare a pause and a resumption per message. ``events`` is what waits:
    messages stay as they are until one is taken, so that a flood of small ones is no flood of dictionaries.
    ``receivers`` are those who wait for an event, in the order in which they came. ``messages`` counts what has come.
    """

    __slots__ = (
        "_low_bytes",
        "_max_bytes",
        "_max_messages",
        "events",
        "low_messages",
        "messages",
        "receivers",
        "reserve",
        "size",
        "sure_bytes",
        "sure_messages",
    )

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.events: deque[Data | ReceiveEvent] = deque()
        self.receivers: list[Any] = []
        self.reserve = sys.maxsize
        """While more events than these wait, the next is a message, and nothing follows from its being taken.

        0: nothing follows either from a plain message that comes, unless reading has to stop.
        """
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self.low_messages = max_messages // 2
        self._low_bytes = max_bytes // 2
        self.sure_messages = max_messages - self.low_messages
        self.sure_bytes = max_bytes - self._low_bytes
        """For so many messages, and so many bytes, there is room at any rate while ``is_low`` holds."""
        self.size = 0
        self.messages = 0

    def __len__(self) -> int:
        return len(self.events)

    @property
    def room(self) -> tuple[int, int]:
        """How many messages and how many bytes more may come; not positive where the mark is reached."""
        return self._max_messages - len(self.events), self._max_bytes - self.size

    @property
    def is_low(self) -> bool:
        """Whether so much has been taken that reading may go on."""
        return len(self.events) <= self.low_messages and self.size <= self._low_bytes

    def put_messages(self, messages: Collection[Data]) -> bool:
        """Queue messages; say whether ``is_low`` holds after that."""
        return self.put_counted(messages, sum(map(len, messages)))

    def put_counted(self, messages: Collection[Data], size: int) -> bool:
        """Queue messages whose ``len()`` is ``size`` in all, as ``put_messages`` does."""
        events = self.events
        events += messages
        self.messages += len(messages)
        self.size += size
        return len(events) <= self.low_messages and self.size <= self._low_bytes

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
