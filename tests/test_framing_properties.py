"""Random streams, cut at random: four framings that must agree event by event, and the reference decoder."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from safews._close import Close
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._deflate import DeflateParameters, Deflater, Inflater
from safews._events import Violation
from safews._framing import Framing
from tests.examples import examples
from tests.reference import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    KEY,
    PING,
    PONG,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    Compressor,
    Reference,
    frame,
    header,
    text,
    xor,
)

quick = examples(150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

MAX_SIZE = 400
EVERYTHING = (1 << 60, 1 << 60)
VARIANTS = [(codec, fast_lane) for codec in (WsprotoCodec, WebsocketsCodec) for fast_lane in (True, False)]


@dataclass(frozen=True)
class Message:
    """A message to send, and how: fragment sizes, compression, and the control frames after each fragment."""

    opcode: int
    payload: bytes
    sizes: list[int]
    compression: str
    between: list[bytes]
    key: bytes


def wire_of(message, compressor):
    """Return a message as it goes over the wire."""
    payload, first = message.payload, FIN | message.opcode
    if compressor is not None and message.compression != "none":
        first |= RSV1
        if message.compression == "final":
            payload = compressor.compress_final(payload, padded=len(payload) % 2 == 0)
        else:
            payload = compressor.compress(payload)
    wire = b""
    for size, control in zip(message.sizes, message.between, strict=False):
        wire += frame(first & ~FIN, payload[:size], message.key) + control
        payload = payload[size:]
        first = CONTINUATION | first & FIN
    return wire + frame(first, payload, message.key)


keys = st.binary(min_size=4, max_size=4)
control_payloads = st.binary(max_size=10) | st.just(bytes(125))
controls = st.builds(
    lambda opcode, payload: frame(FIN | opcode, payload), st.sampled_from([PING, PONG]), control_payloads
)
payloads = (
    st.text(max_size=40).map(str.encode)
    | st.binary(max_size=150)
    | st.builds(lambda char, count: char.encode() * count, st.characters(codec="utf-8"), st.integers(0, 100))
)
valid_payloads = st.one_of(
    st.tuples(st.just(TEXT), payloads.filter(lambda payload: payload == payload.decode(errors="ignore").encode())),
    st.tuples(st.just(BINARY), payloads),
)
messages = st.builds(
    lambda kind, *how: Message(kind[0], kind[1], *how),
    valid_payloads,
    st.lists(st.integers(0, 30), max_size=4),
    st.sampled_from(["none", "none", "usual", "usual", "final"]),
    st.lists(controls | st.just(b""), min_size=4, max_size=4),
    keys,
)
parameters = st.none() | st.builds(
    DeflateParameters,
    client_no_context_takeover=st.booleans(),
    client_max_window_bits=st.integers(8, 15),
)
closes = st.builds(
    lambda code, reason: frame(FIN | CLOSE, code.to_bytes(2, "big") + reason[:100]),
    st.sampled_from([999, 1000, 1001, 1004, 1005, 1006, 1014, 1015, 1016, 2999, 3000, 4999, 5000]),
    st.sampled_from([b"", b"why", b"\xff", "\u20ac".encode()]),
)
violations = st.sampled_from(
    [
        b"\x81\x05Hello",
        frame(FIN | RSV2 | TEXT),
        frame(FIN | RSV3 | PING),
        frame(FIN | 0x3),
        frame(FIN | 0xF),
        frame(FIN | RSV1 | PING),
        frame(PING),
        frame(FIN | CONTINUATION),
        frame(TEXT) + text("inside"),
        frame(BINARY) + frame(RSV1 | CONTINUATION),
        frame(FIN | CLOSE),
        frame(FIN | CLOSE, b"\x03"),
        frame(FIN | TEXT, b"\xff"),
        frame(FIN | TEXT, b"ab\xe2\x82"),
        frame(TEXT, b"\xe2\x82") + frame(CONTINUATION, b"a"),
        frame(FIN | RSV1 | BINARY, b"\x07\xff"),
        frame(FIN | BINARY, bytes(MAX_SIZE + 1)),
        frame(BINARY, bytes(MAX_SIZE)) + frame(FIN, b"x"),
        frame(FIN | RSV1 | BINARY, Compressor(DeflateParameters(True, True)).compress(bytes(MAX_SIZE + 1))),
        header(FIN | BINARY, 2**63) + KEY,
        bytes((FIN | BINARY, 0xFE, 0, 125)) + KEY,
        frame(FIN | PING, bytes(126)),
    ]
)
unfinished = st.sampled_from(
    [
        frame(FIN | TEXT, b"unfinished")[:-3],
        frame(TEXT, b"ab\xffcd")[:-1],
        frame(FIN | RSV1 | TEXT, b"\x00\x05\x00\xfa\xffab\xffde\x00")[:-2],
        frame(FIN | RSV1 | BINARY, b"\x07\xff\xff")[:-1],
    ]
)
cuts = st.lists(st.integers(1, 60), max_size=12)


@st.composite
def streams(draw):
    """Draw what was agreed on, and a stream with at most one violation; what may come after it is ignored."""
    agreed = draw(parameters)
    compressor = None if agreed is None else Compressor(agreed)
    stream = b""
    for part in draw(st.lists(messages | controls, max_size=5)):
        stream += part if isinstance(part, bytes) else wire_of(part, compressor)
    ending = draw(st.just(b"") | violations | closes)
    if not ending:
        return agreed, stream + draw(st.just(b"") | unfinished), b""
    return agreed, stream + ending, draw(st.just(text("late")) | st.binary(max_size=20))


@st.composite
def damaged_streams(draw):
    """Draw a stream some bytes of which have been changed, so that it may be wrong in several ways at once."""
    agreed, stream, tail = draw(streams())
    damaged = bytearray(stream + tail)
    for place, value in draw(st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3)):
        if damaged:
            damaged[place % len(damaged)] = value
    return agreed, bytes(damaged)


def reads_of(stream, sizes):
    """Cut a stream: pieces of these sizes again and again, or one piece if there are none."""
    reads: list[bytes] = []
    while stream:
        size = sizes[len(reads) % len(sizes)] if sizes else len(stream)
        reads.append(stream[:size])
        stream = stream[size:]
    return reads


def framings(agreed):
    """Return the four variants."""

    def new(codec, fast_lane):
        return Framing(lambda: codec(agreed, MAX_SIZE), max_size=MAX_SIZE, deflate=agreed, fast_lane=fast_lane)

    return [new(*variant) for variant in VARIANTS]


def agree(variants, reads):
    """Feed the variants; require the same state after each read, and return the events."""
    events = []
    for data in reads:
        for variant in variants:
            variant.feed(data)
        results = [(variant.parse(*EVERYTHING), variant.buffered, variant.wants_data) for variant in variants]
        assert results == results[:1] * len(results)
        events += results[0][0]
    return events


def codes_only(events):
    """Blank the details of violations, which the reference does not have."""
    return [Violation(event.code, "") if isinstance(event, Violation) else event for event in events]


@quick
@given(streams(), cuts)
def test_all_agree_with_the_reference(stream, sizes):
    agreed, data, tail = stream
    expected = Reference(agreed, MAX_SIZE).decode(data)
    if expected and isinstance(expected[-1], (Close, Violation)):
        data += tail
    assert codes_only(agree(framings(agreed), reads_of(data, sizes))) == expected


@quick
@given(damaged_streams(), cuts)
def test_variants_agree_on_damaged_streams(stream, sizes):
    agreed, data = stream
    agree(framings(agreed), reads_of(data, sizes))


@quick
@given(st.binary(max_size=100), cuts)
def test_variants_agree_on_noise(noise, sizes):
    agree(framings(DeflateParameters()), reads_of(noise, sizes))


@quick
@given(damaged_streams(), cuts, st.integers(1, 3), st.integers(1, 20))
def test_steps_give_the_same(stream, sizes, max_frames, max_bytes):
    agreed, data = stream
    for whole, stepping in zip(framings(agreed), framings(agreed), strict=True):
        for read in reads_of(data, sizes):
            whole.feed(read)
            stepping.feed(read)
            events = []
            while True:
                step = stepping.parse(max_frames, max_bytes)
                events += step
                assert len(step) <= max_frames
                assert sum(len(event) for event in step[:-1] if isinstance(event, (str, bytes))) < max_bytes
                if stepping.wants_data:
                    break
            assert events == whole.parse(*EVERYTHING)


@quick
@given(st.lists(payloads, max_size=5), parameters.filter(bool), st.integers(9, 15), st.integers(0, 9))
def test_what_is_deflated_inflates(sent, agreed, window, level):
    agreed = agreed._replace(server_max_window_bits=window, server_no_context_takeover=agreed[1])
    deflater = Deflater(agreed, level=level, mem_level=5)
    peer = Inflater(agreed._replace(client_max_window_bits=window), None)
    assert [peer.inflate(deflater.deflate(payload)) + peer.finish() for payload in sent] == sent


@pytest.mark.parametrize("payload", [b"", b"Hello", bytes(200)])
def test_reference_reads_the_examples_of_the_rfc(payload):
    # Section 5.7, so that the measure has been measured itself.
    reference = Reference(None, None)
    assert reference.decode(bytes.fromhex("818537fa213d7f9f4d5158")) == ["Hello"]
    assert reference.decode(header(FIN | BINARY, len(payload)) + KEY + xor(payload, KEY)) == [payload]
