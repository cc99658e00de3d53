"""Reads the log of the server while it grows, and counts; what nobody has announced is kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path

from tests.failures.log import Log
from tests.soak.served import PURPOSE

_CLOSED = re.compile(r'"WebSocket (\S+)" \[closed\] (\d+) .* by (\w+), [\d.]+ s open, ')

_KINDS = {
    "accepted": r'^INFO: .*"WebSocket \S+" \[accepted\]$',
    "answered with a status": r'^INFO: .*"WebSocket \S+" \d{3}$',
    "refused": r'^WARNING: .*"WebSocket \S+" \d{3} refused: ',
    "never answered": r'^WARNING: .*"WebSocket /never_answers\S+" 504: the app has not answered within [\d.]+ s$',
    "HTTP requests": r'^INFO: .*"[^"]+ HTTP/\d\.\d" \d{3} ',
    "app failed": rf"(?s)^ERROR: +Exception in ASGI application\n.*RuntimeError: {PURPOSE}$",
    "app failed late": r'^WARNING: .*"WebSocket /fails_late\S+" app failed after the client was gone: RuntimeError: ',
    "app returned without an answer": r'^ERROR: .*"WebSocket /answers_nothing\S+" 500: ASGI callable returned without',
    "app returned in its response": r'^ERROR: .*"WebSocket /denies_in_part\S+": ASGI callable returned without',
    "lifespan": "^app: lifespan shutdown$",
    "malformed requests": r"^WARNING: +(Invalid HTTP request received\.|Unsupported upgrade request\.)",
}
"""What may be there, each record one kind; besides the close records."""

_BEGINNING = re.compile(r"^(INFO|WARNING|ERROR|CRITICAL): ", re.MULTILINE)

UNEXPECTED = "unexpected"

KEPT = 20
"""So many unexpected records are kept; all are counted."""


class Journal:
    """``ends`` is how often which path was closed how, ``kinds`` how many records there were of each other kind."""

    def __init__(self, log: Path) -> None:
        self._log = log.open(encoding="utf-8", newline="\n")
        self._rest = ""
        self.ends: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.kinds: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def close(self) -> None:
        """Read what is left."""
        with self._log:
            self._count(self._rest + self._log.read())

    def read(self) -> None:
        """Read what has been written since, but for the last record, which may go on."""
        text = self._rest + self._log.read()
        beginnings = [match.start() for match in _BEGINNING.finditer(text)]
        last = beginnings[-1] if beginnings else 0
        self._count(text[:last])
        self._rest = text[last:]

    def _count(self, text: str) -> None:
        for record in Log.parse(text).records:
            if closed := _CLOSED.search(record):
                path, code, by = closed.groups()
                self.ends[path][f"{code} {by}"] += 1
                continue
            kind = next((kind for kind, pattern in _KINDS.items() if re.search(pattern, record)), UNEXPECTED)
            self.kinds[kind] += 1
            if kind == UNEXPECTED and len(self.unexpected) < KEPT:
                self.unexpected.append(record)
