"""Whatever happens in whatever order: random lives of a connection, with the table as the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from safews._close import ClosedBy
from safews._connection import Connection
from safews._effects import Gone
from safews._handshake import HandshakeRefused
from safews._state import TABLE, Input, State
from tests.connections import (
    ACCEPT,
    APP_CLOSE,
    DEFLATE,
    DENY,
    DENY_BODY,
    DENY_END,
    FOUND,
    LANES,
    Bench,
    got,
    reachable,
    request,
    send,
)
from tests.examples import TIMES, examples
from tests.harness.frames import BINARY, CONTINUATION, PING, PONG, TEXT, close_frame, frame

STORED = b"\x00\x05\x00\xfa\xffHello\x00"
"""A compressed message that needs no context: a stored block (RFC 1951 section 3.2.4)."""


class Unit(NamedTuple):
    """Something a peer sends: its bytes, and the message that they make."""

    wire: bytes
    message: str | bytes | None = None


UNITS = [
    Unit(frame(TEXT, b"hello"), "hello"),
    Unit(frame(TEXT), ""),
    Unit(frame(BINARY, bytes(300)), bytes(300)),
    Unit(frame(TEXT, b"a", fin=False) + frame(PING, b"?") + frame(CONTINUATION, b"b"), "ab"),
    Unit(frame(PING, b"?")),
    Unit(frame(PONG, b"!")),
]
COMPRESSED = Unit(frame(BINARY, STORED, rsv=4), b"Hello")
ENDINGS = [
    Unit(close_frame(1000, "bye")),
    Unit(close_frame()),
    Unit(frame(TEXT, b"a", fin=False) + close_frame(1001)),
    Unit(frame(TEXT, b"\xff")),
    Unit(frame(0x3)),
    Unit(frame(BINARY, bytes(1001))),
]

MESSAGES: dict[Input, list[dict[str, Any]]] = {
    Input.APP_ACCEPT: [ACCEPT, {**ACCEPT, "subprotocol": "unknown"}],
    Input.APP_SEND: [send("hello"), send(b"x" * 200), {"type": "websocket.send"}],
    Input.APP_CLOSE: [APP_CLOSE, {"type": "websocket.close"}, {**APP_CLOSE, "code": 1005}],
    Input.APP_DENY: [DENY, {**DENY, "status": None}],
    Input.APP_DENY_BODY: [DENY_BODY],
    Input.APP_DENY_END: [DENY_END],
}


APP_ENDS = (Input.APP_RETURN, Input.APP_CRASH, Input.APP_CANCELLED)

CALLS: dict[Input, Callable[[Connection], object]] = {
    Input.APP_RETURN: lambda c: c.returned(),
    Input.APP_CRASH: lambda c: c.crashed(),
    Input.APP_CANCELLED: lambda c: c.cancelled(),
    Input.PEER_EOF: lambda c: c.receive_eof(),
    Input.NETWORK_LOST: lambda c: c.lost("reset"),
    Input.SERVER_SHUTDOWN: lambda c: c.shutdown(),
    Input.SERVER_REFUSE: lambda c: c.refuse(HandshakeRefused(503, "full")),
    Input.CLOCK_ACCEPT_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_ACCEPT_TIMEOUT),
    Input.CLOCK_GRACE_OVER: lambda c: c.timed_out(Input.CLOCK_GRACE_OVER),
    Input.CLOCK_PING_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_PING_TIMEOUT),
    Input.CLOCK_WRITE_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_WRITE_TIMEOUT),
    Input.CLOCK_CLOSE_TIMEOUT: lambda c: c.timed_out(Input.CLOCK_CLOSE_TIMEOUT),
}
"""What ends a connection, or brings it nearer to its end."""

THEN = {Input.APP_CANCELLED: (Input.CLOCK_CLOSE_TIMEOUT,)}
"""What may follow within the same call: a cancelled app's connection does not wait for stuck output."""


SHARES = st.sampled_from([0.01, 0.5, 1.0, 1.0])
"""How much of what is under way arrives at once."""


class Life(RuleBasedStateMachine):
    """A connection, and of its peer what the app must get."""

    bench: Bench

    @initialize(
        lane=st.sampled_from(LANES),
        compressed=st.booleans(),
        max_queue=st.sampled_from([1, 2, 32]),
        receive_buffer=st.sampled_from([10, 1000]),
        answer=st.sampled_from([ACCEPT, ACCEPT, ACCEPT, DENY, None]),
        paused=st.booleans(),
        calm=st.sampled_from([15, 10, 5, 0]),
    )
    def begin(self, lane: Any, compressed: bool, answer: Any, paused: bool, calm: int, **marks: Any) -> None:
        """Choose a connection; nobody ends it in the first ``calm`` steps."""
        head = DEFLATE if compressed else request()
        self.bench = Bench(*lane, head=head, accept_timeout=5, **marks)
        self.units = [*UNITS, COMPRESSED] if compressed else UNITS
        self.unsent: list[Unit] = []
        self.sent = 0
        self.expected: list[dict[str, Any]] = []
        self.calm = calm
        self.given_up = self.is_over = self.stream_ended = self.app_ended = False
        if paused:
            self.connection.pause_output()
        if answer is not None:
            self.bench.take()
            self.connection.send(answer)

    @property
    def connection(self) -> Connection:
        return self.bench.connection

    @property
    def state(self) -> State:
        return self.bench.state

    # The app

    @precondition(lambda self: not self.app_ended)
    @rule(data=st.data(), input_=st.sampled_from([Input.APP_SEND, *MESSAGES]))
    def app_sends(self, data: st.DataObject, input_: Input) -> None:
        if input_ is Input.APP_CLOSE and self.calm > 0:
            return
        before = self.state
        message = data.draw(st.sampled_from(MESSAGES[input_]))
        try:
            self.connection.send(message)
        except (TypeError, ValueError):
            assert (before, input_) in TABLE
            assert message is not MESSAGES[input_][0]
            assert self.state is before
        except (Gone, RuntimeError):
            assert (before, input_) not in TABLE
            assert self.state is before
        else:
            assert self.state in reachable(TABLE[before, input_], FOUND if input_ is Input.APP_ACCEPT else ())
            self.given_up |= input_ is Input.APP_CLOSE and before in (State.OPEN, State.CONNECTING)

    @precondition(lambda self: self.connection.inbox and not self.app_ended)
    @rule(most=st.sampled_from([1, 3]))
    def app_receives(self, most: int) -> None:
        before = self.state
        for _ in range(min(most, len(self.connection.inbox))):
            self.bench.take()
        assert self.state in reachable(before, FOUND)

    @precondition(lambda self: not self.connection.inbox and self.connection.record is None and not self.app_ended)
    @rule()
    def app_waits(self) -> None:
        self.connection.inbox.receivers.append(object())

    @invariant()
    def app_wakes(self) -> None:
        if self.connection.inbox:
            self.connection.inbox.receivers.clear()

    # The peer

    @precondition(lambda self: not self.stream_ended and self.state is not State.CLOSED)
    @rule(data=st.data(), share=SHARES)
    def peer_sends(self, data: st.DataObject, share: float) -> None:
        units = st.lists(st.sampled_from(self.units), min_size=1, max_size=6)
        self.unsent += [Unit(b"\xff" * 7)] if self.is_over else data.draw(units) * data.draw(st.sampled_from([1, 3]))
        self.arrive(share)

    @precondition(
        lambda self: not self.stream_ended and self.state is not State.CLOSED and not self.is_over and self.calm <= 0
    )
    @rule(unit=st.sampled_from(ENDINGS), share=SHARES)
    def peer_ends(self, unit: Unit, share: float) -> None:
        self.unsent.append(unit)
        self.is_over = True
        self.arrive(share)

    @precondition(lambda self: self.unsent and not self.stream_ended and self.state is not State.CLOSED)
    @rule(share=SHARES)
    def more_arrives(self, share: float) -> None:
        self.arrive(share)

    def arrive(self, share: float) -> None:
        """Let a share of what the peer has sent arrive, cut anywhere."""
        wire = b"".join(unit.wire for unit in self.unsent)
        piece = wire[self.sent : self.sent + max(1, int((len(wire) - self.sent) * share))]
        self.sent += len(piece)
        while self.unsent and self.sent >= len(self.unsent[0].wire):
            unit = self.unsent.pop(0)
            self.sent -= len(unit.wire)
            if unit.message is not None:
                self.expected.append(got(unit.message))
        before = self.state
        self.connection.receive_data(piece)
        assert self.state in reachable(before, FOUND)

    # The transport, the clock, the server

    @precondition(lambda self: self.state is not State.CLOSED)
    @rule(paused=st.booleans())
    def output_is_paused_or_flows(self, paused: bool) -> None:
        if paused:
            self.connection.pause_output()
        else:
            self.connection.resume_output()

    @precondition(lambda self: self.connection.is_behind)
    @rule()
    def turn_passes(self) -> None:
        self.connection.read_on()

    @precondition(lambda self: self.calm <= 0)
    @rule(data=st.data())
    def something_ends_it(self, data: st.DataObject) -> None:
        """One rule for all that can, so that few lives are over before they have begun."""
        before = self.state
        done = APP_ENDS * self.app_ended + (Input.PEER_EOF,) * self.stream_ended
        input_ = data.draw(st.sampled_from([call for call in CALLS if (before, call) in TABLE and call not in done]))
        self.stream_ended |= input_ is Input.PEER_EOF
        self.app_ended |= input_ in APP_ENDS
        CALLS[input_](self.connection)
        assert self.state in reachable(TABLE[before, input_], THEN.get(input_, ()))
        over = input_ is Input.SERVER_SHUTDOWN and before in (State.DENYING, State.DRAINING, State.CLOSED)
        self.given_up |= input_ not in (Input.PEER_EOF, Input.NETWORK_LOST) and not over

    # What holds

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [event for event in self.bench.received if event["type"] == "websocket.receive"]

    @invariant()
    def all_is_well(self) -> None:
        self.calm -= 1
        self.bench.check()
        assert self.messages == self.expected[: len(self.messages)]

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        self.bench.finish()
        record = self.bench.record
        assert record is not None
        was_open = any(answer.status == 101 for answer in self.bench.answers)
        if was_open and not self.given_up and record.by in (ClosedBy.NETWORK, ClosedBy.PEER):
            assert self.messages == self.expected


Life.TestCase.settings = examples(
    400,
    stateful_step_count=30,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

# A life that fails is made as short as possible first, which takes its time.
TestLife = pytest.mark.timeout(300 * TIMES)(Life.TestCase)
