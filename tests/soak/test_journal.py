"""What the journal counts and what it keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.journal import KEPT, Journal
from tests.soak.served import PURPOSE

ACCEPTED = 'INFO:     127.0.0.1:1 - "WebSocket /echo?talks" [accepted]\n'
CLOSED = (
    'INFO:     127.0.0.1:1 - "WebSocket /echo?talks" [closed] 1000 normal closure by peer, 0.1 s open, '
    "in 1 messages 7 bytes, out 1 messages 3 bytes, ping -\n"
)
FAILED = (
    "ERROR:    Exception in ASGI application\n"
    "Traceback (most recent call last):\n"
    '  File "served.py", line 1, in fails\n'
    "    raise RuntimeError(PURPOSE)\n"
    "RuntimeError: {}\n"
)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An empty log."""
    file = tmp_path / "log"
    file.touch()
    return file


def written(log: Path, *texts: str) -> Journal:
    """Return the journal of a log that was read after each of these texts."""
    journal = Journal(log)
    for text in texts:
        with log.open("a", encoding="utf-8") as file:
            file.write(text)
        journal.read()
    journal.close()
    return journal


def test_what_is_announced_is_counted(log: Path) -> None:
    journal = written(log, "INFO:     Shutting down\n", 2 * ACCEPTED + CLOSED, CLOSED)
    assert journal.kinds == {"accepted": 2}
    assert journal.ends == {"/echo?talks": {"1000 peer": 2}}
    assert journal.unexpected == []


@pytest.mark.parametrize("cut", [0, 20, 42, 60, 120, 150])
def test_record_may_be_cut_anywhere(log: Path, cut: int) -> None:
    record = FAILED.format(PURPOSE)
    assert written(log, ACCEPTED + record[:cut], record[cut:]).kinds == {"accepted": 1, "app failed": 1}


@pytest.mark.parametrize(
    "record",
    [
        FAILED.format("by mistake"),
        "WARNING:  asyncio: socket.send() raised exception.\n",
        "Task was destroyed but it is pending!\n",
        CLOSED.replace("INFO:  ", "ERROR: ").replace("[closed]", ""),
    ],
)
def test_what_is_not_announced_is_kept(log: Path, record: str) -> None:
    journal = written(log, ACCEPTED, record, ACCEPTED)
    assert journal.unexpected == [record.rstrip()]
    assert journal.kinds == {"accepted": 2, "unexpected": 1}


def test_not_everything_is_kept(log: Path) -> None:
    journal = written(log, "odd\n" * 1000)
    assert (journal.kinds["unexpected"], len(journal.unexpected)) == (1000, KEPT)
