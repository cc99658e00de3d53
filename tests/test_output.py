from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from safews._effects import Finish
from safews._outbox import LARGE, Outbox
from safews._output import FLUSH_SIZE, TLS_LINGER, Output
from safews._timers import Timers
from tests.fakes import FakeLoop, FakeTransport

WRITE_TIMEOUT = 30.0


class Side:
    """An ``Output`` and what it has called."""

    def __init__(self, loop: FakeLoop, transport: FakeTransport, write_timeout: float | None) -> None:
        self.transport = transport
        self.flushes = 0
        self.stalls = 0
        self.output = Output(
            loop,
            transport,
            Outbox(0),
            Timers(loop),
            write_timeout=write_timeout,
            on_stall=self.stalled,
            on_flush=self.flushed,
        )

    def stalled(self) -> None:
        self.stalls += 1

    def flushed(self) -> None:
        self.flushes += 1

    def put(self, data: bytes) -> None:
        self.output.outbox.put_raw(data)


class UvloopTransport(FakeTransport):
    """One that gives the kernel several pieces at once, and notes them."""

    __module__ = "uvloop.loop"

    def __init__(self) -> None:
        super().__init__()
        self.together: list[list[bytes]] = []

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.together.append(list(list_of_data))


Make = Callable[..., Side]


@pytest.fixture
def make(loop: FakeLoop) -> Make:
    def make(*, tls: bool = False, write_timeout: float | None = WRITE_TIMEOUT) -> Side:
        return Side(loop, FakeTransport(tls=tls), write_timeout)

    return make


@pytest.fixture
def side(make: Make) -> Side:
    return make()


class TestGathering:
    def test_one_turn_is_one_write(self, side: Side, loop: FakeLoop) -> None:
        for data in (b"a", b"b"):
            side.put(data)
            side.output.gather()
        assert side.transport.writes == []
        loop.run()
        assert side.transport.writes == [b"ab"]
        assert (side.flushes, side.output.size) == (1, 2)

    def test_the_next_turn_is_another(self, side: Side, loop: FakeLoop) -> None:
        for data in (b"a", b"b"):
            side.put(data)
            side.output.gather()
            loop.run()
        assert side.transport.writes == [b"a", b"b"]
        assert side.flushes == 2

    def test_much_is_written_at_once(self, side: Side) -> None:
        side.put(bytes(FLUSH_SIZE))
        side.output.gather()
        assert side.transport.writes == [bytes(FLUSH_SIZE)]

    def test_what_has_been_flushed_meanwhile_is_not_written_again(self, side: Side, loop: FakeLoop) -> None:
        side.put(b"a")
        side.output.gather()
        side.output.flush()
        loop.run()
        assert side.transport.writes == [b"a"]

    def test_a_transport_that_is_closing_gets_nothing(self, side: Side) -> None:
        side.put(b"a")
        side.transport.close()
        side.output.flush()
        assert (side.transport.writes, side.output.size) == ([], 0)

    def test_nor_does_one_that_closes_meanwhile(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(data: bytes) -> None:
            writes.append(data)
            side.transport.closing = True

        writes: list[bytes] = []
        monkeypatch.setattr(side.transport, "write", fail)
        for data in (b"a" * LARGE, b"b" * LARGE):
            side.put(data)
        side.output.flush()
        assert writes == [b"a" * LARGE]
        assert (side.output.size, side.flushes) == (0, 0)

    def test_pieces_go_out_together_where_that_is_one_system_call(self, loop: FakeLoop) -> None:
        transport = UvloopTransport()
        side = Side(loop, transport, WRITE_TIMEOUT)
        side.output.outbox.put_message(b"a" * LARGE)
        side.output.flush()
        assert [[len(piece) for piece in pieces] for pieces in transport.together] == [[4, LARGE]]
        side.put(b"b")
        side.output.flush()
        assert (transport.writes, side.output.size) == ([b"b"], 4 + LARGE + 1)

    def test_which_is_not_for_a_transport_that_is_closing(self, loop: FakeLoop) -> None:
        transport = UvloopTransport()
        side = Side(loop, transport, WRITE_TIMEOUT)
        side.output.outbox.put_message(b"a" * LARGE)
        transport.close()
        side.output.flush()
        assert (transport.together, side.output.size) == ([], 0)

    def test_what_is_stopped_is_not_written(self, side: Side, loop: FakeLoop) -> None:
        side.put(b"a")
        side.output.gather()
        side.output.stop()
        loop.run()
        assert side.transport.writes == []

    def test_stopping_needs_nothing_to_stop(self, make: Make) -> None:
        make().output.stop()
        make(write_timeout=None).output.stop()

    def test_what_the_peer_has_yet_to_take(self, side: Side) -> None:
        side.transport.buffered = 2
        side.put(b"a")
        assert side.output.unsent == 3


class TestPeerThatTakesNothing:
    def test_is_told_of_after_the_write_timeout(self, side: Side, loop: FakeLoop) -> None:
        side.transport.stuck = True
        side.put(b"a")
        side.output.flush()
        loop.advance(WRITE_TIMEOUT - 0.1)
        assert side.stalls == 0
        loop.advance(0.1)
        assert side.stalls == 1
        assert loop.timers == []

    def test_is_not_where_there_is_no_timeout(self, make: Make, loop: FakeLoop) -> None:
        side = make(write_timeout=None)
        side.transport.stuck = True
        side.put(b"a")
        side.output.flush()
        side.output.take_over()
        assert loop.timers == []

    def test_nor_once_watching_has_stopped(self, side: Side, loop: FakeLoop) -> None:
        side.transport.stuck = True
        side.put(b"a")
        side.output.flush()
        side.output.stop_watching()
        assert loop.timers == []

    def test_of_what_was_there_before_too(self, side: Side, loop: FakeLoop) -> None:
        side.transport.buffered = 1
        side.output.take_over()
        loop.advance(WRITE_TIMEOUT)
        assert side.stalls == 1


class TestEnd:
    @pytest.mark.parametrize(
        ("finish", "expected"), [(Finish.ABORT, "abort"), (Finish.CLOSE, "close"), (Finish.LINGER, "write_eof")]
    )
    def test_of_a_plain_transport(self, side: Side, finish: Finish, expected: str) -> None:
        side.output.finish(finish)
        assert side.transport.calls == [expected]

    @pytest.mark.parametrize(
        ("finish", "expected"), [(Finish.ABORT, ["abort"]), (Finish.CLOSE, []), (Finish.LINGER, [])]
    )
    def test_of_one_that_is_closing(self, side: Side, finish: Finish, expected: list[str]) -> None:
        side.transport.closing = True
        side.output.finish(finish)
        assert side.transport.calls == expected

    def test_of_one_whose_peer_is_gone(self, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise OSError("not connected")

        monkeypatch.setattr(side.transport, "write_eof", fail)
        side.output.finish(Finish.LINGER)
        assert side.transport.calls == ["abort"]

    def test_over_tls_the_peer_is_read_a_little_longer(self, make: Make, loop: FakeLoop) -> None:
        side = make(tls=True)
        side.output.finish(Finish.LINGER)
        loop.advance(TLS_LINGER - 0.1)
        assert side.transport.calls == []
        loop.advance(0.1)
        assert side.transport.calls == ["close"]

    def test_and_for_as_long_as_it_has_not_taken_all(self, make: Make, loop: FakeLoop) -> None:
        side = make(tls=True)
        side.transport.buffered = 1
        side.output.finish(Finish.LINGER)
        loop.advance(3 * TLS_LINGER)
        assert side.transport.calls == []
        side.transport.buffered = 0
        loop.advance(TLS_LINGER)
        assert side.transport.calls == ["close"]
        assert loop.timers == []
