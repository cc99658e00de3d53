"""What is said to be wrong with a run."""

from __future__ import annotations

from pathlib import Path

from tests.soak.load import Load
from tests.soak.peers import LIVES
from tests.soak.run import GROWTH, OBJECTS, Soak, left_over, waits
from tests.soak.test_journal import ACCEPTED, CLOSED, written

FACTS = {"connections": 1, "tasks": 3, "objects": 10_000}


def ended(folder: Path, log: str = "", **attributes: object) -> list[str]:
    """Return the problems of a run that left this log, and in which all else went well but for the attributes."""
    file = folder / "log"
    file.touch()
    soak = Soak("wsproto", "asyncio", Load(1, 1, 0))
    soak.memory, soak.before, soak.after = [40.0] * 8, FACTS, FACTS
    for name, value in attributes.items():
        setattr(soak, name, value)
    problems: list[str] = soak.results(written(file, log))["problems"]
    return problems


def test_nothing_is_wrong(tmp_path: Path) -> None:
    assert ended(tmp_path, ACCEPTED + CLOSED) == []


def test_something_is_left(tmp_path: Path) -> None:
    assert ended(tmp_path, after={**FACTS, "tasks": 4}) == ["tasks left: 1"]


def test_caches_may_fill() -> None:
    assert left_over(FACTS, {**FACTS, "objects": 10_000 + OBJECTS}) == {}
    assert left_over(FACTS, {**FACTS, "objects": 10_001 + OBJECTS}) == {"objects": OBJECTS + 1}


def test_memory_grows(tmp_path: Path) -> None:
    memory = [20.0, 20.0, 40.0, 40.0, 44.0, 44.0, 40.1 + GROWTH, 40.1 + GROWTH]
    assert ended(tmp_path, memory=memory) == ["memory has grown from 40.0 to 48.1 MiB"]
    assert ended(tmp_path, memory=[*memory[:6], 40.0, 40.0]) == []


def test_connection_is_closed_in_another_way(tmp_path: Path) -> None:
    log = ACCEPTED + CLOSED.replace("1000 normal closure by peer", "1006 abnormal closure (slow peer) by server")
    assert ended(tmp_path, log) == ["/echo?talks closed: ['1006 server']"]


def test_nobody_should_have_been_there(tmp_path: Path) -> None:
    log = (ACCEPTED + CLOSED).replace("/echo?talks", "/else")
    assert ended(tmp_path, log) == ["/else closed: ['1000 peer']"]


def test_connection_is_not_closed(tmp_path: Path) -> None:
    assert ended(tmp_path, ACCEPTED) == ["1 connections were accepted, and 0 closed"]


def test_record_is_unexpected(tmp_path: Path) -> None:
    assert ended(tmp_path, "odd\n") == ["in the log: odd"]


def test_waits() -> None:
    seconds = [0.001 * number for number in range(1, 1201)]
    assert waits(seconds) == {"count": 1200, "p50_ms": 600.0, "p99_ms": 1188.0, "max_ms": 1200.0, "above_1_s": 200}


def test_every_life_has_a_name_of_its_own() -> None:
    assert len({life.path for life in LIVES}) == len(LIVES)
