from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from safews._deflate import DeflateParameters, Deflater, Inflater
from safews._idle import IDLE_SECONDS, idle_of
from safews._outbox import LARGE, Outbox, _last
from safews._turn import turn_of
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


def compress(outbox: Outbox, *, in_context: bool = True, level: int = 6, window: int = 15) -> None:
    agreed = DeflateParameters(server_no_context_takeover=not in_context, server_max_window_bits=window)
    outbox.compress_with(Deflater(agreed, level=level, mem_level=8))


def assert_forgotten() -> None:
    assert _last.data is None
    assert _last.shared.data is None


class TestFrames:
    @pytest.mark.parametrize("text", ["", "Hello", "h\u00e9\u20ac\U0001f600", "x" * 126, "x" * 70_000])
    def test_text(self, outbox, text):
        outbox.put_message(text)
        assert frames(outbox) == [Frame(TEXT, text.encode())]

    @pytest.mark.parametrize("data", [b"", b"\x00\xff", bytes(70_000)])
    def test_binary(self, outbox, data):
        outbox.put_message(data)
        assert frames(outbox) == [Frame(BINARY, data)]

    def test_size_is_what_waits(self, outbox):
        for message in ("x" * 125, b"y" * 126, "x" * 70_000, b"y" * 70_000, "", b""):
            outbox.put_message(message)
        size = outbox.size
        assert size == len(b"".join(outbox.take()))

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


class TestBroadcast:
    """The same object in one outbox after the other."""

    MESSAGES = ("", "Hello", "gr\u00fc\u00df " * 50, b"", b"Hello " * 50, "x" * LARGE, b"y" * LARGE)

    @pytest.fixture
    def outboxes(self, loop):
        """Of most kinds there are, the first two alike, and none that compresses in a context."""
        boxes = [Outbox(threshold, turn_of(loop)) for threshold in (8, 8, 0, 8, 8, 0, 8)]
        for box in boxes[3:6]:
            compress(box, in_context=False)
        compress(boxes[6], in_context=False, level=0)
        return boxes

    @pytest.mark.parametrize("message", MESSAGES, ids=len)
    def test_each_makes_of_it_what_it_makes_of_another(self, outboxes, message):
        for box in outboxes * 4:
            box.put_message(message)
        again = [frames(box) for box in outboxes]
        for box in outboxes * 4:
            _last.flush()
            box.put_message(message)
        assert again == [frames(box) for box in outboxes]
        assert {box.messages for box in outboxes} == {8}

    @pytest.mark.parametrize("message", MESSAGES, ids=len)
    def test_size_is_what_waits(self, outboxes, message):
        for box in outboxes:
            box.put_ping(b"?")
        for box in outboxes * 3:
            box.put_message(message)
        assert [box.size for box in outboxes] == [len(b"".join(box.take())) for box in outboxes]

    @pytest.mark.parametrize("message", MESSAGES[1:], ids=len)
    @pytest.mark.parametrize("is_compressed", [False, True])
    def test_is_framed_once(self, loop, message, is_compressed):
        boxes = [Outbox(0, turn_of(loop)) for _ in range(4)]
        for box in boxes:
            if is_compressed:
                compress(box, in_context=False)
            box.put_message(message)
        _, second, *others = [box.take()[-1] for box in boxes]
        assert [other is second for other in others] == [True, True]

    def test_in_context_each_is_compressed_by_itself(self, loop):
        boxes = [Outbox(THRESHOLD, turn_of(loop)) for _ in range(3)]
        inflaters = [Inflater(DeflateParameters(), None) for _ in boxes]
        # The first message has no context, and the second begins it.
        befores = [[b"before" * 5] * 2, [b"Hello " * 10, b"Hello " * 9], [b"before" * 5] * 2]
        for box, before in zip(boxes, befores, strict=True):
            compress(box)
            for message in before:
                box.put_message(message)
        for message in (b"Hello " * 5, b"short"):
            for box in boxes * 2:
                box.put_message(message)
        for box, inflater, before in zip(boxes, inflaters, befores, strict=True):
            read = [inflater.message(frame.payload) if frame.rsv1 else frame.payload for frame in frames(box)]
            assert read == [*before, b"Hello " * 5, b"Hello " * 5, b"short", b"short"]

    @pytest.mark.parametrize("size", [5, 70])
    def test_what_is_not_compressed_is_framed_once_in_context_too(self, size):
        boxes = [Outbox(100) for _ in range(4)]
        message = bytes(size)
        for box in boxes:
            compress(box)
            box.put_message(message)
        _, second, *others = [box.take()[-1] for box in boxes]
        assert [other is second for other in others] == [True, True]

    def test_a_plain_frame_is_not_for_one_that_compresses_in_context(self, loop):
        plain, compressing = Outbox(THRESHOLD, turn_of(loop)), Outbox(THRESHOLD, turn_of(loop))
        compress(compressing)
        message = "Hello " * 5
        for _ in range(3):
            plain.put_message(message)
        compressing.put_message(message)
        assert [frame.rsv1 for frame in frames(compressing)] == [True]

    def test_another_in_between_is_no_harm(self, outbox):
        one, other = "x" * 200, "y" * 200
        for message in (one, one, other, one, other, other, one, one):
            outbox.put_message(message)
        assert [frame.payload[:1] for frame in frames(outbox)] == [b"x", b"x", b"y", b"x", b"y", b"y", b"x", b"x"]

    def test_is_told_by_identity(self, outbox):
        outbox.put_message(b"1" * 3)
        outbox.put_message("1" * 3)
        assert [frame.opcode for frame in frames(outbox)] == [BINARY, TEXT]

    def test_event_loops_in_several_threads(self):
        messages = [bytes((number,)) * (number + 1) for number in range(5)]

        def put_all(turns: int) -> list[Frame]:
            box = Outbox(0)
            for turn in range(turns):
                for _ in range(3):
                    box.put_message(messages[turn % len(messages)])
            return frames(box)

        with ThreadPoolExecutor(4) as pool:
            for sent in pool.map(put_all, [500] * 4):
                assert sent == [Frame(BINARY, messages[turn % 5]) for turn in range(500) for _ in range(3)]

    @pytest.mark.parametrize("kind", [str, bytes])
    def test_a_large_one_is_held_no_longer_than_the_turn(self, loop, kind):
        box = Outbox(THRESHOLD, turn_of(loop))
        message = "x" * LARGE if kind is str else b"x" * LARGE
        for _ in range(3):
            box.put_message(message)
        assert _last.data is message
        loop.run()
        assert_forgotten()

    def test_a_large_one_is_not_held_without_turns(self, outbox):
        outbox.put_message("x" * LARGE)
        assert_forgotten()

    def test_a_small_one_waits_for_the_next(self, loop):
        box = Outbox(THRESHOLD, turn_of(loop))
        message = "x" * (LARGE - 1)
        box.put_message(message)
        loop.run()
        assert _last.data is message


class TestClose:
    def test_drops_what_waits(self, outbox):
        compress(outbox)
        outbox.put_message("Hello")
        outbox.close()
        assert (outbox.take(), outbox.size) == ([], 0)

    def test_the_compressor_goes(self, loop):
        box = Outbox(0, turn_of(loop), idle_of(loop))
        compress(box)
        box.put_message("Hello")
        assert loop.timers == [IDLE_SECONDS]
        box.close()
        assert loop.timers == []
        box.put_message("Hello")
        assert [frame.rsv1 for frame in frames(box)] == [False]
        box.close()
