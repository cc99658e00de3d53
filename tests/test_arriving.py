"""Data frames of which only a part has arrived."""

from __future__ import annotations

import pytest

from safews._arriving import ArrivingFragment, ArrivingMessage
from safews._codecs._base import INVALID_DEFLATE, INVALID_TEXT, Codec, too_big
from safews._deflate import DeflateParameters, Inflater
from tests.reference import BINARY, CONTINUATION, FIN, KEY, RSV1, TEXT, Compressor, frame, xor

PAYLOAD = "Hello, \U0001f600 and \u20ac\r\n".encode()


class Recorder(Codec):
    """A codec that keeps the frames it is given; the last of a message completes it."""

    name = "recorder"

    def __init__(self):
        super().__init__(None, None)
        self.frames = []

    def receive(self, frame):
        self.frames.append(frame)
        return b"message" if frame[0] & FIN else None


def pieces(payload, size):
    """Cut a masked payload into pieces, each with whether it is the last."""
    masked = xor(payload, KEY)
    return [(masked[at : at + size], at + size >= len(masked)) for at in range(0, len(masked), size)]


def take_all(arriving, payload, size):
    return [arriving.take(*piece) for piece in pieces(payload, size)]


def whole(opcode):
    """A message in one frame, whose payload is to come."""
    message = ArrivingMessage(opcode, None)
    message.begin(FIN | opcode, KEY)
    return message


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 100])
class TestWhole:
    def test_text(self, size):
        *before, message = take_all(whole(TEXT), PAYLOAD, size)
        assert message == PAYLOAD.decode()
        assert set(before) <= {None}

    def test_binary(self, size):
        *before, message = take_all(whole(BINARY), PAYLOAD, size)
        assert message == PAYLOAD
        assert type(message) is bytes
        assert set(before) <= {None}

    def test_fragments_carry_the_payload(self, size):
        codec = Recorder()
        *before, message = take_all(ArrivingFragment(codec, FIN | BINARY, KEY), PAYLOAD, size)
        assert message == b"message"
        assert set(before) <= {None}
        assert b"".join(xor(fragment[6:], fragment[2:6]) for fragment in codec.frames) == PAYLOAD


class TestText:
    def test_invalid_is_seen_at_once(self):
        arriving = whole(TEXT)
        assert [arriving.take(*piece) for piece in pieces(b"ab\xffcd", 1)[:3]] == [None, None, INVALID_TEXT]

    def test_unfinished_character(self):
        assert take_all(whole(TEXT), b"ab\xe2\x82", 3) == [None, INVALID_TEXT]


class TestFragments:
    """RFC 6455 section 5.4."""

    @pytest.mark.parametrize(("opcode", "expected"), [(TEXT, "a\u20acb"), (BINARY, b"a\xe2\x82\xacb")])
    def test_each_has_its_key_and_the_last_completes_the_message(self, opcode, expected):
        message = ArrivingMessage(opcode, None)
        keys = [KEY, b"\x01\x02\x03\x04", KEY[::-1]]
        for first, key, payload in zip(
            (opcode, CONTINUATION, CONTINUATION), keys, (b"a\xe2", b"", b"\x82"), strict=True
        ):
            message.begin(first, key)
            assert message.take(xor(payload, key), True) is None
        message.begin(FIN | CONTINUATION, KEY)
        assert message.take(memoryview(xor(b"\xacb", KEY))[:1], False) is None
        assert message.take(memoryview(xor(b"\xacb", KEY))[1:], True) == expected

    def test_text_may_not_end_within_a_character(self):
        message = ArrivingMessage(TEXT, None)
        message.begin(TEXT, KEY)
        assert message.take(xor(b"\xe2\x82", KEY), True) is None
        message.begin(FIN | CONTINUATION, KEY)
        assert message.take(b"", True) == INVALID_TEXT


class TestCompressed:
    AGREED = DeflateParameters()

    @pytest.mark.parametrize("size", [1, 2, 7, 100])
    @pytest.mark.parametrize(("opcode", "expected"), [(TEXT, PAYLOAD.decode()), (BINARY, PAYLOAD)])
    def test_message(self, size, opcode, expected):
        inflater, compressor = Inflater(self.AGREED, len(PAYLOAD)), Compressor(self.AGREED)
        for _ in range(2):
            message = ArrivingMessage(opcode, inflater)
            message.begin(FIN | RSV1 | opcode, KEY)
            *before, event = take_all(message, compressor.compress(PAYLOAD), size)
            assert event == expected
            assert set(before) <= {None}

    def test_end_of_a_frame_is_not_that_of_the_message(self):
        message, compressed = ArrivingMessage(BINARY, Inflater(self.AGREED, None)), Compressor(self.AGREED)
        first, second = (compressed.compress(PAYLOAD) for _ in range(2))
        message.begin(RSV1 | BINARY, KEY)
        assert message.take(xor(first + b"\x00\x00\xff\xff", KEY), True) is None
        message.begin(FIN | CONTINUATION, KEY)
        assert message.take(xor(second, KEY), True) == PAYLOAD * 2

    @pytest.mark.parametrize(
        ("payload", "fault"),
        [
            (b"\x07\xff", INVALID_DEFLATE),
            (Compressor(AGREED).compress(b"ab\xff"), INVALID_TEXT),
            (Compressor(AGREED).compress(bytes(101)), too_big(100)),
        ],
    )
    def test_fault_is_seen_at_once(self, payload, fault):
        message = ArrivingMessage(TEXT, Inflater(self.AGREED, 100))
        message.begin(RSV1 | TEXT, KEY)
        assert message.take(xor(payload, KEY), False) == fault


class TestFragment:
    @pytest.mark.parametrize(
        ("first", "expected"),
        [
            (FIN | TEXT, [TEXT, CONTINUATION, FIN | CONTINUATION]),
            (TEXT, [TEXT, CONTINUATION, CONTINUATION]),
            (FIN | RSV1 | TEXT, [RSV1 | TEXT, CONTINUATION, FIN | CONTINUATION]),
            (RSV1 | BINARY, [RSV1 | BINARY, CONTINUATION, CONTINUATION]),
            (FIN | CONTINUATION, [CONTINUATION, CONTINUATION, FIN | CONTINUATION]),
        ],
    )
    def test_first_bytes(self, first, expected):
        codec = Recorder()
        take_all(ArrivingFragment(codec, first, KEY), b"abcdefgh", 3)
        assert [fragment[0] for fragment in codec.frames] == expected

    def test_all_in_one_piece_is_the_frame_itself(self):
        codec = Recorder()
        take_all(ArrivingFragment(codec, FIN | RSV1 | TEXT, KEY), b"Hello", 5)
        assert codec.frames == [frame(FIN | RSV1 | TEXT, b"Hello")]
