from __future__ import annotations

import pytest

from safews._effects import Deadline
from safews._patience import STEPS
from safews._state import Input
from safews._timers import Key, Timer, Timers
from tests.fakes import FakeLoop


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def timers(loop: FakeLoop) -> Timers:
    return Timers(loop)


@pytest.fixture
def calls() -> list[object]:
    """What the timers have called back with."""
    return []


@pytest.mark.parametrize("key", [*Timer, Input.CLOCK_CLOSE_TIMEOUT])
def test_a_timer_calls_back_when_it_is_over(loop: FakeLoop, timers: Timers, calls: list[object], key: Key) -> None:
    timers.start(key, 2.0, calls.append, "over")
    loop.advance(1.9)
    assert calls == []
    loop.advance(0.1)
    assert calls == ["over"]


def test_a_timer_calls_back_once(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    timers.start(Timer.LINGER, 2.0, calls.append, "over")
    loop.advance(100.0)
    assert calls == ["over"]


def test_one_that_is_over_no_longer_runs(loop: FakeLoop, timers: Timers) -> None:
    running: list[int] = []
    timers.start(Timer.LINGER, 2.0, lambda: running.append(len(timers)))
    assert len(timers) == 1
    loop.advance(2.0)
    assert running == [0]


def test_it_may_be_started_again_from_its_own_callback(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    def again() -> None:
        calls.append(loop.time())
        timers.start(Timer.LINGER, 1.0, again)

    start = loop.time()
    timers.start(Timer.LINGER, 1.0, again)
    loop.advance(3.0)
    assert calls == [start + 1, start + 2, start + 3]
    assert len(timers) == 1


def test_starting_it_anew_replaces_what_it_was_to_do(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    timers.start(Timer.SPREAD, 1.0, calls.append, "first")
    timers.start(Timer.SPREAD, 5.0, calls.append, "second")
    assert loop.timers == [5.0]
    loop.advance(10.0)
    assert calls == ["second"]


def test_timers_of_different_kinds_run_beside_each_other(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    timers.start(Timer.SPREAD, 2.0, calls.append, "spread")
    timers.start(Timer.LINGER, 1.0, calls.append, "linger")
    assert len(timers) == 2
    loop.advance(2.0)
    assert calls == ["linger", "spread"]


def test_a_cancelled_timer_does_nothing(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    timers.start(Timer.SPREAD, 1.0, calls.append, "spread")
    timers.start(Timer.LINGER, 1.0, calls.append, "linger")
    timers.cancel(Timer.SPREAD)
    assert loop.timers == [1.0]
    loop.advance(2.0)
    assert calls == ["linger"]


def test_cancelling_one_that_does_not_run_does_nothing(timers: Timers) -> None:
    timers.cancel(Timer.SPREAD)
    assert len(timers) == 0


def test_all_can_be_cancelled(loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
    for key in (*Timer, *Input):
        timers.start(key, 1.0, calls.append, key)
    timers.cancel_all()
    assert (len(timers), loop.timers) == (0, [])
    loop.advance(2.0)
    assert calls == []


class TestBound:
    """The deadline of a state."""

    def test_ends_the_state_by_its_input(self, loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
        timers.bound(Deadline(5.0, Input.CLOCK_CLOSE_TIMEOUT), calls.append)
        loop.advance(4.9)
        assert calls == []
        loop.advance(0.1)
        assert calls == [Input.CLOCK_CLOSE_TIMEOUT]

    @pytest.mark.parametrize("deadline", [Deadline(None, None), Deadline(5.0, Input.CLOCK_CLOSE_TIMEOUT)])
    def test_takes_the_place_of_another_states(
        self, loop: FakeLoop, timers: Timers, calls: list[object], deadline: Deadline
    ) -> None:
        timers.bound(Deadline(1.0, Input.CLOCK_GRACE_OVER), calls.append)
        timers.bound(deadline, calls.append)
        loop.advance(10.0)
        assert Input.CLOCK_GRACE_OVER not in calls

    @pytest.mark.parametrize(("seconds", "left"), [(2.9, 2.9), (3.0, 3.0), (3.1, 3.0)])
    def test_for_the_same_wait_the_earlier_holds(
        self, loop: FakeLoop, timers: Timers, calls: list[object], seconds: float, left: float
    ) -> None:
        timers.bound(Deadline(8.0, Input.CLOCK_CLOSE_TIMEOUT), calls.append)
        loop.advance(5.0)
        timers.bound(Deadline(seconds, Input.CLOCK_CLOSE_TIMEOUT), calls.append)
        loop.advance(left - 0.1)
        assert calls == []
        loop.advance(0.1)
        assert calls == [Input.CLOCK_CLOSE_TIMEOUT]

    def test_time_in_which_the_loop_is_stalled_counts_as_one_look(
        self, loop: FakeLoop, timers: Timers, calls: list[object]
    ) -> None:
        timers.bound(Deadline(8.0, Input.CLOCK_GRACE_OVER), calls.append)
        loop.stall(3600.0)
        loop.advance((STEPS - 1) * 8.0 / STEPS - 0.1)
        assert calls == []
        loop.advance(0.1)
        assert calls == [Input.CLOCK_GRACE_OVER]

    def test_of_no_time_is_over_at_once(self, loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
        timers.bound(Deadline(0.0, Input.CLOCK_GRACE_OVER), calls.append)
        assert calls == []
        loop.advance(0.0)
        assert (calls, len(timers)) == ([Input.CLOCK_GRACE_OVER], 0)

    def test_a_wait_anew_has_all_its_time(self, loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
        timers.bound(Deadline(1.0, Input.CLOCK_CLOSE_TIMEOUT), calls.append)
        loop.advance(0.9)
        timers.bound(Deadline(None, None), calls.append)
        timers.bound(Deadline(8.0, Input.CLOCK_CLOSE_TIMEOUT), calls.append)
        loop.advance(7.9)
        assert calls == []

    def test_of_a_wait_without_end_is_none(self, loop: FakeLoop, timers: Timers) -> None:
        timers.bound(Deadline(None, Input.CLOCK_ACCEPT_TIMEOUT), print)
        assert loop.timers == []

    def test_leaves_other_timers_alone(self, loop: FakeLoop, timers: Timers, calls: list[object]) -> None:
        timers.start(Timer.LINGER, 1.0, calls.append, "linger")
        timers.bound(Deadline(None, None), calls.append)
        assert loop.timers == [1.0]
