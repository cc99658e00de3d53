from __future__ import annotations

import pytest

from safews._deflate import DeflateParameters, Deflater, Inflater
from safews._outbox import LARGE, Outbox
from tests.harness.frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, parse_frame

THRESHOLD = 8


@pytest.fixture
def outbox():
    return Outbox(THRESHOLD)


def frames(outbox: Outbox) -> list[Frame]:
    """Take everything, as the frames that a peer would read."""
    wire = b"".join(outbox.take())
    result = []
    while wire:
        parsed = parse_frame(wire)
        assert parsed is not None
        result.append(parsed[0])
        wire = wire[parsed[1] :]
    return result


def compress(outbox: Outbox) -> None:
    outbox.compress_with(Deflater(DeflateParameters(), level=6, mem_level=8))


class TestFrames:
    @pytest.mark.parametrize("text", ["", "Hello", "h\u00e9\u20ac\U0001f600", "x" * 126, "x" * 70_000])
    def test_text(self, outbox, text):
        outbox.put_message(text)
        assert frames(outbox) == [Frame(TEXT, text.encode())]

    @pytest.mark.parametrize("data", [b"", b"\x00\xff", bytes(70_000)])
    def test_binary(self, outbox, data):
        outbox.put_message(data)
        assert frames(outbox) == [Frame(BINARY, data)]

    def test_ping_and_pong(self, outbox):
        outbox.put_ping(b"?")
        outbox.put_pong(b"!")
        assert frames(outbox) == [Frame(PING, b"?"), Frame(PONG, b"!")]

    @pytest.mark.parametrize(
        ("close", "payload"),
        [((None,), b""), ((1000,), b"\x03\xe8"), ((4000, "grüß"), b"\x0f\xa0" + "grüß".encode())],
    )
    def test_close(self, outbox, close, payload):
        outbox.put_close(*close)
        assert frames(outbox) == [Frame(CLOSE, payload)]

    def test_in_the_order_of_the_calls(self, outbox):
        outbox.put_message("a" * LARGE)
        outbox.put_pong(b"")
        outbox.put_message(b"b")
        outbox.put_close(None)
        assert [frame.opcode for frame in frames(outbox)] == [TEXT, PONG, BINARY, CLOSE]

    def test_text_that_utf8_cannot_express_leaves_nothing(self, outbox):
        with pytest.raises(ValueError, match="'text'"):
            outbox.put_message("a\ud800")
        assert (outbox.take(), outbox.size, outbox.messages) == ([], 0, 0)


class TestCompression:
    def test_from_the_threshold_on(self, outbox):
        compress(outbox)
        outbox.put_message("x" * (THRESHOLD - 1))
        outbox.put_message("x" * THRESHOLD)
        assert [frame.rsv1 for frame in frames(outbox)] == [False, True]

    def test_counts_bytes_not_characters(self, outbox):
        compress(outbox)
        outbox.put_message("\u20ac" * 3)
        assert [frame.rsv1 for frame in frames(outbox)] == [True]

    def test_nothing_is_compressed_without_it(self, outbox):
        outbox.put_message("x" * 1000)
        assert frames(outbox) == [Frame(TEXT, b"x" * 1000)]

    @pytest.mark.parametrize("data", ["Hello " * 50, b"Hello " * 50])
    def test_inflates_to_the_message(self, outbox, data):
        compress(outbox)
        outbox.put_message(data)
        (frame,) = frames(outbox)
        inflater = Inflater(DeflateParameters(), None)
        inflated = inflater.inflate(frame.payload) + inflater.finish()
        assert inflated == (data.encode() if isinstance(data, str) else data)
        assert frame.opcode == (TEXT if isinstance(data, str) else BINARY)

    def test_control_frames_are_never_compressed(self, outbox):
        compress(outbox)
        outbox.put_ping(bytes(125))
        assert frames(outbox) == [Frame(PING, bytes(125))]


class TestGathering:
    def test_begins_empty(self, outbox):
        assert (outbox.take(), outbox.size, outbox.messages) == ([], 0, 0)

    def test_size_is_what_waits(self, outbox):
        outbox.put_raw(b"0123456789")
        outbox.put_message("abc")
        assert outbox.size == 15
        outbox.take()
        assert outbox.size == 0

    def test_messages_are_counted_for_good(self, outbox):
        outbox.put_message("a")
        outbox.take()
        outbox.put_message(b"b")
        outbox.put_ping(b"")
        assert outbox.messages == 2

    def test_an_empty_piece_is_none(self, outbox):
        outbox.put_raw(b"")
        assert outbox.take() == []

    def test_one_piece_stays_as_it_is(self, outbox):
        piece = bytes(10)
        outbox.put_raw(piece)
        assert outbox.take()[0] is piece

    def test_small_pieces_are_joined(self, outbox):
        outbox.put_raw(b"a")
        outbox.put_raw(b"b")
        assert outbox.take() == [b"ab"]

    def test_much_of_small_pieces_is_joined(self, outbox):
        for _ in range(3):
            outbox.put_raw(bytes(LARGE - 1))
        assert [len(piece) for piece in outbox.take()] == [3 * (LARGE - 1)]

    def test_a_large_payload_is_not_copied(self, outbox):
        payload = bytes(LARGE)
        outbox.put_message(payload)
        header, body = outbox.take()
        assert body is payload
        assert header == b"\x82\x7e\x40\x00"

    def test_a_payload_below_that_stands_behind_its_header(self, outbox):
        outbox.put_message(bytes(LARGE - 1))
        assert len(outbox.take()) == 1

    def test_small_pieces_around_large_ones_are_joined(self, outbox):
        large = bytes(LARGE)
        for piece in (b"a", b"b", large, large, b"c", b"d"):
            outbox.put_raw(piece)
        assert outbox.take() == [b"ab", large, large, b"cd"]

    def test_a_large_piece_last(self, outbox):
        large = bytes(LARGE)
        outbox.put_raw(b"a")
        outbox.put_raw(large)
        assert outbox.take() == [b"a", large]
