from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from safews._turn import Turn, turn_of
from tests.fakes import FakeLoop


class Gathering:
    """Something that is to be flushed, by a function."""

    def __init__(self, flush: Callable[[], object]) -> None:
        self._flush = flush

    def flush(self) -> None:
        self._flush()


@pytest.fixture
def turn(loop: FakeLoop) -> Turn:
    return turn_of(loop)


def test_all_are_called_in_their_order_at_the_end_of_the_turn(turn: Turn, loop: FakeLoop) -> None:
    calls: list[str] = []
    turn.at_end(Gathering(lambda: calls.append("a")))
    turn.at_end(Gathering(lambda: calls.append("b")))
    assert calls == []
    before = loop.turns
    loop.run()
    assert calls == ["a", "b"]
    assert (loop.turns - before, turn.number) == (1, 1)


def test_whoever_comes_during_the_calls_has_the_next_turn(turn: Turn, loop: FakeLoop) -> None:
    calls: list[int] = []
    turn.at_end(Gathering(lambda: turn.at_end(Gathering(lambda: calls.append(turn.number)))))
    loop.turn()
    assert calls == []
    loop.run()
    assert calls == [2]


def test_a_turn_with_nothing_to_do_is_none(turn: Turn, loop: FakeLoop) -> None:
    loop.run()
    assert (turn.number, loop.turns) == (0, 0)


def test_one_that_fails_is_told_of_and_keeps_no_other(
    turn: Turn, loop: FakeLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    errors: list[dict[str, Any]] = []
    monkeypatch.setattr(loop, "call_exception_handler", errors.append)

    def fail() -> None:
        raise ZeroDivisionError

    turn.at_end(Gathering(fail))
    turn.at_end(Gathering(lambda: calls.append("other")))
    loop.run()
    assert calls == ["other"]
    assert [type(error["exception"]) for error in errors] == [ZeroDivisionError]
    assert "Gathering object" in errors[0]["message"]


def test_a_loop_has_one(loop: FakeLoop) -> None:
    assert turn_of(loop) is turn_of(loop)
    assert turn_of(loop) is not turn_of(FakeLoop())


def test_a_loop_that_is_gone_leaves_none() -> None:
    loop = FakeLoop()
    turn_of(loop)
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None
