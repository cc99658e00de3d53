"""What was logged while a server ran."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("uvicorn.error", "asyncio")


class Logs(logging.Handler):
    """Keeps the records of ``uvicorn.error`` and ``asyncio``."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    def at(self, level: int) -> list[logging.LogRecord]:
        """The records of exactly this level."""
        return [record for record in self.records if record.levelno == level]

    def lines(self, level: int = logging.INFO) -> list[str]:
        """The messages of exactly this level, without tracebacks."""
        return [record.getMessage() for record in self.at(level)]

    @property
    def infos(self) -> list[str]:
        """The messages at info."""
        return self.lines(logging.INFO)

    @property
    def warnings(self) -> list[str]:
        """The messages at warning."""
        return self.lines(logging.WARNING)

    @property
    def errors(self) -> list[str]:
        """The messages at error and above."""
        return [record.getMessage() for record in self.records if record.levelno >= logging.ERROR]

    def tracebacks(self, level: int = logging.ERROR) -> list[BaseException]:
        """The exceptions whose traceback was logged at exactly this level."""
        return [record.exc_info[1] for record in self.at(level) if record.exc_info and record.exc_info[1]]

    def about(self, text: str, level: int = logging.INFO) -> list[str]:
        """The messages of exactly this level that contain ``text``."""
        return [line for line in self.lines(level) if text in line]


@contextmanager
def captured(level: int) -> Iterator[Logs]:
    """Keep what is logged from ``level`` on; afterwards the loggers are as they were."""
    logs = Logs()
    before = [(logger, logger.level) for logger in map(logging.getLogger, LOGGERS)]
    for logger, _ in before:
        logger.addHandler(logs)
        logger.setLevel(level)
    try:
        yield logs
    finally:
        for logger, old in before:
            logger.removeHandler(logs)
            logger.setLevel(old)
