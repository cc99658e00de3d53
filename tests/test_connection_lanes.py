"""Both codecs, with the fast lane and without: the same life gives the same events, effects and bytes.

The reference decoder says which messages there may be.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from safews._connection import Connection
from safews._deflate import DeflateParameters
from safews._events import Event
from tests.connections import ACCEPT, DEFLATE, LANES, Bench, got, request, send
from tests.examples import examples
from tests.harness.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from tests.lanes import CALLS, MESSAGES, TIMERS, Arrives, Step, called, see, sent, takes, timed_out, turn, waits
from tests.reference import Compressor, Reference

payloads = st.sampled_from([b"", b"hello", "grüß".encode(), b"\xff", b"\xc3", bytes(125), bytes(300), bytes(1001)])
fins = st.sampled_from([True, True, False])
small = st.sampled_from([b"", b"hello", b"a" * 125, b"b" * 300])
plain = st.builds(frame, st.sampled_from([TEXT, BINARY]), small)
fragments = st.lists(small, min_size=2, max_size=4).map(
    lambda parts: b"".join(
        frame(CONTINUATION if index else TEXT, part, fin=index == len(parts) - 1) for index, part in enumerate(parts)
    )
)
controls = st.builds(frame, st.sampled_from([PING, PONG]), st.sampled_from([b"", b"?", bytes(125)]))
compressed = st.sampled_from([b"hello", b"ab" * 400, b"\xff", bytes(1001), b""]).map(
    lambda data: frame(BINARY, Compressor(DeflateParameters()).compress(data), rsv=4)
)
closes = st.sampled_from([b"", b"\x03\xe8", b"\x03\xe8bye", b"\x03\xed", b"\x03", b"\x03\xe8\xff"]).map(
    lambda payload: frame(CLOSE, payload)
)
faults = st.sampled_from(
    [
        frame(BINARY, bytes(1001)),
        frame(TEXT, bytes(600), fin=False) + frame(CONTINUATION, bytes(401)),
        frame(TEXT, b"\xff"),
        frame(TEXT, b"hello", mask=None),
        frame(TEXT, b"hello", length_bytes=2),
        frame(BINARY, b"hello", rsv=1),
        frame(PING, bytes(126)),
        frame(0x3),
    ]
)
valid = st.builds(frame, st.sampled_from([TEXT, BINARY, CONTINUATION, PING, PONG]), payloads, fin=fins)
any_frame = st.builds(frame, st.integers(0, 15), payloads, fin=fins, rsv=st.integers(0, 7))
halves = compressed.map(lambda wire: wire[: len(wire) // 2])


@st.composite
def arrivals(draw: st.DrawFn, pieces: st.SearchStrategy[bytes]) -> list[Step]:
    """Some frames, cut at some places."""
    wire = b"".join(draw(st.lists(pieces, min_size=1, max_size=6)))
    cuts = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=3)))
    return [Arrives(wire[start:end]) for start, end in pairwise((0, *cuts, len(wire))) if start < end]


def alone(steps: st.SearchStrategy[Step]) -> st.SearchStrategy[list[Step]]:
    return steps.map(lambda step: [step])


quiet = st.sampled_from([[takes], [takes] * 3, [waits], [turn]])
messages = alone(st.sampled_from(MESSAGES).map(sent))
flow = alone(st.sampled_from([Connection.pause_output, Connection.resume_output]).map(called))
calm = st.one_of(
    arrivals(st.one_of(plain, plain, fragments, controls)), quiet, flow, alone(st.just(sent(send("hello"))))
)
wild = st.one_of(
    arrivals(st.one_of(plain, valid, compressed, closes, faults, any_frame, halves, st.binary(max_size=8))),
    quiet,
    flow,
    messages,
    alone(st.sampled_from(CALLS).map(called)),
    alone(st.sampled_from(TIMERS).map(timed_out)),
)
ending = arrivals(st.one_of(faults, faults, closes, any_frame, compressed, halves))
lives = st.builds(
    lambda calm, end, wild: [step for steps in (*calm, end, *wild) for step in steps],
    st.lists(calm, min_size=1, max_size=10),
    ending,
    st.lists(wild, max_size=8),
)
marks = st.fixed_dictionaries(
    {
        "max_queue": st.sampled_from([1, 2, 32]),
        "receive_buffer": st.sampled_from([10, 1000]),
        "head": st.sampled_from([request(), DEFLATE]),
        "max_size": st.sampled_from([1000, 1000, None]),
    }
)


def decoded(wire: bytes, marks: dict[str, Any]) -> list[Event]:
    """Return what the reference makes of all that the peer sends, up to its end."""
    agreed = DeflateParameters() if marks["head"] is DEFLATE else None
    return Reference(agreed, marks["max_size"]).decode(wire)


@examples(500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(marks=marks, is_accepted=st.sampled_from([True, True, True, False]), life=lives)
def test_all_lanes_live_the_same_life(marks: dict[str, Any], is_accepted: bool, life: list[Step]) -> None:
    benches = [Bench(*lane, accept_timeout=5, **marks) for lane in LANES]
    start = [takes, sent(ACCEPT)] if is_accepted else []
    wire = b"".join(step.data for step in life if isinstance(step, Arrives))
    expected = [got(data) for data in decoded(wire, marks) if isinstance(data, (str, bytes))]
    for step in [*start, *life]:
        first, *others = [see(bench, step) for bench in benches]
        for other in others:
            assert other == first
        messages = [event for event in first.received if event["type"] == "websocket.receive"]
        assert messages == expected[: len(messages)]
