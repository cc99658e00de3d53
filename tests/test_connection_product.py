"""Whatever happens in whatever state: each call of the connection, made in each place of its life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from safews._connection import Connection
from safews._effects import Gone
from safews._handshake import HandshakeRefused
from safews._reader import Mode
from safews._state import TABLE, Input, InvalidTransition, State
from tests.connections import (
    ACCEPT,
    APP_CLOSE,
    DENY,
    DENY_BODY,
    DENY_END,
    FOUND,
    LANES,
    PLACES,
    WAYS,
    Bench,
    bench_at,
    reachable,
    send,
)
from tests.harness.frames import PING, PONG, TEXT, close_frame, frame

Act = Callable[[Connection], object]

INPUTS: dict[Input, Act] = {
    Input.APP_ACCEPT: lambda c: c.send(ACCEPT),
    Input.APP_SEND: lambda c: c.send(send("hello")),
    Input.APP_CLOSE: lambda c: c.send(APP_CLOSE),
    Input.APP_DENY: lambda c: c.send(DENY),
    Input.APP_DENY_BODY: lambda c: c.send(DENY_BODY),
    Input.APP_DENY_END: lambda c: c.send(DENY_END),
    Input.APP_RETURN: lambda c: c.returned(),
    Input.APP_CRASH: lambda c: c.crashed(),
    Input.APP_CANCELLED: lambda c: c.cancelled(),
    Input.PEER_EOF: lambda c: c.receive_eof(),
    Input.NETWORK_LOST: lambda c: c.lost("reset"),
    Input.SERVER_REFUSE: lambda c: c.refuse(HandshakeRefused(503, "full")),
    Input.SERVER_SHUTDOWN: lambda c: c.shutdown(),
    Input.CLOCK_ACCEPT_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_ACCEPT_TIMEOUT),
    Input.CLOCK_GRACE_OVER: lambda c: c.timed_out(Input.CLOCK_GRACE_OVER),
    Input.CLOCK_PING_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_PING_TIMEOUT),
    Input.CLOCK_WRITE_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_WRITE_TIMEOUT),
    Input.CLOCK_CLOSE_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_CLOSE_TIMEOUT),
}
"""The calls that are one input each."""

FREE: dict[str, Act] = {
    "message": lambda c: c.receive_data(frame(TEXT, b"hello")),
    "ping": lambda c: c.receive_data(frame(PING, b"?")),
    "pong": lambda c: c.receive_data(frame(PONG, b"!")),
    "close": lambda c: c.receive_data(close_frame(1000, "bye")),
    "violation": lambda c: c.receive_data(frame(0x3)),
    "half a header": lambda c: c.receive_data(frame(TEXT, b"hello")[:1]),
    "nothing": lambda c: c.receive_data(b""),
    "much": lambda c: c.receive_data(frame(TEXT, b"x" * 100) * 1000),
    "pause": lambda c: c.pause_output(),
    "resume": lambda c: c.resume_output(),
    "read on": lambda c: c.read_on(),
    "ask": lambda c: (c.is_behind, c.wants_bytes(True), c.wants_bytes(False)),
}
"""The calls that are free to anybody at any time."""

MISTAKES: dict[str, tuple[Any, type[Exception]]] = {
    "no message": (None, TypeError),
    "no type": ({}, TypeError),
    "unknown type": ({"type": "websocket.unknown"}, RuntimeError),
    "another protocol's": ({"type": "http.response.start", "status": 200}, RuntimeError),
}
"""Messages that have no place anywhere."""

FAULTY: dict[Input, dict[str, Any]] = {
    Input.APP_ACCEPT: {**ACCEPT, "headers": [(b"a b", b"")]},
    Input.APP_SEND: {"type": "websocket.send", "text": 1},
    Input.APP_CLOSE: {**APP_CLOSE, "code": 1005},
    Input.APP_DENY: {**DENY, "status": 1000},
    Input.APP_DENY_END: {**DENY_END, "body": "no"},
}
"""Messages in their place, but with something wrong in them."""


class Snapshot(NamedTuple):
    """Everything of a connection that anybody sees."""

    state: State
    record: object
    waiting: list[dict[str, object]]
    effects: list[object]
    output: int
    messages: tuple[int, int]

    @classmethod
    def of(cls, bench: Bench) -> Snapshot:
        connection = bench.connection
        return cls(
            bench.state,
            bench.record,
            bench.waiting,
            list(bench.effects),
            connection.outbox.size,
            (connection.inbox.messages, connection.outbox.messages),
        )


def name(value: object) -> str:
    if isinstance(value, tuple):
        return f"{value[0].name}: {value[1]}"
    return value.name if isinstance(value, Input) else str(value)


THEN = {Input.APP_ACCEPT: FOUND, Input.APP_CANCELLED: (Input.CLOCK_CLOSE_TIMEOUT,)}
"""What may follow within the same call: early frames are read, and output that is stuck is not waited for."""

OTHERS = [input_ for input_ in INPUTS if not input_.name.startswith("APP_")]

REFUSED = [(place, input_) for place in PLACES for input_ in OTHERS if (place[0], input_) not in TABLE]

UNANSWERED = (State.CONNECTING, State.DENYING)

AFTER_A_CLOSE = (State.CLOSING, State.DRAINING, State.CLOSED)
"""Where a close of the app is ignored, with whatever is in it."""

IN_PLACE = [
    (place, input_)
    for place in PLACES
    for input_ in FAULTY
    if (place[0], input_) in TABLE and not (input_ is Input.APP_CLOSE and place[0] in AFTER_A_CLOSE)
]


@pytest.fixture(params=PLACES, ids=name)
def bench(request):
    """A connection in each place."""
    return bench_at(*request.param)


class TestInputs:
    @pytest.mark.parametrize("input_", INPUTS, ids=name)
    def test_is_taken_or_refused_as_the_table_says(self, bench, input_):
        before = Snapshot.of(bench)
        if (before.state, input_) in TABLE:
            INPUTS[input_](bench.connection)
            assert bench.state in reachable(TABLE[before.state, input_], THEN.get(input_, ()))
        else:
            with pytest.raises((RuntimeError, InvalidTransition, Gone), match=before.state.name):
                INPUTS[input_](bench.connection)
            assert Snapshot.of(bench) == before
        bench.check()
        bench.finish()

    @pytest.mark.parametrize(("place", "input_"), REFUSED, ids=name)
    def test_of_others_than_the_app_is_refused_by_naming_both(self, place, input_):
        bench = bench_at(*place)
        with pytest.raises(InvalidTransition, match=f"^{input_.name} is not possible in state {bench.state.name}$"):
            INPUTS[input_](bench.connection)

    def test_all_are_made_here_but_what_is_found_in_bytes_and_queue(self):
        assert INPUTS.keys() | {*FOUND, Input.PEER_FLOOD} == set(Input)


class TestFreeCalls:
    @pytest.mark.parametrize("act", FREE.values(), ids=FREE)
    def test_raises_nothing_and_goes_where_the_table_says(self, bench, act):
        after = reachable(bench.state, (*FOUND, Input.PEER_FLOOD))
        act(bench.connection)
        assert bench.state in after
        bench.check()
        bench.finish()

    def test_take_gives_what_waits(self, bench):
        after = reachable(bench.state, (*FOUND, Input.PEER_FLOOD))
        waiting = bench.waiting
        taken = []
        while bench.connection.inbox:
            taken.append(bench.take())
            bench.check()
        assert taken[: len(waiting)] == waiting
        assert bench.state in after
        bench.finish()

    @pytest.mark.parametrize("receivers", [1, 2])
    def test_receivers_that_wait(self, bench, receivers):
        bench.take_all()
        bench.wait(receivers)
        if bench.state is not State.CLOSED:
            bench.receive(frame(TEXT, b"hello") + close_frame(1000))
        bench.check()
        bench.finish()


class TestMemory:
    @pytest.mark.parametrize("place", [place for place in PLACES if place[0] not in UNANSWERED], ids=name)
    def test_the_handshake_is_dropped_once_it_is_answered(self, place):
        assert not hasattr(bench_at(*place).connection, "handshake")


class TestMistakes:
    @pytest.mark.parametrize(("message", "error"), MISTAKES.values(), ids=MISTAKES)
    def test_changes_nothing(self, bench, message, error):
        before = Snapshot.of(bench)
        with pytest.raises(error):
            bench.connection.send(message)
        assert Snapshot.of(bench) == before
        bench.finish()

    @pytest.mark.parametrize(("place", "input_"), IN_PLACE, ids=name)
    def test_in_its_place_raises_for_what_is_wrong_and_changes_nothing(self, place, input_):
        bench = bench_at(*place)
        before = Snapshot.of(bench)
        with pytest.raises((TypeError, ValueError)):
            bench.connection.send(FAULTY[input_])
        assert Snapshot.of(bench) == before
        bench.finish()


class TestShortcuts:
    """Where the code does not ask the table, it does what the table says."""

    @pytest.mark.parametrize("data", ["hello", b"hello"])
    def test_a_send_is_taken_where_the_table_takes_it(self, bench, data):
        before = bench.state
        output = bench.connection.outbox.messages
        try:
            bench.connection.send(send(data))
        except (RuntimeError, Gone):
            assert (before, Input.APP_SEND) not in TABLE
            assert bench.connection.outbox.messages == output
        else:
            assert TABLE[before, Input.APP_SEND] is bench.state
            assert bench.connection.outbox.messages == output + 1
        assert bench.state is before

    def test_the_app_may_send_where_the_table_takes_something_of_it(self, bench):
        says = (Input.APP_ACCEPT, Input.APP_SEND, Input.APP_DENY_BODY)
        assert bench.connection.may_send is any((bench.state, input_) in TABLE for input_ in says)

    @pytest.mark.parametrize(("codec", "fast_lane"), LANES)
    @pytest.mark.parametrize("place", PLACES, ids=name)
    def test_a_message_is_read_only_where_the_table_takes_it(self, place, codec, fast_lane):
        bench = bench_at(place[0], place[1], codec, fast_lane)
        if bench.connection._mode is not Mode.IGNORE:
            assert TABLE[bench.state, Input.PEER_MESSAGE] is bench.state

    def test_wherever_the_table_takes_a_message_one_is_read(self):
        for state in State:
            modes = {bench_at(state, way).connection._mode for way in WAYS[state]}
            assert (modes != {Mode.IGNORE}) is ((state, Input.PEER_MESSAGE) in TABLE)

    @pytest.mark.parametrize("place", [place for place in PLACES if not place[1].startswith("part of")], ids=name)
    def test_a_message_leaves_the_state_as_it_is(self, place):
        bench = bench_at(*place)
        before = bench.state
        bench.receive(frame(TEXT, b"hello"))
        assert bench.state is before
