from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from safews._pulse import BEAT, MOST, SHORTEST, WAIT, Pulse, pulse_of
from tests.fakes import FakeLoop


class Waiter:
    """Someone who waits: when it was called, counted from its making, and what it does then."""

    def __init__(self, loop: FakeLoop, act: Callable[[], object] = lambda: None) -> None:
        self.times: list[float] = []
        self._loop = loop
        self._act = act
        self._start = loop.time()

    def due(self) -> None:
        self.times.append(self._loop.time() - self._start)
        self._act()


@pytest.fixture
def pulse(loop: FakeLoop) -> Pulse:
    return pulse_of(loop, 100.0)


@pytest.fixture
def waiter(loop: FakeLoop) -> Waiter:
    return Waiter(loop)


class TestWait:
    @pytest.mark.parametrize("beats", [1, 2, 7])
    def test_so_many_beats(self, loop: FakeLoop, pulse: Pulse, waiter: Waiter, beats: int) -> None:
        assert pulse.wait(beats, waiter) == beats
        loop.advance(100 * BEAT)
        assert waiter.times == [beats * BEAT]

    @pytest.mark.parametrize("beats", [0, -1])
    def test_at_least_one(self, loop: FakeLoop, pulse: Pulse, waiter: Waiter, beats: int) -> None:
        pulse.wait(beats, waiter)
        loop.advance(100 * BEAT)
        assert waiter.times == [BEAT]

    def test_never_less_than_they_take(self, loop: FakeLoop, pulse: Pulse) -> None:
        pulse.wait(100, Waiter(loop))
        loop.advance(1.5 * BEAT)
        waiter = Waiter(loop)
        assert pulse.wait(2, waiter) == 4
        loop.advance(100 * BEAT)
        assert waiter.times == [2.5 * BEAT]

    def test_one_timer_for_all(self, loop: FakeLoop, pulse: Pulse) -> None:
        waiters = [Waiter(loop) for _ in range(10)]
        for number, waiter in enumerate(waiters):
            pulse.wait(number % 3, waiter)
        assert loop.timers == [BEAT]
        loop.advance(100 * BEAT)
        assert all(len(waiter.times) == 1 for waiter in waiters)

    def test_again_and_again_at_an_even_pace(self, loop: FakeLoop, pulse: Pulse) -> None:
        insistent: Waiter = Waiter(loop, lambda: pulse.wait(3, insistent))
        pulse.wait(3, insistent)
        loop.advance(12 * BEAT)
        assert insistent.times == [3 * BEAT, 6 * BEAT, 9 * BEAT, 12 * BEAT]

    def test_work_in_a_beat_does_not_put_off_the_next(self, loop: FakeLoop, pulse: Pulse) -> None:
        def work() -> None:
            loop.now += BEAT / 2
            pulse.wait(1, busy)

        busy = Waiter(loop, work)
        pulse.wait(1, busy)
        loop.advance(4 * BEAT)
        assert busy.times == [BEAT, 2 * BEAT, 3 * BEAT, 4 * BEAT]

    def test_beats_of_a_time_are_rounded_up(self, pulse: Pulse) -> None:
        assert [pulse.beats(seconds) for seconds in (0.0, BEAT, BEAT + 0.01, 20.0)] == [0, 1, 2, 20 / BEAT]


class TestEnd:
    def test_no_timer_where_nobody_waits(self, loop: FakeLoop, pulse: Pulse, waiter: Waiter) -> None:
        assert loop.timers == []
        pulse.wait(2, waiter)
        loop.advance(2 * BEAT)
        assert loop.timers == []

    def test_one_that_is_cancelled_is_not_called(self, loop: FakeLoop, pulse: Pulse, waiter: Waiter) -> None:
        other = Waiter(loop)
        pulse.wait(2, other)
        pulse.cancel(pulse.wait(2, waiter), waiter)
        loop.advance(100 * BEAT)
        assert (waiter.times, other.times) == ([], [2 * BEAT])

    def test_the_last_that_is_cancelled_ends_the_timer(self, loop: FakeLoop, pulse: Pulse, waiter: Waiter) -> None:
        pulse.cancel(pulse.wait(2, waiter), waiter)
        assert loop.timers == []
        pulse.wait(2, waiter)
        loop.advance(2 * BEAT)
        assert waiter.times == [2 * BEAT]

    @pytest.mark.parametrize("others", [0, 1])
    def test_one_may_cancel_another_in_the_same_beat(self, loop: FakeLoop, pulse: Pulse, others: int) -> None:
        cancelled = Waiter(loop)
        waiter = Waiter(loop, lambda: pulse.cancel(2, cancelled))
        more = [Waiter(loop) for _ in range(others)]
        for each in (waiter, cancelled, *more):
            pulse.wait(2, each)
        loop.advance(100 * BEAT)
        assert cancelled.times == []
        assert [each.times for each in (waiter, *more)] == [[2 * BEAT]] * (1 + others)
        assert loop.timers == []

    def test_one_that_fails_is_told_of_and_keeps_no_other(
        self, loop: FakeLoop, pulse: Pulse, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors: list[dict[str, Any]] = []
        monkeypatch.setattr(loop, "call_exception_handler", errors.append)
        other = Waiter(loop)
        pulse.wait(1, Waiter(loop, lambda: 1 / 0))
        pulse.wait(1, other)
        loop.advance(BEAT)
        assert other.times == [BEAT]
        assert [type(error["exception"]) for error in errors] == [ZeroDivisionError]
        assert "Waiter object" in errors[0]["message"]


class TestStall:
    @pytest.mark.parametrize("beats", [2, 3, 100])
    def test_a_late_beat_counts_for_what_it_is_late(self, loop: FakeLoop, pulse: Pulse, beats: int) -> None:
        pulse.wait(100, Waiter(loop))
        loop.stall(beats * BEAT)
        assert pulse.number == min(beats, MOST)

    @pytest.mark.parametrize("seconds", [0.5, 0.3])
    def test_the_next_is_a_timer_to_uvloop_too(self, seconds: float) -> None:
        class Uvloop(FakeLoop):
            def call_later(self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
                # uvloop's clock goes in milliseconds. What is due in none is a plain handle, without ``when``.
                assert round(delay * 1000) > 0
                return FakeLoop.call_at(self, self.now + delay, callback, *args, context=context)

            def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
                # The clock has gone on meanwhile.
                self.now += 0.0002
                return self.call_later(when - self.now, callback, *args, context=context)

        loop = Uvloop()
        pulse = pulse_of(loop, seconds)
        waiter = Waiter(loop)
        beat = next(BEAT / 2**power for power in range(9) if BEAT / 2**power * WAIT <= seconds)
        pulse.wait(1, Waiter(loop))
        pulse.wait(3, waiter)
        loop.stall(2 * beat - 0.0004)
        loop.advance(10 * beat)
        assert len(waiter.times) == 1

    def test_whoever_is_due_meanwhile_is_called(self, loop: FakeLoop, pulse: Pulse) -> None:
        waiters = [Waiter(loop) for _ in range(MOST + 1)]
        for number, waiter in enumerate(waiters, 1):
            pulse.wait(number, waiter)
        loop.stall(100.0)
        assert [waiter.times for waiter in waiters] == [[100.0]] * MOST + [[]]
        loop.advance(BEAT)
        assert waiters[-1].times == [100.0 + BEAT]

    def test_no_stall_uses_up_a_wait(self) -> None:
        assert MOST <= WAIT / 2


class TestPulses:
    def test_a_loop_has_one_for_long_waits(self, loop: FakeLoop) -> None:
        assert pulse_of(loop, WAIT * BEAT) is pulse_of(loop, 3600.0)
        assert pulse_of(loop, 3600.0) is not pulse_of(FakeLoop(), 3600.0)

    @pytest.mark.parametrize("seconds", [1.9, 1.0, 0.1, 0.04])
    def test_a_quicker_one_for_short_waits(self, loop: FakeLoop, seconds: float) -> None:
        assert pulse_of(loop, seconds).beats(seconds) in range(WAIT, 2 * WAIT + 1)

    @pytest.mark.parametrize("seconds", [0.0, SHORTEST])
    def test_there_is_an_end_to_that(self, loop: FakeLoop, seconds: float) -> None:
        assert pulse_of(loop, seconds).beats(1.0) == 1.0 / SHORTEST

    def test_a_loop_that_is_gone_leaves_none(self) -> None:
        loop = FakeLoop()
        waiter = Waiter(loop)
        pulse = pulse_of(loop, 1.0)
        pulse.wait(1, waiter)
        gone = weakref.ref(loop)
        del loop, waiter, pulse
        gc.collect()
        assert gone() is None
