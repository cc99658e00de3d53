"""A connection without a network: what goes in by name, what comes out in one place each.

``Bench`` holds a ``Connection`` and keeps whatever it asks for. ``REACH`` has, for each state, the ways to get there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from safews._close import ABNORMAL, ClosedBy, CloseRecord
from safews._codecs._base import Codec
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._connection import Connection
from safews._effects import Answered, Deadline, Effect, Ended, Finish, Settings
from safews._options import Options
from safews._outbox import Outbox
from safews._state import TABLE, Input, State
from tests.harness.frames import CLOSE, PING, PONG, TEXT, Frame, close_frame, frame, parse_frame

CODECS: list[type[Codec]] = [WsprotoCodec, WebsocketsCodec]
LANES = [(codec, fast_lane) for codec in CODECS for fast_lane in (True, False)]
LANE_NAMES = [f"{codec.name}-{'fast' if fast_lane else 'library'}" for codec, fast_lane in LANES]

ACCEPT = {"type": "websocket.accept"}
DENY = {"type": "websocket.http.response.start", "status": 401, "headers": []}
DENY_BODY = {"type": "websocket.http.response.body", "body": b"no", "more_body": True}
DENY_END = {"type": "websocket.http.response.body", "body": b"no"}
APP_CLOSE = {"type": "websocket.close", "code": 4001, "reason": "enough"}
CONNECT = {"type": "websocket.connect"}


def send(data: str | bytes) -> dict[str, Any]:
    """Build the message by which an app sends."""
    return {"type": "websocket.send", "text" if isinstance(data, str) else "bytes": data}


def got(data: str | bytes) -> dict[str, Any]:
    """Build the event by which an app receives."""
    return {"type": "websocket.receive", "text" if isinstance(data, str) else "bytes": data}


def disconnect(code: int, reason: str | None = None) -> dict[str, Any]:
    """Build the last event."""
    event: dict[str, Any] = {"type": "websocket.disconnect", "code": code}
    return event if reason is None else {**event, "reason": reason}


def request(*headers: bytes) -> bytes:
    """Build an upgrade request with more header lines."""
    lines = (
        b"GET /chat HTTP/1.1",
        b"host: example.org",
        b"upgrade: websocket",
        b"connection: Upgrade",
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        b"sec-websocket-version: 13",
        *headers,
        b"",
        b"",
    )
    return b"\r\n".join(lines)


DEFLATE = request(b"sec-websocket-extensions: permessage-deflate")


DEADLINES: dict[State, tuple[Input | None, ...]] = {
    State.CONNECTING: (Input.CLOCK_ACCEPT_TIMEOUT,),
    State.OPEN: (None,),
    State.DENYING: (Input.CLOCK_ACCEPT_TIMEOUT, Input.CLOCK_CLOSE_TIMEOUT),
    State.ENDING: (Input.CLOCK_GRACE_OVER,),
    State.CLOSING: (Input.CLOCK_CLOSE_TIMEOUT,),
    State.DRAINING: (Input.CLOCK_CLOSE_TIMEOUT,),
    State.CLOSED: (None,),
}
"""What the clock may end each state with."""


def reachable(start: State, inputs: Iterable[Input]) -> set[State]:
    """Return the states that these inputs can lead to from there, itself included."""
    inputs = tuple(inputs)
    seen = {start}
    while True:
        more = {TABLE[state, input_] for state in seen for input_ in inputs if (state, input_) in TABLE} - seen
        if not more:
            return seen
        seen |= more


FOUND = (Input.PEER_MESSAGE, Input.PEER_CLOSE, Input.PEER_VIOLATION, Input.QUEUE_ENDING_REACHED)
"""The inputs that nobody makes by a call: they are found in the peer's bytes and in the app's queue."""


def _as_event(item: str | bytes | dict[str, Any]) -> dict[str, Any]:
    """What an inbox makes of an item when it is taken."""
    if isinstance(item, dict):
        return item
    return {"type": "websocket.receive", "text" if isinstance(item, str) else "bytes": item}


class Written(NamedTuple):
    """What was written: an HTTP head and body where there was an answer, then frames."""

    status: int | None
    head: bytes
    body: bytes
    frames: list[Frame]

    @property
    def close(self) -> bytes | None:
        """The payload of the one Close, ``None`` without one."""
        closes = [frame.payload for frame in self.frames if frame.opcode == CLOSE]
        assert len(closes) <= 1
        return closes[0] if closes else None


def read_written(wire: bytes) -> Written:
    """Take apart what was written."""
    status, head, body = None, b"", b""
    if wire.startswith(b"HTTP/1.1 "):
        head, _, wire = wire.partition(b"\r\n\r\n")
        status = int(head[9:12])
        if status != 101:
            body, wire = wire, b""
    frames = []
    while wire:
        parsed = parse_frame(wire)
        assert parsed is not None, f"part of a frame: {wire!r}"
        frames.append(parsed[0])
        wire = wire[parsed[1] :]
    return Written(status, head, body, frames)


RSV1 = 4


def payload(code: int, reason: str = "") -> bytes:
    """The payload of a Close."""
    return code.to_bytes(2, "big") + reason.encode()


def network(detail: str) -> CloseRecord:
    """The record of a connection that was lost."""
    return CloseRecord(ABNORMAL, "", ClosedBy.NETWORK, clean=False, detail=detail)


class Bench:
    """A connection; ``effects`` are all there have been, ``received`` what the app has taken."""

    def __init__(
        self,
        codec: type[Codec] = WsprotoCodec,
        fast_lane: bool = True,
        *,
        head: bytes = request(),
        max_size: int | None = 1000,
        max_queue: int = 32,
        default_headers: tuple[tuple[bytes, bytes], ...] = (),
        **options: Any,
    ) -> None:
        self.options = Options(fast_lane=fast_lane, **options)
        settings = Settings(self.options, codec, max_size, max_queue, compression=True)
        self.connection = Connection(head, settings, Outbox(self.options.deflate_threshold), lambda: default_headers)
        self.received: list[dict[str, Any]] = []
        self._effects: list[Effect] = []
        self._seen: CloseRecord | None = None
        self._wire = b""
        self._is_reading = True

    @property
    def state(self) -> State:
        return self.connection.state

    @property
    def record(self) -> CloseRecord | None:
        return self.connection.record

    @property
    def effects(self) -> list[Effect]:
        self._effects += self.connection.effects
        self.connection.effects.clear()
        return self._effects

    @property
    def finishes(self) -> list[Finish]:
        return [effect for effect in self.effects if isinstance(effect, Finish)]

    @property
    def answers(self) -> list[Answered]:
        return [effect for effect in self.effects if isinstance(effect, Answered)]

    @property
    def ends(self) -> list[CloseRecord]:
        return [effect.record for effect in self.effects if isinstance(effect, Ended)]

    @property
    def deadline(self) -> Deadline:
        return self.connection.deadline

    def settle(self) -> None:
        """See to it whether the peer is read, as the protocol does after whatever has happened."""
        connection = self.connection
        if not connection.is_at_ease(self._is_reading):
            self._is_reading = connection.wants_bytes(self._is_reading)
            connection.is_at_ease(self._is_reading)

    def receive(self, data: bytes) -> bool:
        """Let bytes arrive, after all that has happened before."""
        self.settle()
        return self.connection.receive_data(data)

    def take(self) -> dict[str, Any]:
        """Receive one event."""
        event = self.connection.take()
        self.received.append(event)
        return event

    def take_all(self) -> list[dict[str, Any]]:
        """Receive as an app does until it would have to wait."""
        events = []
        while self.connection.inbox:
            events.append(self.take())
        return events

    def wire(self) -> bytes:
        """Take what is to be written."""
        wire = b"".join(self.connection.outbox.take())
        self._wire += wire
        return wire

    def written(self) -> Written:
        """Take what is to be written, taken apart."""
        return read_written(self.wire())

    def check(self) -> None:
        """Check what holds at any time, whatever has happened."""
        self.settle()
        self.check_record()
        self.check_effects()
        self.check_wire()
        self.check_progress()

    def check_record(self) -> None:
        """The record comes once and changes in ``clean`` alone; with it comes the one disconnect, behind the rest."""
        before, self._seen = self._seen, self.record
        if before is not None:
            assert self.record in (before, before._replace(clean=True))
        types = [event["type"] for event in (*self.received, *self.waiting)]
        disconnects = [index for index, type_ in enumerate(types) if type_ == "websocket.disconnect"]
        assert disconnects == ([] if self.record is None else [len(types) - 1])

    @property
    def waiting(self) -> list[dict[str, Any]]:
        """What the app has yet to take of what has been read."""
        return [_as_event(item) for item in self.connection.inbox.events]

    def wait(self, receivers: int = 1) -> None:
        """So many ``receive()`` of the app wait for an event."""
        waiting = self.connection.inbox.receivers
        waiting.clear()
        waiting.extend(object() for _ in range(receivers))

    def check_effects(self) -> None:
        """The end is said once; the deadline is the state's; a transport that is to end is told so."""
        ends = [self.record] if self.state is State.CLOSED and self.record is not None else []
        assert self.ends == ends
        if ends:
            after = self.effects[self.effects.index(Ended(self.ends[0])) + 1 :]
            assert after in ([], [Finish.ABORT])
        assert self.deadline.input in DEADLINES[self.state]
        if self.state is State.DRAINING:
            assert self.finishes
            assert Finish.ABORT not in self.finishes
        assert len(self.answers) <= 1

    def check_wire(self) -> None:
        """Nothing is written before the answer, nothing but frames after a 101, and after our Close only Pongs."""
        self.wire()
        written = read_written(self._wire)
        if written.status != 101:
            assert written.frames == []
        opcodes = [frame.opcode for frame in written.frames]
        if CLOSE in opcodes:
            assert set(opcodes[opcodes.index(CLOSE) + 1 :]) <= {PONG}

    def check_progress(self) -> None:
        """An app that waits, waits for the peer, for the transport, or for a turn that it will be given."""
        connection = self.connection
        if connection.inbox or self.record is not None or self.state in (State.CONNECTING, State.DENYING):
            return
        held_up = connection.reader.output_paused and self.state in (State.OPEN, State.CLOSING)
        waits_for_peer = connection.reader.wants_data and self.state not in (State.DRAINING, State.CLOSED)
        assert waits_for_peer or held_up or connection.is_behind

    def finish(self) -> None:
        """Lose the connection and let the app receive all that is left."""
        self.connection.lost("lost in the end")
        self.check()
        while self.record is None or self.connection.inbox:
            if self.connection.inbox:
                self.take()
            else:
                assert self.connection.is_behind
                self.connection.read_on()
            self.check()
        assert self.state is State.CLOSED
        assert self.ends == [self.record]

    def opened(self) -> Bench:
        """Do the handshake, as an app does that receives first; forget what it wrote."""
        assert self.take() == CONNECT
        self.connection.send(ACCEPT)
        assert self.written().status == 101
        return self


Way = Callable[[Bench], object]


def then(*steps: Way) -> Way:
    """Return the way that takes one step after the other."""

    def go(bench: Bench) -> None:
        for step in steps:
            step(bench)

    return go


def opened_then(*steps: Way) -> Way:
    """Return the way that opens a connection and goes on from there."""
    return then(Bench.opened, *steps)


def receives(data: bytes) -> Way:
    """Return the step in which the peer sends."""

    return lambda bench: bench.receive(data)


def sends(*messages: dict[str, Any]) -> Way:
    """Return the step in which the app sends."""

    def go(bench: Bench) -> None:
        for message in messages:
            bench.connection.send(message)

    return go


def times_out(input_: Input) -> Way:
    """Return the step in which a bounded wait is over."""
    return lambda bench: bench.connection.timed_out(input_)


def loses(bench: Bench) -> None:
    """The step in which the network fails."""
    bench.connection.lost("reset")


def ends_stream(bench: Bench) -> None:
    """The step in which the peer ends its side."""
    bench.connection.receive_eof()


def takes_once(bench: Bench) -> None:
    """The step in which the app receives."""
    bench.take()


def pauses_output(bench: Bench) -> None:
    """The step in which the transport has enough output."""
    bench.connection.pause_output()


QUEUED = (receives(frame(TEXT, b"first")), takes_once, receives(frame(TEXT, b"second")))
"""The steps after which the ending has to wait for its turn."""


WAYS: dict[State, dict[str, Way]] = {
    State.CONNECTING: {
        "fresh": lambda bench: None,
        "connect received": takes_once,
        "early frames": receives(frame(TEXT, b"early") + frame(PING)),
        "early close": receives(close_frame(1000)),
        "output paused": lambda bench: bench.connection.pause_output(),
    },
    State.OPEN: {
        "fresh": opened_then(),
        "connect not received": sends(ACCEPT),
        "messages queued": opened_then(receives(frame(TEXT, b"x") * 3)),
        "more than there is room for": opened_then(receives(frame(TEXT, b"x") * 9)),
        "part of a frame": opened_then(receives(frame(TEXT, b"part")[:-1])),
        "part of a message": opened_then(receives(frame(TEXT, b"part", fin=False))),
        "pong held back": opened_then(pauses_output, receives(frame(PING) * 9 + frame(TEXT, b"x") * 9)),
    },
    State.DENYING: {
        "no body yet": sends(DENY),
        "within the body": sends(DENY, DENY_BODY),
        "shut down": then(sends(DENY), lambda bench: bench.connection.shutdown()),
        "early frames": then(receives(frame(TEXT, b"early")), sends(DENY)),
    },
    State.ENDING: {
        "close": opened_then(*QUEUED, receives(close_frame(1000, "bye"))),
        "close without a code": opened_then(*QUEUED, receives(close_frame())),
        "violation": opened_then(*QUEUED, receives(frame(TEXT, b"\xff"))),
        "end of stream": opened_then(*QUEUED, receives(close_frame(1000)), ends_stream),
    },
    State.CLOSING: {
        "app has closed": opened_then(sends(APP_CLOSE)),
        "app has returned": opened_then(lambda bench: bench.connection.returned()),
        "app has raised": opened_then(lambda bench: bench.connection.crashed()),
        "app was cancelled": opened_then(lambda bench: bench.connection.cancelled()),
        "shut down": opened_then(lambda bench: bench.connection.shutdown()),
        "ping timeout": opened_then(times_out(Input.CLOCK_PING_TIMEOUT)),
        "messages queued": opened_then(receives(frame(TEXT, b"x") * 9), sends(APP_CLOSE)),
        "pong held back": opened_then(pauses_output, sends(APP_CLOSE), receives(frame(PING) * 300)),
    },
    State.DRAINING: {
        "refused": sends(APP_CLOSE),
        "unanswered, end of stream": ends_stream,
        "denied": sends(DENY, DENY_END),
        "denial cut": then(sends(DENY), lambda bench: bench.connection.returned()),
        "peer has closed": opened_then(receives(close_frame(1000))),
        "violation": opened_then(receives(frame(TEXT, b"\xff"))),
        "closed by both": opened_then(sends(APP_CLOSE), receives(close_frame(1000))),
        "closed, then violation": opened_then(sends(APP_CLOSE), receives(frame(TEXT, b"\xff"))),
        "closed, then end of stream": opened_then(sends(APP_CLOSE), ends_stream),
        "end of stream": opened_then(ends_stream),
        "end of stream, messages unread": opened_then(receives(frame(TEXT, b"x") * 9), ends_stream),
        "end of stream, close unread": opened_then(receives(frame(TEXT, b"x") * 9 + close_frame(1000)), ends_stream),
    },
    State.CLOSED: {
        "unanswered, lost": loses,
        "denying, lost": then(sends(DENY), loses),
        "refused, lost": then(sends(APP_CLOSE), loses),
        "lost": opened_then(loses),
        "lost, messages unread": opened_then(receives(frame(TEXT, b"x") * 9), loses),
        "lost, close unread": opened_then(receives(frame(TEXT, b"x") * 9 + close_frame(1000)), loses),
        "lost, violation unread": opened_then(receives(frame(TEXT, b"x") * 9 + frame(TEXT, b"\xff")), loses),
        "ending, lost": opened_then(*QUEUED, receives(close_frame(1000)), loses),
        "closing, aborted": opened_then(sends(APP_CLOSE), times_out(Input.CLOCK_CLOSE_TIMEOUT)),
        "write timeout": opened_then(times_out(Input.CLOCK_WRITE_TIMEOUT)),
        "drained, aborted": opened_then(receives(close_frame(1000)), times_out(Input.CLOCK_CLOSE_TIMEOUT)),
    },
}
"""The ways into each state, by what is special about them. The room in the inbox is taken to be four messages."""

PLACES = [(state, way) for state, ways in WAYS.items() for way in ways]


def bench_at(state: State, way: str, codec: type[Codec] = WsprotoCodec, fast_lane: bool = True) -> Bench:
    """Make a connection and bring it there."""
    bench = Bench(codec, fast_lane, max_queue=4, accept_timeout=5)
    WAYS[state][way](bench)
    assert bench.state is state
    bench.check()
    return bench
