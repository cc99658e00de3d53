from __future__ import annotations

import asyncio
import math

import pytest

from safews import _keepalive
from safews._keepalive import Keepalive
from safews._pulse import BEAT, SHORTEST, WAIT
from tests.fakes import FakeLoop
from tests.harness import within

INTERVAL = 20.0
TIMEOUT = 8.0
STEP = TIMEOUT / WAIT


class Peer:
    """The other side of a ``Keepalive``: which pings came and when, and when it was given up."""

    def __init__(self, loop: FakeLoop, interval: float = INTERVAL, timeout: float | None = TIMEOUT) -> None:
        self.pings: list[bytes] = []
        self.times: list[float] = []
        self.timeouts: list[float] = []
        self.answers = False
        self._loop = loop
        self._start = loop.time()
        self.keepalive = Keepalive(loop, interval, timeout, self._ping, self._timed_out)
        self.keepalive.start()

    @property
    def now(self) -> float:
        return self._loop.time() - self._start

    def _ping(self, payload: bytes) -> None:
        self.pings.append(payload)
        self.times.append(self.now)
        if self.answers:
            self._loop.call_soon(self.answer)

    def _timed_out(self) -> None:
        self.timeouts.append(self.now)

    def answer(self) -> None:
        """Answer the last ping."""
        self.keepalive.pong(self.pings[-1])


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> FakeLoop:
    loop = FakeLoop()
    monkeypatch.setattr(_keepalive, "perf_counter", loop.time)
    return loop


@pytest.fixture
def peer(loop: FakeLoop) -> Peer:
    return Peer(loop)


class TestPings:
    def test_the_first_after_one_interval(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL - 0.1)
        assert peer.times == []
        loop.advance(0.1)
        assert peer.times == [INTERVAL]

    def test_one_every_interval_where_they_are_answered(self, loop: FakeLoop, peer: Peer) -> None:
        peer.answers = True
        loop.advance(5 * INTERVAL)
        assert peer.times == [INTERVAL * number for number in range(1, 6)]
        assert peer.timeouts == []

    @pytest.mark.parametrize("interval", [STEP / 4, STEP, STEP + 1, 3 * STEP])
    def test_an_interval_below_and_above_the_time_between_two_looks(self, loop: FakeLoop, interval: float) -> None:
        peer = Peer(loop, interval)
        peer.answers = True
        loop.advance(5 * interval)
        assert peer.times == pytest.approx([interval * number for number in range(1, 6)])

    def test_an_answer_moves_nothing_where_the_next_look_is_soon_enough(self, loop: FakeLoop) -> None:
        peer = Peer(loop, STEP)
        loop.advance(STEP)
        before = peer.keepalive._due
        peer.answer()
        assert peer.keepalive._due == before

    def test_the_round_trip_does_not_put_them_off(self, loop: FakeLoop, peer: Peer) -> None:
        for number in range(1, 4):
            loop.advance(INTERVAL * number - peer.now)
            loop.advance(3.0)
            peer.answer()
        assert peer.times == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL]

    def test_an_answer_later_than_the_interval_brings_the_next_at_once(self, loop: FakeLoop) -> None:
        peer = Peer(loop, interval=2.0)
        loop.advance(2.0 + 5.0)
        peer.answer()
        loop.advance(BEAT)
        assert peer.times == [2.0, 7.0 + BEAT]

    def test_each_has_a_payload_of_its_own(self, loop: FakeLoop, peer: Peer) -> None:
        peer.answers = True
        loop.advance(50 * INTERVAL)
        assert len(set(peer.pings)) == 50
        assert {len(payload) for payload in peer.pings} == {4}

    def test_only_one_is_under_way(self, loop: FakeLoop) -> None:
        peer = Peer(loop, interval=1.0)
        loop.advance(TIMEOUT)
        assert peer.times == [1.0]

    @pytest.mark.parametrize(("interval", "timeout"), [(math.inf, TIMEOUT), (INTERVAL, math.inf), (math.inf, None)])
    def test_infinity_is_for_ever(self, loop: FakeLoop, interval: float, timeout: float | None) -> None:
        peer = Peer(loop, interval, timeout)
        loop.advance(3600)
        assert peer.timeouts == []
        assert len(peer.pings) == (0 if interval == math.inf else 1)


class TestTimeout:
    def test_a_peer_that_does_not_answer_is_given_up_once(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(100 * INTERVAL)
        assert peer.timeouts == [INTERVAL + TIMEOUT]
        assert loop.timers == []

    def test_not_before_the_time_is_over(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL + TIMEOUT - 0.1)
        peer.answer()
        loop.advance(INTERVAL - 0.1)
        assert peer.timeouts == []

    def test_a_peer_that_answered_before_is_given_up_when_it_no_longer_does(self, loop: FakeLoop, peer: Peer) -> None:
        peer.answers = True
        loop.advance(3 * INTERVAL)
        peer.answers = False
        loop.advance(100.0)
        assert peer.timeouts == [4 * INTERVAL + TIMEOUT]

    def test_it_is_not_called_after_stop(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.stop()
        loop.advance(100.0)
        assert (peer.timeouts, loop.timers) == ([], [])

    def test_a_timeout_of_zero_gives_up_every_peer(self, loop: FakeLoop) -> None:
        peer = Peer(loop, timeout=0.0)
        loop.advance(INTERVAL)
        assert peer.timeouts == []
        loop.advance(SHORTEST)
        assert peer.timeouts == [INTERVAL + SHORTEST]


class TestStalledLoop:
    def test_a_stall_does_not_count_as_the_peers_time(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        loop.stall(3600.0)
        assert peer.timeouts == []

    def test_the_pong_that_lay_unread_meanwhile_counts(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        loop.stall(3600.0)
        peer.answer()
        peer.answers = True
        loop.advance(INTERVAL)
        assert peer.timeouts == []

    def test_a_stall_counts_as_one_step(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        loop.stall(3600.0)
        loop.advance(TIMEOUT - STEP)
        assert peer.timeouts == [INTERVAL + 3600.0 + TIMEOUT - STEP]


class TestNotReading:
    def test_the_time_stands_still(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.pause()
        loop.advance(3600.0)
        assert peer.timeouts == []

    def test_it_goes_on_where_it_stood(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        loop.advance(2.5 * STEP)
        peer.keepalive.pause()
        loop.advance(1000.0)
        peer.keepalive.resume()
        loop.advance(5 * STEP)
        assert peer.timeouts == []
        loop.advance(STEP)
        (at,) = peer.timeouts
        assert at == pytest.approx(INTERVAL + 1000.0 + TIMEOUT, abs=STEP / 2)

    def test_pauses_between_two_looks_count_by_their_length(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        for _ in range(1000):
            loop.advance(0.01)
            peer.keepalive.pause()
            loop.advance(0.99)
            peer.keepalive.resume()
        assert peer.timeouts == []
        peer.answer()
        assert peer.keepalive.round_trip == pytest.approx(1000.0)

    def test_a_pong_right_after_resuming_counts(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.pause()
        loop.advance(3600.0)
        peer.keepalive.resume()
        peer.answer()
        peer.answers = True
        loop.advance(INTERVAL)
        assert peer.timeouts == []

    def test_the_ping_is_repeated_meanwhile(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.pause()
        loop.advance(3 * INTERVAL)
        assert peer.times == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL, 4 * INTERVAL]

    def test_the_repeated_ping_is_the_same(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.pause()
        loop.advance(3 * INTERVAL)
        assert len(set(peer.pings)) == 1

    def test_it_is_repeated_though_its_deadline_is_far(self, loop: FakeLoop) -> None:
        peer = Peer(loop, 5.0, 300.0)
        loop.advance(11.0)
        peer.keepalive.pause()
        loop.advance(10.0)
        assert peer.times == [5.0, 15.0, 20.0]

    def test_it_may_be_stopped_by_a_ping_that_is_repeated(self, loop: FakeLoop) -> None:
        keepalive: Keepalive
        pings: list[bytes] = []

        def ping(payload: bytes) -> None:
            pings.append(payload)
            if len(pings) == 2:
                keepalive.stop()

        keepalive = Keepalive(loop, INTERVAL, TIMEOUT, ping, lambda: None)
        keepalive.start()
        loop.advance(INTERVAL)
        keepalive.pause()
        loop.advance(5 * INTERVAL)
        assert len(pings) == 2
        assert loop.timers == []

    def test_a_pause_before_the_first_ping(self, loop: FakeLoop, peer: Peer) -> None:
        peer.keepalive.pause()
        loop.advance(INTERVAL + 10 * TIMEOUT)
        assert peer.times[0] == INTERVAL
        assert peer.timeouts == []

    def test_a_pause_and_its_end_before_the_first_ping_change_nothing(self, loop: FakeLoop, peer: Peer) -> None:
        peer.keepalive.pause()
        loop.advance(5.0)
        peer.keepalive.resume()
        loop.advance(100.0)
        assert (peer.times, peer.timeouts) == ([INTERVAL], [INTERVAL + TIMEOUT])


class TestPong:
    def test_one_that_answers_no_ping_is_ignored(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        assert peer.keepalive.pong(b"else") is None
        loop.advance(TIMEOUT)
        assert peer.timeouts == [INTERVAL + TIMEOUT]
        assert peer.keepalive.round_trip is None

    @pytest.mark.parametrize("payload", [b"", b"else"])
    def test_one_before_the_first_ping_is_ignored(self, loop: FakeLoop, peer: Peer, payload: bytes) -> None:
        peer.keepalive.pong(payload)
        assert peer.keepalive.round_trip is None
        loop.advance(INTERVAL)
        assert peer.times == [INTERVAL]

    def test_an_empty_one_after_an_answered_ping_is_ignored(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.answer()
        loop.advance(5.0)
        peer.keepalive.pong(b"")
        assert peer.keepalive.round_trip == 0.0

    def test_the_round_trip_is_returned(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL + 1.0)
        assert peer.keepalive.pong(peer.pings[-1]) == peer.keepalive.round_trip == 1.0

    def test_the_same_again_is_ignored(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL + 1.0)
        peer.answer()
        loop.advance(5.0)
        peer.answer()
        assert peer.keepalive.round_trip == 1.0
        loop.advance(INTERVAL - 6.0)
        assert peer.times == [INTERVAL, 2 * INTERVAL]

    def test_one_that_answers_an_earlier_ping_is_ignored(self, loop: FakeLoop, peer: Peer) -> None:
        peer.answers = True
        loop.advance(INTERVAL)
        peer.answers = False
        loop.advance(INTERVAL)
        peer.keepalive.pong(peer.pings[0])
        loop.advance(TIMEOUT)
        assert peer.timeouts == [2 * INTERVAL + TIMEOUT]

    def test_one_after_stop_is_ignored(self, loop: FakeLoop, peer: Peer) -> None:
        loop.advance(INTERVAL)
        peer.keepalive.stop()
        peer.answer()
        assert loop.timers == []
        assert peer.keepalive.round_trip is None

    def test_the_round_trip_is_measured(self, loop: FakeLoop, peer: Peer) -> None:
        assert peer.keepalive.round_trip is None
        loop.advance(INTERVAL + 1.5)
        peer.answer()
        assert peer.keepalive.round_trip == 1.5


class TestWithoutTimeout:
    def test_pings_go_out_every_interval_answered_or_not(self, loop: FakeLoop) -> None:
        peer = Peer(loop, timeout=None)
        loop.advance(INTERVAL)
        peer.answer()
        loop.advance(4 * INTERVAL)
        assert peer.times == [INTERVAL * number for number in range(1, 6)]
        assert peer.timeouts == []

    def test_the_round_trip_is_measured(self, loop: FakeLoop) -> None:
        peer = Peer(loop, timeout=None)
        loop.advance(INTERVAL + 2.0)
        peer.answer()
        assert peer.keepalive.round_trip == 2.0
        loop.advance(INTERVAL - 2.0)
        assert peer.times == [INTERVAL, 2 * INTERVAL]

    def test_not_reading_makes_no_difference(self, loop: FakeLoop) -> None:
        peer = Peer(loop, timeout=None)
        peer.keepalive.pause()
        loop.advance(2 * INTERVAL)
        peer.keepalive.resume()
        loop.advance(INTERVAL)
        assert peer.times == [INTERVAL, 2 * INTERVAL, 3 * INTERVAL]


def test_stop_before_the_first_ping(loop: FakeLoop, peer: Peer) -> None:
    peer.keepalive.stop()
    loop.advance(100.0)
    assert (peer.times, loop.timers) == ([], [])


def test_stop_twice(loop: FakeLoop, peer: Peer) -> None:
    peer.keepalive.stop()
    peer.keepalive.stop()
    assert loop.timers == []


async def test_a_real_round_trip_is_finer_than_the_loops_clock() -> None:
    """uvloop's clock goes in milliseconds; the way there and back within a process takes microseconds."""
    loop = asyncio.get_running_loop()
    answered = loop.create_future()

    def ping(payload: bytes) -> None:
        loop.call_soon(answer, payload)

    def answer(payload: bytes) -> None:
        keepalive.pong(payload)
        keepalive.stop()
        answered.set_result(None)

    keepalive = Keepalive(loop, 0.001, 10.0, ping, lambda: None)
    keepalive.start()
    await within(answered)
    assert keepalive.round_trip
