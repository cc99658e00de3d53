"""Messages and pings, both ways, and what comes too late."""

from __future__ import annotations

import functools
import sys
from types import MappingProxyType

import pytest

from safews._deflate import DeflateParameters
from safews._effects import Gone
from safews._events import Pong
from safews._reader import FRAMES_PER_TURN
from safews._state import State
from tests.connections import (
    ACCEPT,
    APP_CLOSE,
    DEFLATE,
    DENY,
    DENY_END,
    LANE_NAMES,
    LANES,
    RSV1,
    Bench,
    got,
    send,
)
from tests.harness.frames import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, close_frame, frame
from tests.reference import Compressor


@pytest.fixture(params=LANES, ids=LANE_NAMES)
def new(request):
    """A connection with each codec, with and without its fast lane."""
    return functools.partial(Bench, *request.param)


@pytest.fixture
def bench(new):
    """The same, open."""
    return new().opened()


def ping_that_cannot_be_answered(connection):
    connection.pause_output()
    connection.receive_data(frame(PING))


class TestReceiving:
    """[O1, O2, O7, O8c]"""

    @pytest.mark.parametrize("data", ["", "grüß", b"", b"\x00\xff"])
    def test_message(self, bench, data):
        wire = data if isinstance(data, bytes) else data.encode()
        bench.receive(frame(TEXT if isinstance(data, str) else BINARY, wire))
        assert bench.take_all() == [got(data)]
        assert bench.connection.inbox.messages == 1

    def test_messages_are_counted(self, bench):
        bench.receive(frame(TEXT, b"a") * 2)
        bench.receive(frame(TEXT, b"b"))
        assert bench.connection.inbox.messages == 3

    @pytest.mark.parametrize(("codec", "fast_lane"), LANES, ids=LANE_NAMES)
    def test_plain_frames_take_the_lane_of_the_option(self, monkeypatch, codec, fast_lane):
        monkeypatch.setattr(codec, "receive", lambda self, data: "by the library")
        bench = Bench(codec, fast_lane).opened()
        bench.receive(frame(TEXT, b"here"))
        assert bench.take_all() == [got("here" if fast_lane else "by the library")]

    def test_a_turn_is_used_to_its_last_frame(self, new):
        # The inbox has room for one less, but a ping takes none.
        bench = new(max_queue=FRAMES_PER_TURN - 1).opened()
        bench.receive(frame(PING) * 2 * FRAMES_PER_TURN)
        assert len(bench.written().frames) == FRAMES_PER_TURN

    def test_a_turn_counts_the_messages_before_and_behind_a_ping(self, new):
        bench = new(max_queue=2 * FRAMES_PER_TURN).opened()
        messages = frame(TEXT, b"x") * (FRAMES_PER_TURN - 1)
        bench.receive(messages + frame(PING) + messages)
        assert len(bench.connection.inbox) == FRAMES_PER_TURN - 1

    def test_between_the_marks_it_is_read_on_where_it_is_read(self, new):
        bench = new(max_queue=4).opened()
        bench.receive(frame(TEXT, b"x") * 3)
        assert bench.connection.wants_bytes(True)
        assert not bench.connection.wants_bytes(False)

    def test_byte_by_byte_with_a_ping_between_compressed_fragments(self, new):
        bench = new(head=DEFLATE).opened()
        data = Compressor(DeflateParameters(client_max_window_bits=12)).compress(b"Hello" * 20)
        wire = frame(TEXT, data[:3], fin=False, rsv=RSV1) + frame(PING, b"?") + frame(CONTINUATION, data[3:])
        for byte in wire:
            bench.receive(bytes((byte,)))
        assert bench.take_all() == [got("Hello" * 20)]
        assert bench.written().frames == [Frame(PONG, b"?")]

    def test_whole_messages_have_no_consequences_below_the_low_mark(self, new):
        bench = new(max_queue=4).opened()
        fast = bench.options.fast_lane
        assert bench.receive(frame(TEXT, b"x") * 2) is fast
        assert not bench.receive(frame(TEXT, b"x"))
        assert not bench.receive(frame(TEXT, b"x"))
        assert bench.take_all() == [got("x")] * 4
        assert bench.receive(frame(TEXT, b"x")) is fast
        assert not bench.receive(frame(TEXT, b"x") + frame(TEXT, b"y")[:3])
        assert bench.take_all() == [got("x")] * 2

    def test_a_pong_has(self, bench):
        assert not bench.receive(frame(PONG, b"?"))
        assert bench.effects[-1] == Pong(b"?")

    def test_more_of_a_message_has_no_consequences(self, new):
        bench = new(receive_buffer=1000, max_size=5000).opened()
        wire = frame(BINARY, bytes(5000))
        receive = bench.receive
        assert not receive(wire[:500])
        assert receive(wire[500:900])
        assert not receive(wire[900:1500])
        assert not bench.connection.wants_bytes(True)
        bench.connection.inbox.receivers.append(object())
        assert receive(wire[1500:5000])
        assert bench.connection.wants_bytes(True)
        receive(wire[5000:])
        assert bench.take_all() == [got(bytes(5000))]

    def test_but_for_what_it_shows_to_be_wrong(self, bench):
        bench.receive(frame(TEXT, b"a" * 1000)[:500])
        assert not bench.receive(b"\xff" * 100)
        assert bench.connection.record.code == 1007

    def test_nor_while_other_messages_wait(self, bench):
        wire = frame(BINARY, bytes(1000))
        bench.receive(frame(TEXT, b"a") + wire[:500])
        assert not bench.receive(wire[500:600])

    def test_more_of_a_message_is_dropped_while_closing(self, bench):
        wire = frame(BINARY, bytes(1000)) + close_frame(1000)
        bench.receive(wire[:500])
        bench.connection.send(APP_CLOSE)
        assert not bench.receive(wire[500:600])
        bench.receive(wire[600:])
        assert bench.connection.record.clean

    def test_ping_is_answered_while_closing(self, bench):
        bench.connection.send(APP_CLOSE)
        bench.receive(frame(PING, b"?"))
        assert bench.written().frames[-1] == Frame(PONG, b"?")

    def test_no_more_is_read_than_the_app_can_take(self, new):
        bench = new(max_queue=4).opened()
        bench.receive(frame(TEXT, b"x") * 10)
        assert len(bench.connection.inbox) == 4
        assert not bench.connection.wants_bytes(reading=True)
        assert not bench.connection.is_behind

    def test_reading_goes_on_at_the_low_mark(self, new):
        bench = new(max_queue=4).opened()
        bench.receive(frame(TEXT, b"x") * 6)
        waiting = []
        for _ in range(6):
            bench.connection.take()
            waiting.append(len(bench.connection.inbox))
        assert waiting == [3, 4, 3, 2, 1, 0]
        assert bench.connection.wants_bytes(reading=False)

    def test_what_comes_while_there_is_no_room_is_read_later(self, new):
        bench = new(max_queue=2).opened()
        bench.receive(frame(TEXT, b"a") * 2)
        bench.receive(frame(TEXT, b"b"))
        assert bench.take_all() == [got("a"), got("a"), got("b")]

    def test_a_pong_waits_behind_back_pressure(self, new):
        bench = new(max_queue=2).opened()
        bench.connection.pause_output()
        bench.receive((frame(PING, b"?") + frame(TEXT, b"x")) * 3)
        assert bench.written().frames == [Frame(PONG, b"?")]
        assert not bench.connection.wants_bytes(reading=True)
        bench.connection.resume_output()
        assert bench.written().frames == [Frame(PONG, b"?")]
        assert bench.take_all() == [got("x")] * 3
        assert bench.written().frames == [Frame(PONG, b"?")]

    def test_what_comes_behind_a_waiting_pong_waits_too(self, bench):
        ping_that_cannot_be_answered(bench.connection)
        bench.receive(frame(TEXT, b"x"))
        assert bench.take_all() == []
        bench.connection.resume_output()
        assert bench.take_all() == [got("x")]

    def test_output_that_held_up_no_pong_holds_up_no_reading(self, bench):
        bench.connection.pause_output()
        bench.receive(frame(TEXT, b"x"))
        assert bench.connection.wants_bytes(reading=True)
        bench.connection.resume_output()
        assert bench.take_all() == [got("x")]


class TestEase:
    """Half of the inbox, which has room for four messages, is two."""

    @pytest.fixture
    def bench(self, new):
        return new(max_queue=4).opened()

    @pytest.mark.parametrize("messages", [0, 2])
    def test_at_ease_while_it_is_read_and_little_is_left(self, bench, messages):
        bench.receive(frame(TEXT, b"x") * messages)
        assert bench.connection.is_at_ease(reading=True)
        assert bench.connection.inbox.reserve == 0

    @pytest.mark.parametrize(
        "disturb",
        [
            lambda c: c.receive_data(frame(TEXT, b"x") * 3),
            lambda c: c.receive_data(frame(TEXT, b"x")[:1]),
            ping_that_cannot_be_answered,
        ],
        ids=["more is left", "a frame in part", "a pong waits"],
    )
    def test_not_at_ease_while_it_is_read(self, bench, disturb):
        disturb(bench.connection)
        assert not bench.connection.is_at_ease(reading=True)
        assert bench.connection.inbox.reserve == 3

    @pytest.mark.parametrize(("messages", "at_ease"), [(2, False), (3, False), (5, True)])
    def test_at_ease_while_it_is_not_read_with_more_to_come_than_there_is_room(self, bench, messages, at_ease):
        bench.receive(frame(TEXT, b"x") * messages)
        assert bench.connection.is_at_ease(reading=False) == at_ease
        assert bench.connection.inbox.reserve == 3

    @pytest.mark.parametrize(("received", "reading", "at_ease"), [(0, True, True), (0, False, False), (1, True, False)])
    def test_while_it_closes_it_is_read_and_nothing_is_sure_of_the_inbox(self, bench, received, reading, at_ease):
        bench.connection.send(APP_CLOSE)
        bench.connection.receive_data(frame(TEXT, b"x")[:received])
        assert bench.connection.is_at_ease(reading) == at_ease
        assert bench.connection.inbox.reserve == sys.maxsize


class TestSending:
    """[O3, O4, C11]"""

    def test_any_mapping_is_a_message(self, bench):
        bench.connection.send(MappingProxyType(send("hello")))
        assert bench.written().frames == [Frame(TEXT, b"hello")]

    @pytest.mark.parametrize(
        ("message", "sent"),
        [
            ({"text": "grüß"}, Frame(TEXT, "grüß".encode())),
            ({"text": "", "bytes": None}, Frame(TEXT, b"")),
            ({"bytes": b"\x00"}, Frame(BINARY, b"\x00")),
            ({"bytes": bytearray(b"ab")}, Frame(BINARY, b"ab")),
            ({"bytes": memoryview(b"ab"), "text": None}, Frame(BINARY, b"ab")),
        ],
    )
    def test_message(self, message, sent):
        bench = Bench().opened()
        bench.connection.send({"type": "websocket.send", **message})
        assert bench.written().frames == [sent]

    @pytest.mark.parametrize(
        ("message", "error"),
        [
            ({}, ValueError),
            ({"text": None, "bytes": None}, ValueError),
            ({"text": "a", "bytes": b"a"}, ValueError),
            ({"text": b"a"}, TypeError),
            ({"bytes": "a"}, TypeError),
            ({"text": "\ud800"}, ValueError),
        ],
    )
    def test_what_is_wrong_with_it_writes_nothing(self, message, error):
        bench = Bench().opened()
        with pytest.raises(error, match=r"'(text|bytes)'"):
            bench.connection.send({"type": "websocket.send", **message})
        assert (bench.state, bench.wire()) == (State.OPEN, b"")

    @pytest.mark.parametrize("message", [None, {}, {"type": None}])
    def test_what_is_no_message(self, message):
        with pytest.raises(TypeError):
            Bench().opened().connection.send(message)

    @pytest.mark.parametrize("message", [ACCEPT, DENY, DENY_END, {"type": "http.response.start"}])
    def test_what_has_no_place_while_open(self, message):
        bench = Bench().opened()
        with pytest.raises(RuntimeError, match=f"'{message['type']}' is not possible in state OPEN"):
            bench.connection.send(message)
        assert (bench.state, bench.wire()) == (State.OPEN, b"")

    @pytest.mark.parametrize("code", [999, 1005, 1006, 1015, 70000])
    def test_close_with_a_wrong_code(self, code):
        bench = Bench().opened()
        with pytest.raises(ValueError, match=str(code)):
            bench.connection.send({**APP_CLOSE, "code": code})
        assert (bench.state, bench.wire(), bench.record) == (State.OPEN, b"", None)

    def test_close_with_too_long_a_reason(self):
        bench = Bench().opened()
        with pytest.raises(ValueError, match="'reason'"):
            bench.connection.send({**APP_CLOSE, "reason": "\u20ac" * 42})
        assert (bench.state, bench.wire()) == (State.OPEN, b"")


class TestAfterOurClose:
    """[C8, C8a]"""

    @pytest.fixture
    def closed(self):
        bench = Bench().opened()
        bench.connection.send(APP_CLOSE)
        bench.take_all()
        bench.wire()
        return bench

    @pytest.mark.parametrize("message", [send(""), ACCEPT, DENY_END])
    def test_the_apps_own_close_makes_a_send_its_mistake(self, closed, message):
        with pytest.raises(RuntimeError, match="is not possible in state CLOSING"):
            closed.connection.send(message)

    def test_unless_the_peer_has_closed_too(self, closed):
        closed.connection.receive_data(close_frame(1000))
        with pytest.raises(Gone, match="state DRAINING, code 4001"):
            closed.connection.send(send(""))

    def test_unless_the_peer_has_ended_the_stream(self, closed):
        closed.connection.receive_eof()
        with pytest.raises(Gone):
            closed.connection.send(send(""))

    def test_unless_the_network_has_failed(self, closed):
        closed.connection.lost("reset")
        with pytest.raises(Gone, match="state CLOSED, code 4001") as info:
            closed.connection.send(send(""))
        assert (info.value.code, info.value.reason) == (4001, "enough")

    def test_a_second_close_is_ignored_whatever_is_in_it(self, closed):
        closed.connection.send({"type": "websocket.close", "code": 1})
        assert (closed.wire(), closed.take_all()) == (b"", [])

    def test_a_send_after_the_servers_close_is_not_the_apps_mistake(self):
        bench = Bench().opened()
        bench.connection.shutdown()
        with pytest.raises(Gone):
            bench.connection.send(send(""))

    @pytest.mark.parametrize("type_", ["websocket.unknown", "http.response.start"])
    def test_what_is_no_message_of_a_websocket_is_always_a_mistake(self, closed, type_):
        closed.connection.lost("reset")
        with pytest.raises(RuntimeError, match=f"'{type_}' is not possible in state CLOSED"):
            closed.connection.send({"type": type_})
