"""The log of a server process: cut into records, every one of which a test must have announced."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

TRACEBACK = "Traceback (most recent call last):"

_GUNICORN = r"\[[^]]+\] \[\d+\] \[INFO\] "

_KNOWN = re.compile(
    "|".join(
        (
            # uvicorn's start and stop, by itself and in gunicorn.
            rf"(INFO: +|{_GUNICORN})(Started|Finished) server process \[\d+\]",
            rf"(INFO: +|{_GUNICORN})Waiting for application (startup|shutdown)\.",
            rf"(INFO: +|{_GUNICORN})Application (startup|shutdown) complete\.",
            rf"(INFO: +|{_GUNICORN})ASGI 'lifespan' protocol appears unsupported\.",
            rf"(INFO: +|{_GUNICORN})Shutting down",
            rf"(INFO: +|{_GUNICORN})Waiting for (connections to close|background tasks to complete)\. .*",
            r"INFO: +Uvicorn running on https?://\S+ \(Press CTRL\+C to quit\)",
            # gunicorn's own.
            rf"{_GUNICORN}Starting gunicorn [\d.]+",
            rf"{_GUNICORN}(Control socket listening at|Listening at:|Using worker:) .*",
            rf"{_GUNICORN}Booting worker with pid: \d+",
            rf"{_GUNICORN}Handling signal: term",
            rf"{_GUNICORN}Worker exiting \(pid: \d+\)",
            rf"{_GUNICORN}Shutting down: Master",
            # Master and worker have the listening socket both, and one end signal reaches either.
            rf"{_GUNICORN}Error while closing socket \[Errno 9\] Bad file descriptor",
            rf"{_GUNICORN}Worker \(pid:\d+\) was sent SIGTERM!",
            # asyncio's debug mode, which measures the machine.
            r"Executing <.*> took \d+\.\d+ seconds",
        )
    )
)
"""Records that need not be announced, as whole."""

_DETAIL = re.compile(
    r"$|\s|(future|task|handle|protocol|transport|source_traceback|handle_traceback): |Object created at "
)
"""How a line begins that tells more about the one before it."""

_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")

_TROUBLE_FREE = re.compile(r"(INFO|WARNING):|\[[^]]+\] \[\d+\] \[(INFO|WARNING)\]")
"""How a record begins that a traceback behind it is no part of."""


def records(text: str) -> list[str]:
    """Cut a log into records: a line with the details and the traceback that follow it.

    A traceback that somebody has printed without a line before it is a record of its own.
    """
    found: list[list[str]] = []
    for line in text.splitlines():
        if found and _belongs(line, found[-1]):
            found[-1].append(line)
        else:
            found.append([line])
    return ["\n".join(record).rstrip() for record in found]


def _belongs(line: str, record: list[str]) -> bool:
    last = next((earlier for earlier in reversed(record) if earlier), "")
    if line.startswith(TRACEBACK):
        return last.startswith(_CHAIN) or not (_TROUBLE_FREE.match(record[0]) or TRACEBACK in record)
    if _DETAIL.match(line) or line.startswith(_CHAIN):
        return True
    # The first line after a traceback's frames that is not indented names the exception.
    return last.startswith(" ") and TRACEBACK in record


@dataclass
class Expectation:
    """How often a record comes that has this pattern in it. No ``most`` is no upper bound."""

    pattern: str
    least: int
    most: int | None

    def complaint(self, count: int) -> str | None:
        """Say what is wrong with that many, if anything is."""
        if self.least <= count and (self.most is None or count <= self.most):
            return None
        most = "any number" if self.most is None else self.most
        return f"{count} instead of {self.least} to {most} records with {self.pattern!r}"


@dataclass
class Log:
    """What a server has logged besides what every server logs."""

    records: list[str]

    @classmethod
    def parse(cls, text: str) -> Log:
        """Read a log."""
        return cls([record for record in records(text) if not _KNOWN.fullmatch(record)])

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return sum(record.count("\n") + 1 for record in self.records)

    @property
    def tracebacks(self) -> int:
        """How many tracebacks there are, chained ones counted one by one."""
        return sum(record.count(TRACEBACK) for record in self.records)

    def having(self, pattern: str) -> list[str]:
        """The records that have a pattern in them; ``.`` matches a newline."""
        return [record for record in self.records if re.search(pattern, record, re.DOTALL)]

    def problems(self, expectations: Iterable[Expectation]) -> list[str]:
        """Say what is there and was not announced, and what was announced and is not there."""
        expectations = list(expectations)
        complaints = (expectation.complaint(len(self.having(expectation.pattern))) for expectation in expectations)
        announced = {record for expectation in expectations for record in self.having(expectation.pattern)}
        unexpected = (f"unexpected: {record}" for record in self.records if record not in announced)
        return [*filter(None, complaints), *unexpected]
