"""The peer's ending of a connection, and its place in the queue: Close, violation, end of the stream, loss."""

from __future__ import annotations

import functools

import pytest

from safews._close import ABNORMAL, ClosedBy, CloseRecord
from safews._effects import Deadline, Finish, Gone
from safews._reader import FRAMES_PER_TURN
from safews._state import Input, State
from tests.connections import ACCEPT, APP_CLOSE, DEFLATE, LANE_NAMES, LANES, RSV1, Bench, disconnect, got, payload, send
from tests.harness.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close_frame,
    frame,
)
from tests.reference import Compressor, DeflateParameters


@pytest.fixture(params=LANES, ids=LANE_NAMES)
def new(request):
    """A connection with each codec, with and without its fast lane."""
    return functools.partial(Bench, *request.param)


@pytest.fixture
def bench(new):
    """The same, open, with an app that has received something already."""
    return with_an_app_that_receives(new())


def with_an_app_that_receives(bench: Bench) -> Bench:
    bench.opened()
    bench.receive(frame(TEXT, b"first"))
    assert bench.take_all() == [got("first")]
    return bench


class TestViolation:
    """[O9, O10]"""

    @pytest.mark.parametrize(
        ("wire", "code"),
        [
            (frame(TEXT, b"\xff"), 1007),
            (frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"a"), 1007),
            (frame(0x3, b"x"), 1002),
            (frame(TEXT, b"x", rsv=1), 1002),
            (frame(TEXT, b"x", rsv=RSV1), 1002),
            (frame(TEXT, b"x", mask=None), 1002),
            (frame(TEXT, b"x", length_bytes=2), 1002),
            (frame(PING, bytes(126)), 1002),
            (frame(PING, b"", fin=False), 1002),
            (frame(CONTINUATION, b"x"), 1002),
            (frame(CLOSE, b"\x03"), 1002),
            (close_frame(1005), 1002),
            (frame(CLOSE, b"\x03\xe8\xff"), 1007),
            (frame(BINARY, bytes(1001)), 1009),
            (frame(BINARY, bytes(600), fin=False) + frame(CONTINUATION, bytes(401)), 1009),
        ],
    )
    def test_is_answered_in_order(self, bench, wire, code):
        bench.receive(frame(TEXT, b"before") + wire)
        assert bench.take_all() == [got("before"), disconnect(code)]
        close = bench.written().close
        assert close is not None
        assert close[:2] == payload(code)
        assert 0 < len(close[2:]) <= 123
        assert (bench.state, bench.finishes) == (State.DRAINING, [Finish.LINGER])

    def test_record(self, bench):
        bench.receive(frame(TEXT, b"\xff"))
        record = bench.record
        assert record == CloseRecord(1007, "", ClosedBy.SERVER, clean=False, detail="text that is not UTF-8")
        bench.take_all()
        bench.connection.lost("reset")
        assert bench.ends == [record]

    @pytest.mark.parametrize("size", [999, 1000])
    def test_the_limit_itself_passes(self, bench, size):
        bench.receive(frame(BINARY, bytes(size)) + frame(PING, bytes(125)))
        assert bench.take_all() == [got(bytes(size))]

    @pytest.mark.parametrize(("size", "code"), [(1000, None), (1001, 1009)])
    def test_the_limit_is_for_what_a_message_inflates_to(self, new, size, code):
        bench = with_an_app_that_receives(new(head=DEFLATE))
        data = Compressor(DeflateParameters(client_max_window_bits=12)).compress(bytes(size))
        bench.receive(frame(BINARY, data, rsv=RSV1))
        assert bench.take_all() == ([got(bytes(size))] if code is None else [disconnect(code)])

    def test_bad_deflate_data(self, new):
        bench = with_an_app_that_receives(new(head=DEFLATE))
        bench.receive(frame(BINARY, b"\x07\xff", rsv=RSV1))
        assert bench.take_all() == [disconnect(1002)]

    def test_after_the_end_of_the_stream_nobody_is_waited_for(self, bench):
        bench.receive(frame(TEXT, b"\xff"))
        bench.connection.receive_eof()
        bench.take_all()
        assert bench.written().close is not None
        assert bench.finishes == [Finish.CLOSE]


ENDINGS = {"close": (close_frame(1000, "bye"), 1000), "violation": (frame(TEXT, b"\xff"), 1007)}


class TestInOrder:
    """The ending keeps its place in the queue; sends work until the app has reached it."""

    @pytest.fixture(params=ENDINGS.values(), ids=list(ENDINGS))
    def ending(self, request):
        return request.param

    @pytest.fixture
    def ended(self, bench, ending):
        """The app has a message to receive before it gets to the ending."""
        bench.receive(frame(TEXT, b"question") + ending[0])
        return bench

    def test_waits_for_its_grace(self, new, ending):
        bench = with_an_app_that_receives(new(close_grace=2))
        bench.receive(frame(TEXT, b"question") + ending[0])
        assert bench.state is State.ENDING
        assert bench.deadline == Deadline(2.0, Input.CLOCK_GRACE_OVER)
        assert (bench.wire(), bench.finishes) == (b"", [])

    def test_the_app_can_answer_before_it(self, ended, ending):
        assert ended.connection.take() == got("question")
        ended.connection.send(send("answer"))
        assert ended.connection.take()["code"] == ending[1]
        sent, close = ended.written().frames
        assert (sent, close.opcode, close.payload[:2]) == (Frame(TEXT, b"answer"), CLOSE, payload(ending[1]))

    def test_is_answered_when_its_grace_is_over(self, ended, ending):
        ended.connection.timed_out(Input.CLOCK_GRACE_OVER)
        close = ended.written().close
        assert close is not None
        assert close[:2] == payload(ending[1])
        assert ended.state is State.DRAINING
        assert [event.get("code") for event in ended.take_all()] == [None, ending[1]]

    def test_afterwards_a_send_raises_gone(self, ended, ending):
        ended.take_all()
        ended.wire()
        with pytest.raises(Gone, match=f"state DRAINING, code {ending[1]}"):
            ended.connection.send(send("late"))
        ended.connection.send(APP_CLOSE)
        assert ended.wire() == b""

    def test_is_answered_at_once_if_the_app_waits_for_it(self, bench, ending):
        bench.wait()
        bench.receive(ending[0])
        assert bench.state is State.DRAINING

    def test_is_not_if_the_app_waits_for_what_comes_before_it(self, bench, ending):
        bench.wait()
        bench.receive(frame(TEXT, b"question") + ending[0])
        assert bench.state is State.ENDING

    def test_is_not_if_that_is_the_first_that_the_app_waits_for(self, new, ending):
        bench = new().opened()
        bench.wait()
        bench.receive(frame(TEXT, b"question") + ending[0])
        assert bench.state is State.ENDING

    def test_is_answered_at_once_if_the_app_has_not_received_since_it_accepted(self, new, ending):
        bench = new().opened()
        bench.receive(frame(TEXT, b"question") + ending[0])
        assert bench.state is State.DRAINING
        assert [event.get("code") for event in bench.take_all()] == [None, ending[1]]

    def test_is_answered_at_once_in_the_accept(self, new, ending):
        bench = new()
        bench.receive(ending[0])
        bench.connection.take()
        bench.connection.send(ACCEPT)
        assert bench.state is State.DRAINING

    @pytest.mark.parametrize("end", ["returned", "crashed", "cancelled", "shutdown"])
    def test_stays_the_ending_whatever_comes_after_it(self, ended, ending, end):
        record = ended.record
        getattr(ended.connection, end)()
        close = ended.written().close
        assert record is not None
        assert close is not None
        assert close[:2] == payload(ending[1])
        assert ended.record == record._replace(clean=record.by is ClosedBy.PEER)
        assert [event.get("code") for event in ended.take_all()] == [None, ending[1]]

    def test_an_apps_close_meanwhile_answers_it(self, ended, ending):
        ended.connection.send(APP_CLOSE)
        close = ended.written().close
        assert close is not None
        assert close[:2] == payload(ending[1])

    def test_an_apps_wrong_close_meanwhile_is_still_its_mistake(self, ended):
        with pytest.raises(ValueError, match="'code'"):
            ended.connection.send({**APP_CLOSE, "code": 1005})
        assert ended.state is State.ENDING

    def test_a_peer_that_takes_nothing_is_still_aborted(self, ended, ending):
        ended.connection.timed_out(Input.CLOCK_WRITE_TIMEOUT)
        assert (ended.finishes, ended.ends) == ([Finish.ABORT], [ended.record])
        assert ended.record is not None
        assert ended.record.code == ending[1]

    def test_pings_before_it_are_answered_and_pings_behind_it_are_not(self, bench, ending):
        bench.receive(frame(PING, b"1") + ending[0] + frame(PING, b"2"))
        bench.take_all()
        assert [frame.opcode for frame in bench.written().frames] == [PONG, CLOSE]


LOSSES = {
    "end of stream": (lambda c: c.receive_eof(), State.DRAINING, [Finish.CLOSE]),
    "reset": (lambda c: c.lost("reset"), State.CLOSED, []),
}


class TestLoss:
    """[C2]"""

    @pytest.fixture(params=LOSSES)
    def loss(self, request):
        return request.param

    def test_the_app_is_told(self, bench, loss):
        lose, state, finishes = LOSSES[loss]
        lose(bench.connection)
        assert (bench.state, bench.finishes) == (state, finishes)
        assert bench.take_all() == [disconnect(1006)]
        assert bench.record == CloseRecord(ABNORMAL, "", ClosedBy.NETWORK, clean=False, detail=loss)
        with pytest.raises(Gone):
            bench.connection.send(send(""))

    def test_within_a_message(self, bench, loss):
        bench.receive(frame(TEXT, b"whole") + frame(TEXT, b"unfinished", fin=False))
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [got("whole"), disconnect(1006)]

    def test_within_a_frame(self, bench, loss):
        bench.receive(frame(TEXT, b"whole") + frame(TEXT, b"part")[:-1])
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [got("whole"), disconnect(1006)]

    def test_what_came_before_is_received_first_however_much_it_is(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9)
        LOSSES[loss][0](bench.connection)
        assert (bench.record, bench.ends) == (None, [])
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1006)]

    def test_a_close_that_came_before_counts(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9 + close_frame(1000, "bye"))
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1000, "bye")]
        assert bench.record == CloseRecord(1000, "bye", ClosedBy.PEER, clean=False)

    def test_a_close_that_was_left_for_another_turn_counts(self, new, loss):
        bench = new().opened()
        bench.receive(frame(PONG) * FRAMES_PER_TURN + close_frame(1000, "bye"))
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [disconnect(1000, "bye")]
        assert bench.wire() == b""

    def test_a_violation_that_came_before_counts(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9 + frame(TEXT, b"\xff"))
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1007)]

    def test_what_came_behind_a_ping_is_received_though_the_pong_was_held_back(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.connection.pause_output()
        bench.receive(frame(PING) + frame(TEXT, b"x") * 9)
        bench.connection.receive_eof() if loss == "end of stream" else None
        bench.connection.lost("reset")
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1006)]

    def test_pings_among_it_are_not_answered(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9 + frame(PING))
        LOSSES[loss][0](bench.connection)
        bench.take_all()
        assert bench.wire() == b""

    def test_what_came_while_there_was_no_room_is_received_first(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"a") * 2)
        bench.receive(frame(TEXT, b"b"))
        LOSSES[loss][0](bench.connection)
        assert bench.take_all() == [got("a"), got("a"), got("b"), disconnect(1006)]

    def test_a_shutdown_leaves_the_rest_for_the_app(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9)
        LOSSES[loss][0](bench.connection)
        bench.connection.shutdown()
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1006)]

    @pytest.mark.parametrize("end", ["returned", "crashed", "cancelled"])
    def test_an_app_that_ends_leaves_the_rest_unread(self, new, loss, end):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9)
        LOSSES[loss][0](bench.connection)
        getattr(bench.connection, end)()
        assert bench.record == CloseRecord(ABNORMAL, "", ClosedBy.NETWORK, clean=False, detail=loss)
        bench.connection.lost("reset")
        assert bench.ends == [bench.record]

    def test_a_close_of_the_app_leaves_the_rest_for_it(self, new, loss):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9)
        LOSSES[loss][0](bench.connection)
        bench.connection.send(APP_CLOSE)
        assert bench.wire() == b""
        assert bench.take_all() == [got("x")] * 9 + [disconnect(1006)]

    def test_told_twice_is_one_loss(self, bench):
        bench.connection.lost("reset")
        bench.connection.lost("connection lost")
        assert len(bench.ends) == 1
        assert bench.take_all() == [disconnect(1006)]

    def test_the_first_reason_stays_however_late_it_is_needed(self, new):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 9)
        bench.connection.lost("reset")
        bench.connection.receive_eof()
        bench.take_all()
        assert bench.finishes == []
        assert bench.record is not None
        assert bench.record.detail == "reset"

    def test_is_ended_once_all_is_read(self, new):
        bench = with_an_app_that_receives(new(max_queue=2))
        bench.receive(frame(TEXT, b"x") * 4)
        bench.connection.lost("reset")
        assert bench.ends == []
        bench.take_all()
        assert bench.ends == [bench.record]
