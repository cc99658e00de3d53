"""How the log of a server is read: what is one record, and what a test has not announced."""

from __future__ import annotations

import pytest

from tests.failures.log import Expectation, Log, records

TRACEBACK = """Traceback (most recent call last):
  File "app.py", line 1, in app
    await send(message)
          ^^^^^^^^^^^^^
ValueError: wrong"""
CHAINED = f"{TRACEBACK}\n\nDuring handling of the above exception, another exception occurred:\n\n{TRACEBACK}"
UNAWAITED = f"Task exception was never retrieved\nfuture: <Task finished>\n{TRACEBACK}"
ACCEPTED = 'INFO:     127.0.0.1:1 - "WebSocket /" [accepted]'
FAILED = "ERROR:    Exception in ASGI application"
STARTED = "INFO:     Started server process [1]"
PENDING = "Task was destroyed but it is pending!\ntask: <Task pending>"


@pytest.mark.parametrize(
    "expected",
    [
        [ACCEPTED, f"{FAILED}\n{TRACEBACK}", ACCEPTED],
        [f"{FAILED}\n{CHAINED}", f"{FAILED}\n{CHAINED}"],
        [UNAWAITED, UNAWAITED, PENDING, ACCEPTED],
        # Printed by somebody, which no line announces.
        [ACCEPTED, TRACEBACK, TRACEBACK, ACCEPTED],
        [f"{FAILED}\n{TRACEBACK}", TRACEBACK],
        [f"[2026-01-01 00:00:00 +0000] [1] [INFO] {ACCEPTED}", TRACEBACK],
        [f"Exception in callback f()\nhandle: <Handle f()>\n{TRACEBACK}", "sys:1: ResourceWarning: unclosed <socket>"],
    ],
)
def test_records(expected: list[str]) -> None:
    assert records("\n".join(expected)) == expected


def test_what_is_there_besides_the_start_and_the_stop() -> None:
    log = Log.parse("\n".join([STARTED, ACCEPTED, f"{FAILED}\n{CHAINED}", "INFO:     Shutting down"]))
    assert (len(log.records), log.lines, log.tracebacks) == (2, 15, 2)
    assert log.having(r"\[accepted\]$") == [ACCEPTED]
    assert log.having("Exception .*ValueError: wrong$") == [f"{FAILED}\n{CHAINED}"]


@pytest.mark.parametrize(
    ("expectations", "problems"),
    [
        ([Expectation("accepted", 2, 2)], 0),
        ([Expectation("accepted", 1, None)], 0),
        ([Expectation("accepted", 0, 2)], 0),
        ([Expectation("accepted", 3, None)], 1),
        ([Expectation("accepted", 0, 1)], 1),
        ([Expectation("accepted", 2, 2), Expectation("closed", 1, 1)], 1),
        ([], 2),
    ],
)
def test_problems(expectations: list[Expectation], problems: int) -> None:
    assert len(Log.parse(f"{STARTED}\n{ACCEPTED}\n{ACCEPTED}").problems(expectations)) == problems
