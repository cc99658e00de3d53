from __future__ import annotations

import asyncio

import pytest

from safews._flow import LOOKS, StallWatch, WriteGate
from tests.fakes import FakeLoop

TIMEOUT = 8.0
STEP = TIMEOUT / LOOKS


class Senders:
    """Tasks that send through a gate; ``sent`` are their names in the order in which they got through."""

    def __init__(self, loop: FakeLoop) -> None:
        self.gate = WriteGate(loop)
        self.sent: list[object] = []
        self._loop = loop

    def start(self, name: object) -> asyncio.Task[None]:
        return self._loop.create_task(self._send(name))

    async def _send(self, name: object) -> None:
        async with self.gate:
            self.sent.append(name)
            if isinstance(name, Exception):
                raise name


@pytest.fixture
def senders(loop: FakeLoop) -> Senders:
    return Senders(loop)


class TestWriteGate:
    def test_it_is_open_at_first(self, loop: FakeLoop, senders: Senders) -> None:
        assert not senders.gate.is_busy
        senders.start("a")
        loop.turn()
        assert senders.sent == ["a"]

    def test_an_open_gate_costs_no_turn(self, loop: FakeLoop, senders: Senders) -> None:
        for name in "abc":
            senders.start(name)
        loop.turn()
        assert senders.sent == ["a", "b", "c"]
        assert not senders.gate.is_busy

    def test_a_sender_waits_while_it_is_paused(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        senders.start("a")
        loop.run()
        assert senders.sent == []
        senders.gate.resume()
        loop.run()
        assert senders.sent == ["a"]

    def test_it_is_busy_while_paused(self, senders: Senders) -> None:
        senders.gate.pause()
        assert senders.gate.is_busy
        senders.gate.resume()
        assert not senders.gate.is_busy

    def test_a_pause_alone_makes_no_queue(self, senders: Senders) -> None:
        senders.gate.pause()
        assert not senders.gate.has_queue

    def test_whoever_waits_is_a_queue_until_he_is_through(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        senders.start("a")
        loop.run()
        assert senders.gate.has_queue
        senders.gate.resume()
        assert senders.gate.has_queue
        loop.run()
        assert not senders.gate.has_queue

    def test_it_is_busy_until_the_last_who_waited_is_through(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        senders.start("a")
        loop.run()
        senders.gate.resume()
        assert senders.gate.is_busy
        loop.run()
        assert not senders.gate.is_busy

    def test_a_hundred_senders_go_through_in_the_order_of_their_calls(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for number in range(100):
            senders.start(number)
        loop.run()
        senders.gate.resume()
        loop.run()
        assert senders.sent == list(range(100))

    def test_who_comes_while_others_are_waking_stands_behind_them(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for number in range(100):
            senders.start(number)
        loop.run()
        senders.gate.resume()
        while len(senders.sent) < 50:
            loop.turn()
        senders.start("late")
        loop.run()
        assert senders.sent == [*range(100), "late"]

    def test_after_waking_each_checks_again(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for name in "ab":
            senders.start(name)
        loop.run()
        senders.gate.resume()
        senders.gate.pause()
        loop.run()
        assert senders.sent == []
        senders.gate.resume()
        loop.run()
        assert senders.sent == ["a", "b"]

    def test_a_pause_and_a_resumption_while_one_is_waking(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for name in "ab":
            senders.start(name)
        loop.run()
        senders.gate.resume()
        senders.gate.pause()
        senders.gate.resume()
        loop.run()
        assert senders.sent == ["a", "b"]

    def test_a_pause_amid_the_queue_keeps_the_order(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for number in range(10):
            senders.start(number)
        loop.run()
        for _ in range(100):
            senders.gate.resume()
            loop.turn()
            senders.gate.pause()
            loop.run()
        assert senders.sent == list(range(10))

    def test_resuming_twice_lets_nobody_through_twice(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        for name in "ab":
            senders.start(name)
        loop.run()
        senders.gate.resume()
        senders.gate.resume()
        loop.run()
        assert senders.sent == ["a", "b"]

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_a_sender_that_is_cancelled_while_it_waits(self, loop: FakeLoop, senders: Senders, which: int) -> None:
        senders.gate.pause()
        tasks = [senders.start(number) for number in range(3)]
        loop.run()
        tasks[which].cancel()
        loop.run()
        senders.gate.resume()
        loop.run()
        assert senders.sent == [number for number in range(3) if number != which]
        assert tasks[which].cancelled()
        assert not senders.gate.is_busy

    def test_the_first_is_cancelled_after_it_was_woken(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        first, _, _ = (senders.start(number) for number in range(3))
        loop.run()
        senders.gate.resume()
        first.cancel()
        loop.run()
        assert senders.sent == [1, 2]
        assert not senders.gate.is_busy

    def test_the_first_is_cancelled_after_it_was_woken_and_paused_again(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        first, _ = (senders.start(number) for number in range(2))
        loop.run()
        senders.gate.resume()
        senders.gate.pause()
        loop.run()
        first.cancel()
        loop.run()
        assert senders.sent == []
        senders.gate.resume()
        loop.run()
        assert senders.sent == [1]

    def test_the_next_is_cancelled_after_the_first_has_woken_it(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        _, second, _ = (senders.start(number) for number in range(3))
        loop.run()
        senders.gate.resume()
        while not senders.sent:
            loop.turn()
        second.cancel()
        loop.run()
        assert senders.sent == [0, 2]

    def test_all_are_cancelled(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        tasks = [senders.start(number) for number in range(10)]
        loop.run()
        senders.gate.resume()
        for task in tasks:
            task.cancel()
        loop.run()
        assert senders.sent == []
        assert not senders.gate.is_busy

    def test_one_that_fails_lets_the_next_through(self, loop: FakeLoop, senders: Senders) -> None:
        senders.gate.pause()
        failing = senders.start(LookupError())
        senders.start("b")
        loop.run()
        senders.gate.resume()
        loop.run()
        assert isinstance(failing.exception(), LookupError)
        assert senders.sent[1:] == ["b"]
        assert not senders.gate.is_busy


class Peer:
    """A peer that takes our output when told to; ``stalls`` are the times when it was given up."""

    def __init__(self, loop: FakeLoop) -> None:
        self.size = 0
        self.buffered = 0
        self.stalls: list[float] = []
        self._loop = loop
        self._start = loop.time()
        self.watch = StallWatch(loop, TIMEOUT, self, self._stalled)

    def held(self) -> int:
        return self.buffered

    def _stalled(self) -> None:
        self.stalls.append(self._loop.time() - self._start)

    def wrote(self, size: int, taken: int = 0) -> None:
        """The transport is given ``size`` bytes, ``taken`` of which go out at once."""
        self.size += size
        self.buffered += size - taken
        self.watch.start()

    def take(self, size: int) -> None:
        self.buffered -= size


@pytest.fixture
def peer(loop: FakeLoop) -> Peer:
    return Peer(loop)


class TestStallWatch:
    def test_a_peer_that_takes_nothing_is_given_up_once(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        loop.advance(10 * TIMEOUT)
        assert peer.stalls == [TIMEOUT]
        assert loop.timers == []

    def test_not_before_the_time_is_over(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        loop.advance(TIMEOUT - 0.1)
        peer.take(100)
        loop.advance(10 * TIMEOUT)
        assert peer.stalls == []

    def test_nothing_is_watched_before_something_is_written(self, loop: FakeLoop, peer: Peer) -> None:
        peer.buffered = 100
        assert loop.timers == []

    def test_the_watch_ends_when_all_is_taken(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100, taken=100)
        loop.advance(STEP)
        assert loop.timers == []

    def test_one_byte_taken_is_a_sign_of_life(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(1000)
        for _ in range(100):
            loop.advance(TIMEOUT - STEP)
            peer.take(1)
        assert peer.stalls == []

    def test_after_the_last_byte_taken_the_time_begins_anew(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(1000)
        loop.advance(TIMEOUT - STEP)
        peer.take(1)
        loop.advance(TIMEOUT - STEP)
        assert peer.stalls == []
        loop.advance(3 * STEP)
        (at,) = peer.stalls
        assert 2 * TIMEOUT - STEP <= at <= 2 * TIMEOUT + STEP

    def test_what_we_write_is_no_sign_of_life(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        for _ in range(20):
            loop.advance(STEP / 2)
            peer.wrote(100)
        assert peer.stalls == [TIMEOUT]

    def test_a_buffer_of_the_same_size_need_not_be_the_same_bytes(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        for _ in range(100):
            loop.advance(STEP)
            peer.take(10)
            peer.wrote(10)
            assert peer.buffered == 100
        assert peer.stalls == []

    @pytest.mark.parametrize("size", [100, 36])
    def test_a_new_watch_after_all_was_taken_has_just_its_time(self, loop: FakeLoop, peer: Peer, size: int) -> None:
        peer.wrote(36)
        loop.advance(TIMEOUT - STEP)
        peer.take(36)
        loop.advance(STEP)
        assert loop.timers == []
        peer.wrote(size)
        loop.advance(10 * TIMEOUT)
        assert peer.stalls == [2 * TIMEOUT]

    def test_a_stalled_loop_does_not_count_as_the_peers_time(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        loop.stall(3600.0)
        assert peer.stalls == []

    def test_looks_that_come_late_count_as_one_step_each(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        for _ in range(LOOKS - 1):
            loop.stall(60.0)
        assert peer.stalls == []
        loop.stall(60.0)
        assert len(peer.stalls) == 1

    def test_it_can_be_stopped(self, loop: FakeLoop, peer: Peer) -> None:
        peer.wrote(100)
        loop.advance(STEP)
        peer.watch.stop()
        loop.advance(100.0)
        assert (peer.stalls, loop.timers) == ([], [])

    def test_stopping_what_does_not_run_does_nothing(self, loop: FakeLoop, peer: Peer) -> None:
        peer.watch.stop()
        peer.watch.stop()
        assert loop.timers == []
