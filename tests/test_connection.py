"""The contract as far as the core decides it, without a socket or a clock. Names in brackets are its rows."""

from __future__ import annotations

import functools

import pytest

from safews import _connection
from safews._close import ABNORMAL, NO_STATUS, ClosedBy, CloseRecord
from safews._connection import DISCARD_LIMIT, KEEPALIVE_TIMEOUT, PING_TIMEOUT_GRACE
from safews._deflate import DeflateParameters, Inflater
from safews._effects import Answered, Deadline, Ended, Finish, Gone
from safews._events import Pong
from safews._handshake import HandshakeRefused
from safews._outbox import Outbox
from safews._reader import FRAMES_PER_TURN
from safews._state import Input, InvalidTransition, State
from tests.connections import (
    ACCEPT,
    APP_CLOSE,
    CONNECT,
    DEFLATE,
    DENY,
    DENY_BODY,
    DENY_END,
    LANE_NAMES,
    LANES,
    Bench,
    disconnect,
    got,
    network,
    payload,
    request,
    send,
)
from tests.harness.frames import CLOSE, PING, PONG, TEXT, Frame, close_frame, frame


@pytest.fixture(params=LANES, ids=LANE_NAMES)
def new(request):
    """A connection with each codec, with and without its fast lane."""
    return functools.partial(Bench, *request.param)


@pytest.fixture
def bench(new):
    """The same, open."""
    return new().opened()


class TestAccept:
    """[H1, H14, H16]"""

    def test_begins_with_a_connect_and_the_accept_timeout(self):
        bench = Bench(accept_timeout=5)
        assert bench.state is State.CONNECTING
        assert (bench.effects, bench.deadline) == ([], Deadline(5.0, Input.CLOCK_ACCEPT_TIMEOUT))
        assert bench.take_all() == [CONNECT]
        assert (bench.wire(), bench.record) == (b"", None)

    def test_is_a_101(self):
        bench = Bench(head=request(b"sec-websocket-protocol: a, b"), default_headers=((b"server", b"uvicorn"),))
        bench.connection.send({**ACCEPT, "subprotocol": "b", "headers": [(b"x-b", b"1"), (b"x-a", b"2")]})
        head = bench.written().head
        assert head.startswith(b"HTTP/1.1 101 ")
        assert head.endswith(b"\r\nSec-WebSocket-Protocol: b\r\nserver: uvicorn\r\nx-b: 1\r\nx-a: 2")
        assert bench.state is State.OPEN

    def test_ends_the_wait_for_it(self):
        bench = Bench(accept_timeout=5)
        bench.connection.send(ACCEPT)
        assert bench.effects == [Answered(101, Input.APP_ACCEPT, len(bench.wire()))]
        assert bench.deadline == Deadline(None, None)

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            ({"subprotocol": "unknown"}, ValueError),
            ({"headers": [(b"x", b"a\r\nb")]}, ValueError),
            ({"headers": [(b"sec-websocket-accept", b"x")]}, ValueError),
            ({"headers": 1}, TypeError),
        ],
    )
    def test_what_is_wrong_with_it_leaves_all_as_it_was(self, message, error):
        bench = Bench()
        with pytest.raises(error):
            bench.connection.send({**ACCEPT, **message})
        assert (bench.state, bench.wire(), bench.effects) == (State.CONNECTING, b"", [])
        bench.connection.send(ACCEPT)
        assert bench.written().status == 101

    def test_early_frames_are_kept_until_then(self, new):
        bench = new()
        bench.receive(frame(TEXT, b"early") + frame(PING, b"?")[:3])
        assert (bench.take_all(), bench.wire()) == ([CONNECT], b"")
        bench.connection.send(ACCEPT)
        bench.receive(frame(PING, b"?")[3:])
        assert bench.take_all() == [got("early")]
        written = bench.written()
        assert (written.status, written.frames) == (101, [Frame(PONG, b"?")])

    def test_early_frames_are_bounded(self):
        bench = Bench(receive_buffer=100)
        bench.receive(bytes(99))
        assert bench.connection.wants_bytes(reading=True)
        bench.receive(bytes(1))
        assert not bench.connection.wants_bytes(reading=True)

    def test_early_frames_are_read_though_the_app_has_not_received_the_connect(self):
        bench = Bench(max_queue=1)
        bench.receive(frame(TEXT, b"early"))
        bench.connection.send(ACCEPT)
        assert bench.take_all() == [CONNECT, got("early")]

    def test_early_close_is_answered_after_the_101(self, new):
        bench = new()
        bench.receive(frame(TEXT, b"early") + close_frame(4000, "bye"))
        bench.connection.take()
        bench.connection.send(ACCEPT)
        written = bench.written()
        assert (written.status, written.close) == (101, payload(4000, "bye"))
        assert bench.take_all() == [got("early"), disconnect(4000, "bye")]

    def test_agrees_on_compression(self):
        bench = Bench(head=DEFLATE).opened()
        bench.connection.send(send("Hello" * 20))
        (sent,) = bench.written().frames
        assert sent.rsv1
        assert Inflater(DeflateParameters(), None).inflate(sent.payload) == b"Hello" * 20

    @pytest.mark.parametrize("keeps", [True, False])
    def test_agrees_on_the_context_of_the_option(self, keeps):
        bench = Bench(head=DEFLATE, deflate_context_takeover=keeps)
        bench.connection.send(ACCEPT)
        assert (b"server_no_context_takeover" in bench.written().head) is not keeps

    def test_agrees_on_none_where_uvicorn_has_it_off(self):
        settings = Bench(head=DEFLATE).connection._settings._replace(compression=False)
        connection = _connection.Connection(DEFLATE, settings, Outbox(0))
        connection.send(ACCEPT)
        assert b"Sec-WebSocket-Extensions" not in b"".join(connection.outbox.take())


REFUSALS = {
    "app closes": (lambda c: c.send(APP_CLOSE), 403, Input.APP_CLOSE, ClosedBy.APP),
    "app returns": (lambda c: c.returned(), 500, Input.APP_RETURN, ClosedBy.APP),
    "app raises": (lambda c: c.crashed(), 500, Input.APP_CRASH, ClosedBy.APP),
    "app is cancelled": (lambda c: c.cancelled(), 503, Input.APP_CANCELLED, ClosedBy.SERVER),
    "server shuts down": (lambda c: c.shutdown(), 503, Input.SERVER_SHUTDOWN, ClosedBy.SERVER),
    "accept timeout": (
        lambda c: c.timed_out(Input.CLOCK_ACCEPT_TIMEOUT),
        504,
        Input.CLOCK_ACCEPT_TIMEOUT,
        ClosedBy.SERVER,
    ),
    "refused": (
        lambda c: c.refuse(HandshakeRefused(403, "origin")),
        403,
        Input.SERVER_REFUSE,
        ClosedBy.SERVER,
    ),
}


class TestRefusal:
    """[H2 to H5, H9 to H13]: every way not to accept ends alike."""

    @pytest.fixture(params=REFUSALS.values(), ids=list(REFUSALS))
    def way(self, request):
        return request.param

    def test_is_an_http_answer_that_ends_the_connection(self, way):
        act, status, *_ = way
        bench = Bench(default_headers=((b"server", b"uvicorn"),))
        act(bench.connection)
        written = bench.written()
        assert (written.status, written.body) == (status, b"Internal Server Error" if status == 500 else b"")
        assert (b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in written.head) is (status == 500)
        assert b"\r\nserver: uvicorn\r\n" in written.head
        assert written.head.lower().endswith(b"connection: close")

    def test_is_said_once_and_lingers(self, way):
        act, status, input_, _ = way
        bench = Bench(close_timeout=7)
        act(bench.connection)
        assert bench.effects == [Answered(status, input_), Finish.LINGER]
        assert bench.deadline == Deadline(7.0, Input.CLOCK_CLOSE_TIMEOUT)
        assert bench.state is State.DRAINING

    def test_the_app_is_told_after_the_connect(self, way):
        bench = Bench()
        way[0](bench.connection)
        assert bench.take_all() == [CONNECT, disconnect(1006)]

    def test_record(self, way):
        act, _, _, by = way
        bench = Bench()
        act(bench.connection)
        assert bench.record == CloseRecord(ABNORMAL, "", by, clean=False)
        bench.connection.lost("")
        assert bench.ends == [bench.record]

    def test_a_later_close_is_ignored(self, way):
        bench = Bench()
        way[0](bench.connection)
        bench.wire()
        bench.connection.send(APP_CLOSE)
        assert bench.wire() == b""

    def test_frames_are_not_read(self, way):
        bench = Bench()
        bench.receive(frame(TEXT, b"early"))
        way[0](bench.connection)
        bench.receive(frame(TEXT, b"late") + close_frame(1000))
        assert bench.take_all() == [CONNECT, disconnect(1006)]
        assert bench.connection.wants_bytes(reading=True)

    def test_by_the_app_makes_a_later_accept_its_own_mistake(self):
        bench = Bench()
        bench.connection.send(APP_CLOSE)
        with pytest.raises(RuntimeError, match=r"'websocket\.accept' is not possible in state DRAINING"):
            bench.connection.send(ACCEPT)

    @pytest.mark.parametrize("name", ["server shuts down", "accept timeout"])
    def test_by_others_makes_a_later_accept_raise_gone(self, name):
        bench = Bench()
        REFUSALS[name][0](bench.connection)
        with pytest.raises(Gone):
            bench.connection.send(ACCEPT)

    def test_has_the_headers_of_the_refusal(self):
        bench = Bench()
        bench.connection.refuse(HandshakeRefused(426, "version", [(b"Sec-WebSocket-Version", b"13")]))
        assert b"Sec-WebSocket-Version: 13" in bench.written().head

    @pytest.mark.parametrize("message", [send("early"), DENY_END])
    def test_anything_but_an_answer_is_the_apps_mistake(self, message):
        bench = Bench()
        with pytest.raises(RuntimeError, match=f"'{message['type']}' is not possible in state CONNECTING"):
            bench.connection.send(message)
        assert (bench.state, bench.wire()) == (State.CONNECTING, b"")

    def test_close_with_a_wrong_code_refuses_nothing(self):
        bench = Bench()
        with pytest.raises(ValueError, match="'code'"):
            bench.connection.send({**APP_CLOSE, "code": 1005})
        assert bench.state is State.CONNECTING

    def test_a_request_that_is_no_handshake_gets_its_answer(self):
        bench = Bench(head=b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        refusal = bench.connection.handshake.refusal
        assert refusal is not None
        bench.connection.refuse(refusal)
        assert bench.written().status == 400

    def test_cancelled_while_output_is_stuck_aborts(self):
        bench = Bench()
        bench.connection.pause_output()
        bench.connection.cancelled()
        assert bench.finishes == [Finish.LINGER, Finish.ABORT]
        assert bench.state is State.CLOSED


class TestDenial:
    """[H6, H7, H9, C13]"""

    @pytest.fixture
    def denying(self):
        bench = Bench()
        bench.connection.take()
        bench.connection.send(DENY)
        return bench

    def test_is_answered_by_the_app(self, denying):
        assert (denying.state, denying.wire()) == (State.DENYING, b"")
        assert denying.effects == [Answered(401, Input.APP_DENY)]

    def test_that_does_not_end_in_time_is_cut(self, denying):
        denying.connection.send(DENY_BODY)
        denying.connection.timed_out(Input.CLOCK_ACCEPT_TIMEOUT)
        written = denying.written()
        assert (written.status, written.body) == (401, b"2\r\nno\r\n")
        assert denying.take_all() == [disconnect(1006)]
        assert denying.record == CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False)
        assert (denying.state, denying.finishes) == (State.DRAINING, [Finish.LINGER])

    def test_that_has_not_begun_in_time_is_its_head(self, denying):
        denying.connection.timed_out(Input.CLOCK_ACCEPT_TIMEOUT)
        written = denying.written()
        assert (written.status, written.body) == (401, b"")
        assert denying.answers == [Answered(401, Input.APP_DENY)]

    def test_is_streamed_part_by_part(self, denying):
        denying.connection.send(DENY_BODY)
        written = denying.written()
        assert (written.status, written.body) == (401, b"2\r\nno\r\n")
        denying.connection.send(DENY_END)
        assert denying.wire() == b"2\r\nno\r\n0\r\n\r\n"
        assert denying.state is State.DRAINING

    def test_after_the_last_part_the_app_is_told(self, denying):
        denying.connection.send(DENY_BODY)
        assert not denying.connection.inbox
        denying.connection.send(DENY_END)
        assert denying.take_all() == [disconnect(1006)]
        assert denying.record == CloseRecord(ABNORMAL, "", ClosedBy.APP, clean=False)
        assert denying.finishes == [Finish.LINGER]

    @pytest.mark.parametrize("message", [{"status": 99}, {"status": None}, {"headers": [(b"a b", b"")]}])
    def test_what_is_wrong_with_its_start_leaves_all_as_it_was(self, message):
        bench = Bench()
        with pytest.raises((TypeError, ValueError)):
            bench.connection.send({**DENY, **message})
        assert (bench.state, bench.wire(), bench.answers) == (State.CONNECTING, b"", [])

    def test_what_is_wrong_with_its_body_leaves_all_as_it_was(self):
        bench = Bench()
        bench.connection.send({**DENY, "headers": [(b"content-length", b"1")]})
        with pytest.raises(ValueError, match="Content-Length"):
            bench.connection.send(DENY_END)
        assert (bench.state, bench.wire()) == (State.DENYING, b"")

    @pytest.mark.parametrize("message", [ACCEPT, APP_CLOSE, send(""), DENY])
    def test_anything_else_meanwhile_is_the_apps_mistake(self, denying, message):
        with pytest.raises(RuntimeError, match=f"'{message['type']}' is not possible in state DENYING"):
            denying.connection.send(message)

    @pytest.mark.parametrize("end", ["returned", "crashed", "cancelled"])
    def test_the_app_ends_before_the_body_came(self, denying, end):
        getattr(denying.connection, end)()
        written = denying.written()
        assert (written.status, written.body) == (401, b"")
        assert denying.finishes == [Finish.LINGER]
        assert denying.record == CloseRecord(ABNORMAL, "", ClosedBy.APP, clean=False)
        assert denying.take_all() == [disconnect(1006)]

    @pytest.mark.parametrize("end", ["returned", "crashed"])
    def test_the_app_ends_within_the_body_which_gets_no_false_end(self, denying, end):
        denying.connection.send(DENY_BODY)
        denying.wire()
        getattr(denying.connection, end)()
        assert denying.wire() == b""
        assert denying.state is State.DRAINING

    def test_it_has_no_time_of_its_own_but_that_for_the_answer(self):
        bench = Bench(accept_timeout=5.0)
        before = bench.deadline
        bench.connection.send(DENY)
        assert bench.deadline is before

    def test_a_shutdown_lets_it_finish(self, denying):
        denying.connection.shutdown()
        assert denying.deadline == Deadline(10.0, Input.CLOCK_CLOSE_TIMEOUT)
        assert (denying.state, denying.record, denying.take_all()) == (State.DENYING, None, [])
        denying.connection.send(DENY_END)
        assert denying.written().status == 401
        assert denying.take_all() == [disconnect(1006)]
        assert denying.record is not None
        assert denying.record.by is ClosedBy.APP

    def test_a_shutdown_waits_no_longer_than_the_close_timeout(self, denying):
        denying.connection.shutdown()
        denying.connection.timed_out(Input.CLOCK_CLOSE_TIMEOUT)
        assert (denying.state, denying.finishes) == (State.CLOSED, [Finish.ABORT])
        assert denying.record == CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False, detail="close timeout")
        assert denying.take_all() == [disconnect(1006)]

    def test_the_peer_goes_away(self, denying):
        denying.connection.receive_eof()
        assert denying.finishes == [Finish.CLOSE]
        assert denying.record == network("end of stream")
        with pytest.raises(Gone):
            denying.connection.send(DENY_BODY)

    def test_the_network_fails(self, denying):
        denying.connection.lost("reset")
        assert denying.ends == [network("reset")]
        assert denying.take_all() == [disconnect(1006)]

    def test_what_the_peer_sends_is_thrown_away(self, denying):
        denying.connection.receive_data(frame(TEXT, b"early"))
        denying.connection.send(DENY_END)
        assert denying.take_all() == [disconnect(1006)]
        assert denying.connection.inbox.messages == 0


class TestUnansweredLoss:
    """[H8]"""

    @pytest.mark.parametrize(
        ("lose", "detail", "finishes"),
        [
            (lambda c: c.receive_eof(), "end of stream", [Finish.CLOSE]),
            (lambda c: c.lost("reset"), "reset", []),
            (lambda c: c.lost(""), "", []),
        ],
        ids=["end of stream", "reset", "without a reason"],
    )
    def test_the_app_is_told_and_may_still_try(self, lose, detail, finishes):
        bench = Bench()
        lose(bench.connection)
        assert (bench.finishes, bench.record, bench.wire()) == (finishes, network(detail), b"")
        assert bench.take_all() == [CONNECT, disconnect(1006)]
        with pytest.raises(Gone, match=f"state {bench.state.name}, code 1006"):
            bench.connection.send(ACCEPT)
        bench.connection.send(APP_CLOSE)
        assert bench.wire() == b""

    @pytest.mark.parametrize("lose", [lambda c: c.receive_eof(), lambda c: c.lost("reset")], ids=["end", "reset"])
    def test_early_frames_are_for_nobody(self, lose):
        bench = Bench()
        bench.receive(frame(TEXT, b"early"))
        lose(bench.connection)
        assert bench.take_all() == [CONNECT, disconnect(1006)]

    def test_the_first_reason_of_a_loss_stays(self):
        bench = Bench()
        bench.connection.receive_eof()
        bench.connection.lost("reset")
        assert bench.ends == [network("end of stream")]


CLOSES = {
    "app closes": (lambda c: c.send(APP_CLOSE), 4001, "enough", ClosedBy.APP, ""),
    "app closes without a code": (lambda c: c.send({"type": "websocket.close"}), 1000, "", ClosedBy.APP, ""),
    "app returns": (lambda c: c.returned(), 1000, "", ClosedBy.APP, ""),
    "app raises": (lambda c: c.crashed(), 1011, "", ClosedBy.APP, ""),
    "app is cancelled": (lambda c: c.cancelled(), 1012, "", ClosedBy.SERVER, "server shutdown"),
    "server shuts down": (lambda c: c.shutdown(), 1012, "", ClosedBy.SERVER, "server shutdown"),
}


class TestOurClose:
    """[C3, C4, C5, C12, C15]: who ends an open connection says so, and waits for the peer."""

    @pytest.fixture(params=CLOSES.values(), ids=list(CLOSES))
    def way(self, request):
        return request.param

    def test_says_so_behind_what_was_sent(self, way):
        act, code, reason, *_ = way
        bench = Bench().opened()
        bench.connection.send(send("last"))
        act(bench.connection)
        assert bench.written().frames == [Frame(TEXT, b"last"), Frame(CLOSE, payload(code, reason))]

    def test_waits_for_the_peer(self, way):
        bench = Bench(close_timeout=3).opened()
        way[0](bench.connection)
        assert bench.state is State.CLOSING
        assert (bench.deadline, bench.finishes) == (Deadline(3.0, Input.CLOCK_CLOSE_TIMEOUT), [])

    def test_the_app_is_told_with_that_code(self, way):
        act, code, reason, *_ = way
        bench = Bench().opened()
        act(bench.connection)
        assert bench.take_all() == [disconnect(code, reason or None)]

    def test_record(self, way):
        act, code, reason, by, detail = way
        bench = Bench().opened()
        act(bench.connection)
        record = CloseRecord(code, reason, by, clean=False, detail=detail)
        assert bench.record == record
        bench.receive(close_frame(4999, "too late"))
        assert bench.record == record._replace(clean=True)
        assert (bench.state, bench.finishes) == (State.DRAINING, [Finish.CLOSE])
        bench.connection.lost("")
        assert bench.ends == [record._replace(clean=True)]

    def test_messages_that_cross_it_are_dropped(self, new, way):
        bench = new().opened()
        way[0](bench.connection)
        bench.take_all()
        bench.receive(frame(TEXT, b"crossed") * 100 + close_frame(1000))
        assert (bench.take_all(), bench.connection.inbox.messages) == ([], 0)
        assert bench.state is State.DRAINING

    def test_messages_that_came_before_it_are_kept(self, way):
        bench = Bench().opened()
        bench.receive(frame(TEXT, b"before"))
        way[0](bench.connection)
        first, last = bench.take_all()
        assert (first, last["type"]) == (got("before"), "websocket.disconnect")

    def test_a_violation_meanwhile_ends_the_wait(self, way):
        bench = Bench().opened()
        way[0](bench.connection)
        record = bench.record
        bench.receive(frame(TEXT, b"\xff"))
        assert (bench.state, bench.finishes, bench.record) == (State.DRAINING, [Finish.LINGER], record)

    def test_the_end_of_the_stream_ends_the_wait(self, way):
        bench = Bench().opened()
        way[0](bench.connection)
        record = bench.record
        bench.connection.receive_eof()
        assert (bench.state, bench.finishes, bench.record) == (State.DRAINING, [Finish.CLOSE], record)

    def test_the_wait_is_bounded(self, way):
        bench = Bench().opened()
        way[0](bench.connection)
        record = bench.record
        bench.connection.timed_out(Input.CLOCK_CLOSE_TIMEOUT)
        assert (bench.state, bench.finishes, bench.ends) == (State.CLOSED, [Finish.ABORT], [record])
        assert len(bench.take_all()) == 1

    def test_whoever_comes_next_changes_nothing(self, way):
        bench = Bench().opened()
        way[0](bench.connection)
        record, effects = bench.record, len(bench.effects)
        bench.wire()
        for act, *_ in CLOSES.values():
            act(bench.connection)
        assert (bench.wire(), bench.record, len(bench.effects)) == (b"", record, effects)
        assert bench.state is State.CLOSING

    def test_shutdown_code_is_an_option(self):
        bench = Bench(shutdown_code=1001).opened()
        bench.connection.shutdown()
        assert bench.written().close == payload(1001)

    def test_cancelled_while_output_is_stuck_aborts(self):
        bench = Bench().opened()
        bench.connection.pause_output()
        bench.connection.cancelled()
        assert (bench.state, bench.finishes) == (State.CLOSED, [Finish.ABORT])
        assert bench.take_all() == [disconnect(1012)]

    def test_cancelled_after_the_end_while_output_was_stuck(self):
        bench = Bench().opened()
        bench.connection.pause_output()
        bench.connection.lost("reset")
        bench.connection.cancelled()
        assert (bench.finishes, len(bench.ends)) == ([], 1)


class TestPeersClose:
    """[C1, C14]"""

    @pytest.fixture
    def bench(self, bench):
        """The app has received something already, so that it is waited for."""
        bench.receive(frame(TEXT, b"first"))
        assert bench.take_all() == [got("first")]
        return bench

    @pytest.mark.parametrize(
        ("wire", "echo", "event"),
        [
            (close_frame(4000, "grüß"), payload(4000, "grüß"), disconnect(4000, "grüß")),
            (close_frame(1001), payload(1001), disconnect(1001, "")),
            (close_frame(), b"", disconnect(NO_STATUS, "")),
        ],
        ids=["code and reason", "code alone", "empty"],
    )
    def test_is_echoed(self, bench, wire, echo, event):
        bench.receive(wire)
        assert bench.take_all() == [event]
        assert bench.written().close == echo
        assert (bench.state, bench.finishes) == (State.DRAINING, [Finish.CLOSE])
        assert bench.record == CloseRecord(event["code"], event["reason"], ClosedBy.PEER, clean=True)

    def test_between_fragments(self, bench):
        bench.receive(frame(TEXT, b"unfinished", fin=False) + close_frame(1000))
        assert bench.take_all() == [disconnect(1000, "")]

    def test_what_follows_is_ignored(self, bench):
        bench.receive(close_frame(1000) + frame(TEXT, b"late") + close_frame(1001))
        bench.receive(frame(PING, b"late") + frame(TEXT, b"\xff"))
        assert bench.take_all() == [disconnect(1000, "")]
        assert [frame.opcode for frame in bench.written().frames] == [CLOSE]

    @pytest.mark.parametrize("whole", [True, False])
    def test_followed_by_the_end_of_the_stream(self, bench, whole):
        bench.receive(frame(TEXT, b"last") + close_frame(1000, "bye"))
        if whole:
            bench.connection.receive_eof()
            assert bench.finishes == []
        assert bench.take_all() == [got("last"), disconnect(1000, "bye")]
        assert bench.written().close == payload(1000, "bye")
        assert bench.finishes == [Finish.CLOSE]

    def test_followed_by_a_reset(self, bench):
        bench.receive(frame(TEXT, b"last") + close_frame(1000, "bye"))
        bench.connection.lost("reset")
        record = CloseRecord(1000, "bye", ClosedBy.PEER, clean=False)
        assert (bench.state, bench.ends) == (State.CLOSED, [record])
        assert bench.take_all() == [got("last"), disconnect(1000, "bye")]
        assert (bench.wire(), bench.record) == (b"", record)

    def test_crossing_ours_does_not_change_the_code(self, bench):
        bench.connection.send(APP_CLOSE)
        bench.receive(close_frame(1000, "bye"))
        assert bench.written().close == payload(4001, "enough")
        assert bench.take_all() == [disconnect(4001, "enough")]


class TestQueuedEnding:
    """What the peer ends keeps its place in the queue; more of that in ``test_connection_ending.py``."""

    @pytest.fixture
    def ending(self, bench):
        bench.receive(frame(TEXT, b"1") + frame(PING, b"?"))
        assert bench.connection.take() == got("1")
        bench.receive(frame(TEXT, b"2") + close_frame(1000, "bye"))
        assert bench.state is State.ENDING
        assert bench.written().frames == [Frame(PONG, b"?")]
        return bench

    def test_is_answered_when_the_app_reaches_it(self, ending):
        ending.connection.take()
        assert ending.wire() == b""
        ending.connection.take()
        assert ending.written().close == payload(1000, "bye")

    def test_is_answered_when_its_grace_is_over(self, ending):
        assert ending.deadline == Deadline(1.0, Input.CLOCK_GRACE_OVER)
        ending.connection.timed_out(Input.CLOCK_GRACE_OVER)
        assert ending.written().close == payload(1000, "bye")

    def test_is_answered_though_the_peer_has_ended_the_stream(self, ending):
        ending.connection.receive_eof()
        assert (ending.state, ending.finishes) == (State.ENDING, [])
        ending.take_all()
        assert ending.finishes == [Finish.CLOSE]

    def test_is_answered_when_the_app_returns(self, ending):
        ending.connection.returned()
        assert ending.written().close == payload(1000, "bye")

    def test_a_violation_is_answered_with_its_code(self, bench):
        bench.receive(frame(TEXT, b"\xff"))
        assert bench.written().close == payload(1007, "text that is not UTF-8")
        assert (bench.finishes, bench.take_all()) == ([Finish.LINGER], [disconnect(1007)])

    def test_a_loss_waits_for_what_is_unread(self, new):
        bench = new(max_queue=2).opened()
        bench.receive(frame(TEXT, b"x") * 3 + frame(PING))
        bench.connection.receive_eof()
        assert (bench.state, bench.record) == (State.DRAINING, None)
        assert bench.take_all() == [got("x")] * 3 + [disconnect(1006)]
        assert bench.wire() == b""

    def test_an_app_that_returns_reads_nothing_more(self, new):
        bench = new(max_queue=2).opened()
        bench.receive(frame(TEXT, b"x") * 3)
        bench.connection.lost("reset")
        bench.connection.returned()
        assert bench.ends == [network("reset")]

    def test_pong_is_an_effect_and_no_event(self, bench):
        bench.receive(frame(PONG, b"1234"))
        assert bench.effects[-1] == Pong(b"1234")
        assert bench.take_all() == []

    def test_more_than_a_turns_frames_wait_for_another(self, new):
        bench = new(max_queue=10 * FRAMES_PER_TURN).opened()
        bench.receive(frame(PONG) * (FRAMES_PER_TURN + 1))
        assert bench.connection.is_behind
        assert bench.effects.count(Pong(b"")) == FRAMES_PER_TURN
        bench.connection.read_on()
        assert bench.effects.count(Pong(b"")) == FRAMES_PER_TURN + 1
        assert not bench.connection.is_behind

    def test_output_that_flows_again_lets_the_pongs_go_on(self, new):
        bench = new(max_queue=1).opened()
        bench.connection.pause_output()
        bench.receive(frame(PING, b"1") + frame(PING, b"2"))
        assert bench.written().frames == [Frame(PONG, b"1")]
        bench.connection.resume_output()
        assert bench.written().frames == [Frame(PONG, b"2")]
        bench.connection.resume_output()
        assert bench.wire() == b""


class TestClock:
    """[O6, O6a, C12a]"""

    def test_peer_that_takes_no_output_is_aborted(self):
        bench = Bench().opened()
        bench.connection.timed_out(Input.CLOCK_WRITE_TIMEOUT)
        record = CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False, detail="slow peer: it takes no output")
        assert (bench.wire(), bench.finishes, bench.ends) == (b"", [Finish.ABORT], [record])
        assert bench.take_all() == [disconnect(1006)]
        with pytest.raises(Gone):
            bench.connection.send(send(""))

    def test_peer_that_answers_no_ping_gets_no_more_than_the_close_timeout(self):
        bench = Bench(close_timeout=0.5).opened()
        bench.connection.timed_out(Input.CLOCK_PING_TIMEOUT)
        assert bench.deadline == Deadline(0.5, Input.CLOCK_CLOSE_TIMEOUT)

    def test_peer_that_answers_no_ping_gets_a_close_and_a_second(self):
        bench = Bench().opened()
        bench.connection.timed_out(Input.CLOCK_PING_TIMEOUT)
        assert bench.written().close == payload(1011, KEEPALIVE_TIMEOUT)
        assert bench.deadline == Deadline(PING_TIMEOUT_GRACE, Input.CLOCK_CLOSE_TIMEOUT)
        assert bench.take_all() == [disconnect(1006)]
        bench.connection.timed_out(Input.CLOCK_CLOSE_TIMEOUT)
        assert bench.finishes == [Finish.ABORT]
        assert bench.ends == [CloseRecord(ABNORMAL, "", ClosedBy.SERVER, clean=False, detail=KEEPALIVE_TIMEOUT)]

    def test_close_timeout_of_a_drained_connection_keeps_its_record(self):
        bench = Bench().opened()
        bench.receive(close_frame(1000))
        bench.take_all()
        record = bench.record
        bench.connection.timed_out(Input.CLOCK_CLOSE_TIMEOUT)
        assert (bench.ends, bench.finishes) == ([record], [Finish.CLOSE, Finish.ABORT])

    def test_input_after_the_close_is_thrown_away_within_a_bound(self, monkeypatch):
        assert DISCARD_LIMIT >= 2**20
        monkeypatch.setattr(_connection, "DISCARD_LIMIT", 100)
        bench = Bench()
        bench.connection.send(APP_CLOSE)
        bench.receive(bytes(100))
        assert bench.finishes == [Finish.LINGER]
        bench.receive(bytes(1))
        assert (bench.state, bench.finishes, len(bench.ends)) == (State.CLOSED, [Finish.LINGER, Finish.ABORT], 1)
        bench.receive(bytes(100))
        assert len(bench.finishes) == 2

    def test_a_timeout_that_the_state_does_not_have_is_refused(self):
        bench = Bench().opened()
        with pytest.raises(InvalidTransition):
            bench.connection.timed_out(Input.CLOCK_GRACE_OVER)
        assert (bench.state, bench.wire()) == (State.OPEN, b"")


class TestMaySend:
    def test_until_the_answer_is_over_or_the_ending_answered(self):
        bench = Bench()
        assert bench.connection.may_send
        bench.connection.send(ACCEPT)
        assert bench.connection.may_send
        bench.connection.send(APP_CLOSE)
        assert not bench.connection.may_send


class TestEnded:
    def test_is_the_last_effect_but_for_the_abort_that_it_says(self):
        bench = Bench().opened()
        bench.connection.timed_out(Input.CLOCK_WRITE_TIMEOUT)
        bench.connection.lost("aborted")
        bench.connection.returned()
        assert bench.record is not None
        assert bench.effects[-2:] in ([Ended(bench.record), Finish.ABORT], [Finish.ABORT, Ended(bench.record)])


class TestWayOut:
    def test_there_is_none_while_there_is_a_transport(self, bench):
        bench.connection.returned()
        assert (bench.state, bench.connection.way_out) == (State.CLOSING, None)

    @pytest.mark.parametrize("input_", [Input.CLOCK_WRITE_TIMEOUT, Input.CLOCK_CLOSE_TIMEOUT])
    def test_it_is_the_input_that_has_closed(self, bench, input_):
        bench.connection.returned()
        bench.connection.timed_out(input_)
        assert bench.connection.way_out is input_
        bench.connection.lost("aborted")
        assert bench.connection.way_out is input_

    def test_a_loss_is_one(self, bench):
        bench.connection.lost("reset")
        assert bench.connection.way_out is Input.NETWORK_LOST

    def test_a_flood_is_one(self, bench):
        bench.receive(close_frame(1000))
        bench.take_all()
        assert bench.state is State.DRAINING
        bench.receive(bytes(DISCARD_LIMIT + 1))
        assert bench.connection.way_out is Input.PEER_FLOOD
