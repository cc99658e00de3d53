"""The framing, with either library and in both lanes."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from safews._close import Close
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._deflate import DeflateParameters
from safews._events import Ping, Pong, Violation
from safews._framing import FRAGMENT_OVERHEAD, Framing
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
    TEXT,
    Compressor,
    binary,
    close,
    fragments,
    frame,
    header,
    text,
)

DEFLATE = DeflateParameters()
EVERYTHING = (1 << 60, 1 << 60)
MEBIBYTE = 1 << 20

VARIANTS = [(codec, fast_lane) for codec in (WsprotoCodec, WebsocketsCodec) for fast_lane in (True, False)]


@pytest.fixture(params=VARIANTS, ids=lambda variant: f"{variant[0].name}-{'fast' if variant[1] else 'library'}")
def new_framing(request):
    """Make a framing of each variant."""
    codec, fast_lane = request.param

    def new(*, max_size=None, deflate=DEFLATE):
        return Framing(lambda: codec(deflate, max_size), max_size=max_size, deflate=deflate, fast_lane=fast_lane)

    return new


@pytest.fixture
def framing(new_framing):
    return new_framing()


@pytest.fixture
def compressor():
    return Compressor(DEFLATE)


def read(framing, *reads):
    """Feed and parse each of the reads; return all events."""
    events = []
    for data in reads:
        framing.feed(data)
        events += framing.parse(*EVERYTHING)
    return events


def byte_by_byte(data):
    return [bytes((byte,)) for byte in data]


def peak_of(call):
    """Return how much memory a call allocates at its peak, in bytes."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestMessages:
    @pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
    @pytest.mark.parametrize("cut", [1, 3, 7, 30, 1 << 20])
    def test_every_length_and_cut(self, framing, size, cut):
        message = bytes(index % 256 for index in range(size))
        stream = binary(message) + text("x" * size)
        reads = [stream[:20], stream[20 : 20 + cut], stream[20 + cut :]]
        assert read(framing, *reads) == [message, "x" * size]

    def test_binary_is_bytes(self, framing):
        stream = binary(b"whole") + binary(b"in part")
        assert [type(event) for event in read(framing, stream[:-1], stream[-1:])] == [bytes, bytes]

    def test_many_in_one_read(self, framing):
        assert read(framing, text("a") * 1000) == ["a"] * 1000

    def test_byte_by_byte(self, framing):
        message = "h\u00e9\u20ac\U0001f600" * 50
        assert read(framing, *byte_by_byte(text(message) + binary(b"") + text("end"))) == [message, b"", "end"]

    @pytest.mark.parametrize("sizes", [[0], [2], [1, 0, 2]])
    def test_fragments(self, framing, sizes):
        stream = b"".join(fragments(FIN | TEXT, b"Hello", sizes) + fragments(FIN | BINARY, b"World", sizes))
        assert read(framing, stream, *byte_by_byte(stream)) == ["Hello", b"World"] * 2

    def test_compressed(self, framing, compressor):
        payload = compressor.compress(b"Hello" * 100)
        stream = b"".join(fragments(FIN | RSV1 | TEXT, payload, [3, 0, 2])) + text("plain")
        assert read(framing, stream, *byte_by_byte(frame(FIN | RSV1 | TEXT, compressor.compress(b"Hello")))) == [
            "Hello" * 100,
            "plain",
            "Hello",
        ]

    def test_compressed_message_that_ends_its_stream(self, framing, compressor):
        stream = b"".join(
            frame(FIN | RSV1 | TEXT, payload)
            for payload in (compressor.compress_final(b"Hello", padded=False), compressor.compress(b"World"))
        )
        assert read(framing, *byte_by_byte(stream)) == ["Hello", "World"]

    def test_line_ends_stay(self, framing):
        stream = text("a\r\nb\rc\n")
        assert read(framing, *byte_by_byte(stream)) == ["a\r\nb\rc\n"]


class TestControlFrames:
    @pytest.mark.parametrize("payload", [b"", b"Hello", bytes(range(125))])
    def test_ping_and_pong(self, framing, payload):
        stream = frame(FIN | PING, payload) + frame(FIN | PONG, payload)
        assert read(framing, stream, *byte_by_byte(stream)) == [Ping(payload), Pong(payload)] * 2

    def test_between_fragments(self, framing):
        first, last = fragments(FIN | TEXT, b"Hello", [2])
        stream = first + frame(FIN | PING, b"?") + last
        assert read(framing, stream, *byte_by_byte(stream)) == [Ping(b"?"), "Hello"] * 2

    def test_between_compressed_fragments(self, framing, compressor):
        first, last = fragments(FIN | RSV1 | TEXT, compressor.compress(b"Hello"), [3])
        assert read(framing, first + frame(FIN | PING, b"?") + last) == [Ping(b"?"), "Hello"]

    def test_held_until_whole(self, framing):
        *most, last = byte_by_byte(frame(FIN | PING, b"Hello"))
        assert read(framing, *most) == []
        assert read(framing, last) == [Ping(b"Hello")]

    def test_limit_does_not_count_them(self, new_framing):
        assert read(new_framing(max_size=3), frame(FIN | PING, bytes(125))) == [Ping(bytes(125))]


class TestClose:
    @pytest.mark.parametrize("code", [1000, 1001, 1014, 3000, 4999])
    def test_with_reason(self, framing, code):
        assert read(framing, close(code, "why")) == [Close(code, "why")]

    def test_empty(self, framing):
        assert read(framing, frame(FIN | CLOSE)) == [Close(None, "")]

    def test_after_messages_in_the_same_read(self, framing):
        assert read(framing, text("a") + text("b") + close(1001)) == ["a", "b", Close(1001, "")]

    def test_between_fragments(self, framing):
        assert read(framing, frame(TEXT, b"Hel") + close(1001, "bye")) == [Close(1001, "bye")]

    @pytest.mark.parametrize(
        ("payload", "violation"),
        [
            (b"\x03", Violation(1002, "close frame with a payload of one byte")),
            (b"\x03\xed", Violation(1002, "close frame with code 1005")),
            (b"\x03\xe8\xff", Violation(1007, "close frame with a reason that is not UTF-8")),
        ],
    )
    @pytest.mark.parametrize("before", [b"", frame(TEXT, b"Hel")], ids=["alone", "between fragments"])
    def test_invalid(self, framing, before, payload, violation):
        assert read(framing, before + frame(FIN | CLOSE, payload)) == [violation]


class TestEnding:
    """Nothing follows a Close or a violation."""

    ENDINGS = pytest.mark.parametrize(
        "ending", [close(1000), frame(FIN | RSV2 | TEXT), frame(FIN | TEXT, b"\xff"), header(FIN | TEXT, 1 << 62) + KEY]
    )

    @pytest.fixture
    def framing(self, new_framing):
        return new_framing(max_size=100)

    @ENDINGS
    def test_rest_of_the_read_is_thrown_away(self, framing, ending):
        assert len(read(framing, ending + text("late") + close(1001))) == 1
        assert framing.parse(*EVERYTHING) == []

    @ENDINGS
    def test_later_reads_are_thrown_away(self, framing, ending):
        read(framing, ending)
        assert read(framing, text("late"), close(1001)) == []

    @ENDINGS
    def test_nothing_is_held(self, framing, ending):
        read(framing, frame(TEXT, b"open"))
        read(framing, text("violates") + ending + text("late"))
        framing.feed(text("later"))
        assert framing.buffered == 0
        assert framing.wants_data

    @ENDINGS
    def test_ends_a_call_with_limits_too(self, framing, ending):
        framing.feed(ending + text("late"))
        assert len(framing.parse(1, 1)) == 1
        assert framing.parse(1, 1) == []
        assert framing.wants_data


class TestHeaderFaults:
    """Each is 1002; ``test_frame_header`` has all of them."""

    FAULTS = pytest.mark.parametrize(
        ("wire", "detail"),
        [
            (b"\x81\x05Hello", "frame that is not masked"),
            (b"\xf1\x80" + KEY, "frame with RSV2 or RSV3"),
            (b"\x83\x80" + KEY, "frame with the reserved opcode 3"),
            (b"\x8b\x80" + KEY, "frame with the reserved opcode 11"),
            (b"\x80\x80" + KEY, "continuation without a message"),
            (b"\x09\x80" + KEY, "control frame in fragments"),
            (b"\x89\xfe\x00\x7e" + KEY, "control frame of more than 125 bytes"),
            (b"\xc9\x80" + KEY, "control frame with RSV1"),
            (b"\x81\xfe\x00\x7d" + KEY, "length not in its shortest form"),
            (b"\x82\xfe\x00\x7d" + KEY + bytes(125), "length not in its shortest form"),
            (b"\x82\xff" + bytes(6) + b"\xff\xff" + KEY, "length not in its shortest form"),
            (b"\x82\xff\x80" + bytes(7) + KEY, "length of more than 63 bits"),
            (frame(TEXT) + text("new"), "new message inside another"),
            (frame(BINARY) + frame(FIN | RSV1), "frame with RSV1"),
        ],
    )

    @FAULTS
    def test_in_one_read(self, framing, wire, detail):
        assert read(framing, text("before") + wire + text("after")) == ["before", Violation(1002, detail)]

    @FAULTS
    def test_byte_by_byte(self, framing, wire, detail):
        assert read(framing, *byte_by_byte(wire)) == [Violation(1002, detail)]

    def test_rsv1_without_compression(self, new_framing):
        framing = new_framing(deflate=None)
        assert read(framing, frame(FIN | RSV1 | TEXT)) == [Violation(1002, "frame with RSV1")]

    def test_seen_as_soon_as_the_header_is_whole(self, framing):
        wire = header(FIN | RSV2 | BINARY, 1000) + KEY
        assert read(framing, wire[:-1]) == []
        assert read(framing, wire[-1:]) == [Violation(1002, "frame with RSV2 or RSV3")]


class TestInvalidText:
    VIOLATION = Violation(1007, "text that is not UTF-8")

    @pytest.mark.parametrize("payload", [b"\xff", b"ok\xc0\x80", b"\xed\xa0\x80", b"cut\xe2\x82"])
    def test_in_one_frame(self, framing, payload):
        assert read(framing, text("a") + frame(FIN | TEXT, payload) + text("b")) == ["a", self.VIOLATION]

    @pytest.mark.parametrize("first", [FIN | TEXT, TEXT])
    def test_seen_in_an_unfinished_frame(self, framing, first):
        wire = frame(first, b"Hello\xff" + bytes(1000))
        start = len(wire) - 1001
        assert read(framing, wire[:start]) == []
        assert read(framing, wire[start : start + 1]) == [self.VIOLATION]

    def test_seen_in_an_unfinished_message(self, framing):
        assert read(framing, frame(TEXT, b"Hello"), frame(CONTINUATION, b"\xff")) == [self.VIOLATION]

    def test_seen_in_an_unfinished_compressed_frame(self, framing):
        # A stored block, so that each byte inflates to itself.
        wire = frame(FIN | RSV1 | TEXT, b"\x00\x05\x00\xfa\xffab\xffde\x00")
        assert read(framing, wire[:-3]) == [self.VIOLATION]

    def test_binary_may_be_anything(self, framing):
        assert read(framing, *byte_by_byte(binary(b"\xff\xfe"))) == [b"\xff\xfe"]


class TestBadDeflateData:
    VIOLATION = Violation(1002, "compressed data that cannot be inflated")

    def test_in_one_frame(self, framing):
        assert read(framing, frame(FIN | RSV1 | TEXT, b"\x07\xff")) == [self.VIOLATION]

    def test_seen_in_an_unfinished_frame(self, framing):
        assert read(framing, frame(FIN | RSV1 | TEXT, b"\x07" + bytes(1000))[:50]) == [self.VIOLATION]


class TestLimit:
    VIOLATION = Violation(1009, "message of more than 1000 bytes")

    @pytest.fixture
    def framing(self, new_framing):
        return new_framing(max_size=1000)

    @pytest.mark.parametrize("size", [999, 1000])
    @pytest.mark.parametrize("sizes", [[], [500], [100, 0, 100]])
    @pytest.mark.parametrize("cut", [1, 100, 10_000])
    def test_limit_itself_and_one_below_pass(self, framing, size, sizes, cut):
        stream = b"".join(fragments(FIN | BINARY, bytes(size), sizes))
        reads = [stream[at : at + cut] for at in range(0, len(stream), cut)]
        assert read(framing, *reads) == [bytes(size)]

    def test_is_for_each_message(self, framing):
        assert read(framing, binary(bytes(1000)) * 3) == [bytes(1000)] * 3

    @pytest.mark.parametrize("first", [FIN | TEXT, FIN | BINARY, TEXT])
    @pytest.mark.parametrize("size", [1001, 70_000, 2**63 - 1])
    def test_seen_at_the_header(self, framing, first, size):
        assert read(framing, header(first, size) + KEY) == [self.VIOLATION]

    def test_seen_at_the_header_of_a_whole_frame(self, framing):
        assert read(framing, binary(bytes(1001))) == [self.VIOLATION]

    def test_seen_at_the_header_of_a_fragment(self, framing):
        assert read(framing, frame(BINARY, bytes(600)), header(CONTINUATION, 401) + KEY) == [self.VIOLATION]

    def test_seen_at_whole_fragments_between_others(self, framing):
        between = frame(CONTINUATION, bytes(200))
        assert read(framing, frame(BINARY, bytes(600)) + between * 2) == []
        assert read(framing, frame(CONTINUATION, b"a")) == [self.VIOLATION]

    def test_seen_at_one_of_them_in_the_same_read(self, framing):
        between = frame(CONTINUATION, bytes(201))
        assert read(framing, frame(BINARY, bytes(600)) + between * 2) == [self.VIOLATION]

    def test_bytes_of_a_text_count(self, framing):
        assert read(framing, text("\u20ac" * 333)) == ["\u20ac" * 333]
        assert read(framing, text("\u20ac" * 334)) == [self.VIOLATION]

    def test_none_at_all(self, new_framing):
        assert read(new_framing(max_size=None), binary(bytes(200_000))) == [bytes(200_000)]

    @pytest.mark.parametrize("cut", [1, 5, 10_000])
    @pytest.mark.parametrize(("size", "passes"), [(999, True), (1000, True), (1001, False)])
    def test_counts_what_a_compressed_message_inflates_to(self, framing, compressor, size, passes, cut):
        wire = frame(FIN | RSV1 | BINARY, compressor.compress(bytes(size)))
        reads = [wire[at : at + cut] for at in range(0, len(wire), cut)]
        assert read(framing, *reads) == [bytes(size) if passes else self.VIOLATION]

    def test_incompressible_data_has_room_on_the_wire(self, framing, compressor):
        payload = random.Random(1).randbytes(1000)
        compressed = compressor.compress(payload)
        assert len(compressed) > 1000
        assert read(framing, frame(FIN | RSV1 | BINARY, compressed)) == [payload]

    def test_compressed_bytes_are_bounded_too(self, framing):
        # Empty stored blocks inflate to nothing at all.
        bound = 1000 + 1000 // 16 + 1024
        assert read(framing, header(RSV1 | BINARY, bound) + KEY) == []
        assert framing.parse(*EVERYTHING) == []

    def test_above_the_bound_for_compressed_bytes(self, framing):
        bound = 1000 + 1000 // 16 + 1024
        assert read(framing, header(RSV1 | BINARY, bound + 1) + KEY) == [self.VIOLATION]


class TestSteps:
    """``parse`` and its limits."""

    def test_frames(self, framing):
        framing.feed(text("a") + frame(FIN | PING) + text("b") + frame(TEXT, b"c"))
        assert framing.parse(2, 100) == ["a", Ping(b"")]
        assert not framing.wants_data
        assert framing.parse(2, 100) == ["b"]
        assert framing.wants_data

    def test_fragments_are_frames(self, framing):
        framing.feed(b"".join(fragments(FIN | TEXT, b"Hello", [1, 1])))
        assert [framing.parse(1, 100) for _ in range(3)] == [[], [], ["Hello"]]

    def test_bytes(self, framing):
        framing.feed(text("abc") * 3)
        assert framing.parse(100, 4) == ["abc", "abc"]
        assert not framing.wants_data
        assert framing.parse(100, 4) == ["abc"]
        assert framing.wants_data

    def test_bytes_reached_exactly(self, framing):
        framing.feed(text("abc") * 2)
        assert framing.parse(100, 3) == ["abc"]

    def test_every_message_counts_once(self, framing):
        framing.feed(text("a") * 12)
        assert framing.parse(100, 10) == ["a"] * 10

    def test_bytes_of_a_fragmented_message(self, framing):
        framing.feed(b"".join(fragments(FIN | TEXT, b"abc", [1])) + text("d"))
        assert framing.parse(100, 3) == ["abc"]

    def test_characters_count(self, framing):
        framing.feed(text("\u20ac") * 3)
        assert framing.parse(100, 2) == ["\u20ac"] * 2

    def test_control_frames_weigh_nothing(self, framing):
        framing.feed(frame(FIN | PING, bytes(125)) * 3 + text("a") + text("b"))
        assert framing.parse(100, 1) == [Ping(bytes(125))] * 3 + ["a"]

    def test_wants_data_when_a_limit_is_met_with_the_last_byte(self, framing):
        framing.feed(text("a"))
        assert framing.parse(1, 1) == ["a"]
        assert framing.wants_data

    def test_wants_data_while_a_header_is_not_whole(self, framing):
        framing.feed(text("a") + b"\x81")
        assert framing.parse(*EVERYTHING) == ["a"]
        assert framing.wants_data

    def test_wants_data_while_a_payload_is_not_whole(self, framing):
        framing.feed(text("abc")[:-1])
        assert framing.parse(*EVERYTHING) == []
        assert framing.wants_data

    def test_wants_data_at_first(self, framing):
        assert framing.wants_data
        assert framing.parse(*EVERYTHING) == []

    @pytest.mark.parametrize("limits", [(0, 100), (100, 0)])
    def test_limit_of_nothing(self, framing, limits):
        framing.feed(text("a"))
        assert framing.parse(*limits) == []
        assert not framing.wants_data

    def test_feed_between_steps(self, framing):
        framing.feed(text("a") + text("b"))
        assert framing.parse(1, 100) == ["a"]
        framing.feed(text("c")[:3])
        framing.feed(text("c")[3:])
        assert framing.parse(100, 100) == ["b", "c"]


class TestBuffered:
    def test_nothing_at_first(self, framing):
        assert framing.buffered == 0

    def test_raw_bytes(self, framing):
        framing.feed(text("abc"))
        framing.feed(text("abc"))
        assert framing.buffered == 2 * len(text("abc"))
        framing.parse(1, 100)
        assert framing.buffered == len(text("abc"))
        framing.parse(1, 100)
        assert framing.buffered == 0

    def test_header_that_is_not_whole(self, framing):
        read(framing, b"\x81")
        assert framing.buffered == 1

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_frame_that_is_not_whole(self, framing, opcode):
        read(framing, frame(FIN | opcode, bytes(1000))[:108])
        assert framing.buffered == 100 + FRAGMENT_OVERHEAD

    def test_fragments_count_by_bytes_and_number(self, framing):
        read(framing, frame(TEXT, bytes(100)) + frame(CONTINUATION, bytes(10)) + frame(CONTINUATION))
        assert framing.buffered == 110 + 3 * FRAGMENT_OVERHEAD
        read(framing, frame(FIN | CONTINUATION))
        assert framing.buffered == 0

    def test_compressed_message_counts_as_inflated(self, framing, compressor):
        payload = bytes(5000) + random.Random(1).randbytes(100)
        first, last = fragments(FIN | RSV1 | BINARY, compressor.compress(payload), [100])
        read(framing, first)
        assert 5000 < framing.buffered < 5100 + FRAGMENT_OVERHEAD
        read(framing, last)
        assert framing.buffered == 0


class TestIsClear:
    """Whether nothing is held at all."""

    def test_at_first(self, framing):
        assert framing.is_clear

    def test_not_while_something_is_unread(self, framing):
        framing.feed(text("a"))
        assert not framing.is_clear

    @pytest.mark.parametrize("wire", [text("a"), b"".join(fragments(FIN | TEXT, b"Hello", [2])), frame(FIN | PING)])
    def test_once_all_is_read(self, framing, wire):
        read(framing, wire)
        assert framing.is_clear

    @pytest.mark.parametrize("wire", [text("a")[:1], text("a")[:-1], frame(TEXT, b"a"), frame(FIN | PING)[:-1]])
    def test_not_within_a_frame_or_a_message(self, framing, wire):
        read(framing, text("a") + wire)
        assert framing.wants_data
        assert not framing.is_clear

    def test_after_the_ending(self, framing):
        read(framing, frame(TEXT, b"a") + close(1000) + b"late")
        assert framing.is_clear


class TestLibrary:
    """No frame needs a library's object but with the fast lane off, and there not before the first."""

    @staticmethod
    def new(*, fast_lane):
        def refuse():
            raise AssertionError("the codec was made")

        return Framing(refuse, max_size=None, deflate=DEFLATE, fast_lane=fast_lane)

    @pytest.mark.parametrize("cut", [byte_by_byte, lambda stream: [stream]])
    def test_the_fast_lane_needs_none(self, compressor, cut):
        stream = text("a") + binary(b"b") + frame(FIN | PING) + binary(bytes(70_000))
        stream += b"".join(fragments(FIN | TEXT, b"Hello", [2, 2]))
        stream += frame(FIN | RSV1 | TEXT, compressor.compress(b"Hello"))
        stream += b"".join(fragments(FIN | RSV1 | BINARY, compressor.compress(b"Hello"), [2, 2])) + close(1000)
        framing = self.new(fast_lane=True)
        assert len(read(framing, *cut(stream))) == 8

    @pytest.mark.parametrize("first", [FIN | PING, TEXT, FIN | TEXT, FIN | RSV1 | TEXT])
    def test_the_other_lane_does(self, first):
        framing = self.new(fast_lane=False)
        assert framing.parse(*EVERYTHING) == []
        with pytest.raises(AssertionError, match="the codec was made"):
            read(framing, frame(first, b"a"))


@pytest.mark.parametrize("length", [0, 1, 125, 126, 300, 65_535])
def test_whole_frames_take_the_shortcut(monkeypatch, compressor, length):
    monkeypatch.setattr(Framing, "_read_frame", lambda self, events: pytest.fail("not by the shortcut"))
    framing = Framing(lambda: pytest.fail("the codec was made"), max_size=None, deflate=DEFLATE)
    stream = text("a" * length) + binary(bytes(length))
    stream += frame(FIN | RSV1 | TEXT, compressor.compress(b"b" * length))
    assert read(framing, stream) == ["a" * length, bytes(length), "b" * length]


class TestWhole:
    """Messages with which a read begins, taken without being held."""

    @staticmethod
    def faulty(compressor, payload=b"\xff"):
        return frame(FIN | RSV1 | TEXT, compressor.compress(payload))

    def test_what_is_wrong_comes_in_its_turn(self, compressor):
        framing = Framing(lambda: pytest.fail("the codec was made"), max_size=None, deflate=DEFLATE)
        first, second = frame(FIN | RSV1 | TEXT, compressor.compress(b"a")), self.faulty(compressor)
        assert framing.read_whole(first + second, *EVERYTHING) == (["a"], 1, len(first))
        framing.feed(first + second, len(first))
        assert framing.parse(0, 1) == []
        assert framing.buffered == len(second)
        assert framing.parse(*EVERYTHING) == [Violation(1007, "text that is not UTF-8")]
        assert framing.wants_data

    def test_none_with_the_fast_lane_off(self, compressor):
        framing = Framing(lambda: pytest.fail("the codec was made"), max_size=None, deflate=DEFLATE, fast_lane=False)
        assert framing.read_whole(text("a"), *EVERYTHING) == ([], 0, 0)


def test_fragments_between_the_first_and_the_last_take_the_shortcut(monkeypatch):
    framing = Framing(lambda: pytest.fail("the codec was made"), max_size=None, deflate=DEFLATE)
    first, *others, last = fragments(FIN | BINARY, bytes(1000), [10] * 99)
    assert read(framing, first) == []
    with monkeypatch.context() as patch:
        patch.setattr(Framing, "_read_frame", lambda self, events: pytest.fail("not by the shortcut"))
        assert read(framing, b"".join(others)) == []
    assert read(framing, last) == [bytes(1000)]


class TestMore:
    """A read that is part of one frame, taken without being held."""

    @pytest.mark.parametrize("kind", [TEXT, BINARY, RSV1 | TEXT])
    def test_is_the_same_as_feeding(self, framing, compressor, kind):
        message = "".join(random.Random(0).choices("0123456789abcdef\u20ac", k=4000))
        payload = message.encode()
        stream = frame(FIN | kind, compressor.compress(payload) if kind & RSV1 else payload)
        assert read(framing, stream[:100]) == []
        for at in range(100, 1600, 500):
            assert framing.read_more(stream[at : at + 500])
            assert framing.wants_data
            assert not framing.is_clear
        assert not framing.read_more(stream[1600:])
        assert read(framing, stream[1600:]) == [payload if kind == BINARY else message]
        assert framing.is_clear

    def test_is_held_as_what_it_makes(self, framing):
        stream = frame(FIN | BINARY, bytes(1000))
        read(framing, stream[:10])
        before = framing.buffered
        framing.read_more(stream[10:500])
        assert framing.buffered == before + 490

    def test_is_not_the_end_of_the_frame(self, framing):
        stream = frame(BINARY, bytes(100))
        read(framing, stream[:20])
        assert not framing.read_more(stream[20:])
        assert not framing.read_more(stream[20:] + b"\x80")
        assert framing.read_more(stream[20:-1])
        assert not framing.read_more(stream[-1:])

    @pytest.mark.parametrize("before", [b"", frame(BINARY, b"a"), frame(BINARY, b"a")[:5], frame(FIN | PING)[:4]])
    def test_there_is_none_where_no_frame_arrives(self, framing, before):
        read(framing, before)
        assert not framing.read_more(b"a")

    def test_nor_where_something_is_unread(self, framing):
        stream = frame(BINARY, bytes(1000))
        read(framing, stream[:100])
        framing.feed(stream[100:200])
        assert not framing.read_more(stream[200:300])

    def test_what_it_shows_to_be_wrong_is_for_parse_to_return(self, framing):
        stream = frame(FIN | TEXT, b"a" * 100 + b"\xff" * 100)
        read(framing, stream[:50])
        assert framing.read_more(stream[50:150])
        assert not framing.wants_data
        assert framing.parse(0, 1) == []
        assert framing.parse(*EVERYTHING) == [Violation(1007, "text that is not UTF-8")]
        assert framing.wants_data


class TestMemory:
    def test_gathering_does_not_copy_what_it_has(self, new_framing):
        # 16 MiB in 16 KiB reads, each of which must not cost a copy of all before it.
        size = 16 * MEBIBYTE
        wire = header(FIN | BINARY, size) + KEY + bytes(size)
        framing = new_framing(max_size=size)
        reads = [wire[at : at + 16384] for at in range(0, len(wire), 16384)]
        received = []
        peak = peak_of(lambda: received.extend(read(framing, *reads)))
        assert [len(message) for message in received] == [size]
        assert peak < 6 * size

    def test_one_byte_fragments_are_not_objects(self, new_framing):
        framing = new_framing(max_size=MEBIBYTE)
        count = 4000
        reads = [frame(TEXT, b"x"), *[frame(CONTINUATION, b"x") * 100] * 40]
        held = []

        def feed_all():
            read(framing, *reads)
            held.append(tracemalloc.get_traced_memory()[0])

        peak_of(feed_all)
        assert held[0] < 20 * count
        assert read(framing, frame(FIN | CONTINUATION)) == ["x" * (count + 1)]

    def test_empty_fragments_take_no_memory(self, new_framing):
        framing = new_framing(max_size=10)
        read(framing, frame(TEXT, b"x"))
        reads = [frame(CONTINUATION) * 100] * 10
        assert peak_of(lambda: read(framing, *reads)) < 10_000

    def test_a_big_length_allocates_nothing(self, new_framing):
        framing = new_framing(max_size=1 << 40)
        assert peak_of(lambda: read(framing, header(FIN | BINARY, 1 << 40) + KEY + b"x")) < 100_000

    @pytest.mark.parametrize("cut", [1000, 1 << 30])
    def test_bomb(self, new_framing, compressor, cut):
        framing = new_framing(max_size=MEBIBYTE)
        payload = compressor.compress(bytes(16 * MEBIBYTE))
        assert len(payload) < 16 * MEBIBYTE / 1000
        stream = b"".join(fragments(FIN | RSV1 | BINARY, payload, [500, 20_000]))
        reads = [stream[at : at + cut] for at in range(0, len(stream), cut)]
        events = []
        peak = peak_of(lambda: events.extend(read(framing, *reads)))
        assert events == [Violation(1009, f"message of more than {MEBIBYTE} bytes")]
        assert peak < 8 * MEBIBYTE

    @pytest.mark.parametrize("first", [FIN | TEXT, TEXT])
    def test_ending_lets_go_of_the_message(self, new_framing, first):
        framing = new_framing()
        wire = frame(first, b"x" * MEBIBYTE + b"\xff" + bytes(10))
        reads = [wire[:-11], wire[-11:-10]]
        held = []

        def break_off():
            held.extend(read(framing, *reads))
            held.append(tracemalloc.get_traced_memory()[0])

        peak_of(break_off)
        assert held[0].code == 1007
        assert held[1] < 200_000

    def test_a_read_is_let_go_once_it_is_parsed(self, new_framing):
        framing = new_framing()
        held = []

        def leave_a_byte():
            framing.feed(header(FIN | BINARY, MEBIBYTE) + KEY + bytes(MEBIBYTE) + b"\x82")
            framing.parse(*EVERYTHING)
            held.append(tracemalloc.get_traced_memory()[0])

        peak_of(leave_a_byte)
        assert framing.buffered == 1
        assert held[0] < 200_000
