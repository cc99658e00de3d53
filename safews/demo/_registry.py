"""What the server's side has seen of every connection, and of the log, in the order in which it changed."""

from __future__ import annotations

import dataclasses
import logging
import traceback
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.utils import get_path_with_query_string

from ._asgi import Scope
from ._seen import ENDED, End, Seen

KEPT_ENDED = 100
"""Connections that are kept after their end; the page keeps as many."""

KEPT_LINES = 200
"""Lines of the log that are kept; the page keeps as many."""


@dataclass(frozen=True)
class Line:
    """A line of the log; ``trace`` is the traceback, or empty."""

    version: int
    time: float
    level: str
    text: str
    trace: str


class Registry:
    """Every connection that the demo's applications have had, and the log of the server.

    Each change has a number, so whoever knows the number of the last one it was told needs no queue to learn the rest.
    Not thread-safe: the server, its log and its applications run in one event loop.
    """

    def __init__(self) -> None:
        self.version = 0
        self._seen: dict[int, Seen] = {}
        self._forgotten: Counter[str] = Counter()
        self._lines: deque[Line] = deque(maxlen=KEPT_LINES)

    def begin(self, scope: Scope) -> Seen:
        """Take down a new connection."""
        path = get_path_with_query_string(cast("Any", scope))
        client = ":".join(map(str, scope["client"] or ()))
        seen = Seen(self._forgotten["connections"] + len(self._seen) + 1, path, client)
        self._seen[seen.id] = seen
        self.changed(seen)
        self._forget()
        return seen

    def _forget(self) -> None:
        ended = [seen for seen in self._seen.values() if seen.state in ENDED]
        for seen in ended[:-KEPT_ENDED]:
            self._forgotten.update(seen.counts())
            del self._seen[seen.id]

    def changed(self, seen: Seen) -> None:
        """Take down that something about a connection is new."""
        seen.version = self._next()

    def logged(self, record: logging.LogRecord) -> None:
        """Take down a line of the log and, if it is a close record, the end of its connection."""
        error = record.exc_info and record.exc_info[1]
        trace = "".join(traceback.format_exception(error)) if error else ""
        text = record.getMessage().rstrip()
        self._lines.append(Line(self._next(), record.created, record.levelname.lower(), text, trace))
        client = getattr(record, "websocket_client", None)
        # A client has one connection at a time, so of several from the same port it is the one that has not ended.
        for seen in self._seen.values():
            if seen.client == client and seen.state not in ENDED:
                seen.end = End.of(record)
                self.changed(seen)

    def since(self, version: int) -> dict[str, Any]:
        """Return what the page is told that knows everything up to ``version``."""
        totals = Counter(self._forgotten)
        for seen in self._seen.values():
            totals.update(seen.counts())
        return {
            "totals": totals,
            "connections": [seen.as_json() for seen in self._seen.values() if seen.version > version],
            "log": [dataclasses.asdict(line) for line in self._lines if line.version > version],
        }

    def _next(self) -> int:
        self.version += 1
        return self.version


class LogHandler(logging.Handler):
    """Hands the server's log to a registry."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(logging.INFO)
        self._registry = registry

    def emit(self, record: logging.LogRecord) -> None:
        """Take down a record."""
        self._registry.logged(record)
