from __future__ import annotations

import random

import pytest

from safews._arriving import ArrivingMessage
from safews._deflate import DeflateParameters, Inflater
from safews._events import Pong, Violation
from safews._fast_lane import read_fragments, read_pong, read_whole
from tests.harness import BINARY, CONTINUATION, PING, PONG, TEXT, frame
from tests.reference import Compressor

LIMIT = 70_000
MANY = 100


def read(data: bytes, at: int = 0, *, limit: int = LIMIT, frames: int = MANY, room: int = LIMIT) -> tuple[list, int]:
    messages, left, end, fault = read_whole(data, at, limit, frames, room, None)
    assert (fault, left) == (None, room - sum(map(len, messages)))
    return messages, end


TEXTS = ["", "a", "x" * 125, "x" * 126, "x" * 65_535, "gr\u00fc\u00df \U0001f600"]


class TestMessages:
    @pytest.mark.parametrize("text", TEXTS, ids=len)
    def test_text(self, text: str) -> None:
        data = frame(TEXT, text.encode())
        assert read(data) == ([text], len(data))

    @pytest.mark.parametrize("text", TEXTS, ids=len)
    def test_binary(self, text: str) -> None:
        data = frame(BINARY, text.encode())
        assert read(data) == ([text.encode()], len(data))

    def test_one_after_another(self) -> None:
        data = frame(TEXT, b"a") + frame(BINARY, b"b") + frame(TEXT, b"c")
        assert read(data) == (["a", b"b", "c"], len(data))

    def test_from_an_offset_on(self) -> None:
        first = frame(TEXT, b"a")
        data = first + frame(TEXT, b"b")
        assert read(data, len(first)) == (["b"], len(data))

    def test_nothing(self) -> None:
        assert read(b"") == ([], 0)


class TestEnd:
    """What it does not read, it leaves as it is."""

    def test_a_length_of_eight_bytes_is_not_read_as_one_of_two(self) -> None:
        assert read(b"\x81\xff" + (256 << 48).to_bytes(8, "big") + bytes(400)) == ([], 0)

    @pytest.mark.parametrize(
        "rest",
        [
            frame(PING, b""),
            frame(TEXT, b"a", fin=False),
            frame(CONTINUATION, b"a"),
            frame(TEXT, b"a", rsv=4),
            frame(BINARY, b"a", mask=None),
            frame(BINARY, b"x" * 126, mask=None),
            frame(TEXT, b"\xff"),
            # Lengths that are not in their shortest form, and one in the longest.
            frame(TEXT, b"a", length_bytes=2),
            frame(TEXT, b"a", length_bytes=8),
            frame(BINARY, bytes(65_536)),
        ],
    )
    def test_at_what_is_not_whole_or_not_right(self, rest: bytes) -> None:
        first = frame(TEXT, b"a")
        assert read(first + rest + first) == (["a"], len(first))

    @pytest.mark.parametrize("length", [1, 200])
    def test_at_what_has_not_arrived(self, length: int) -> None:
        first, second = frame(TEXT, b"a"), frame(TEXT, bytes(length))
        for cut in range(len(second)):
            assert read(first + second[:cut]) == (["a"], len(first))

    def test_at_a_message_above_the_limit(self) -> None:
        data = frame(TEXT, b"x" * 200)
        assert read(data, limit=200) == (["x" * 200], len(data))
        assert read(data, limit=199) == ([], 0)

    def test_at_the_first_where_the_limit_is_below_that_of_a_short_one(self) -> None:
        data = frame(TEXT, b"x" * 125) + frame(TEXT, b"a")
        assert read(data, limit=125) == (["x" * 125, "a"], len(data))
        assert read(data, limit=124) == ([], 0)
        assert read(frame(TEXT, b"a"), limit=124) == ([], 0)

    @pytest.mark.parametrize(("frames", "expected"), [(0, []), (1, ["a"]), (2, ["a", "b"]), (3, ["a", "b", "c"])])
    def test_after_so_many_frames(self, frames: int, expected: list[str]) -> None:
        one = len(frame(TEXT, b"a"))
        assert read(b"".join(frame(TEXT, name) for name in (b"a", b"b", b"c")), frames=frames) == (
            expected,
            frames * one,
        )

    @pytest.mark.parametrize(
        ("room", "expected"), [(-1, []), (0, []), (1, ["ab"]), (2, ["ab"]), (3, ["ab", "cd"]), (9, ["ab", "cd"])]
    )
    def test_after_the_message_with_which_the_room_is_taken(self, room: int, expected: list[str]) -> None:
        assert read(frame(TEXT, b"ab") + frame(TEXT, b"cd"), room=room)[0] == expected

    def test_room_is_characters_of_text(self) -> None:
        data = frame(TEXT, "\u20ac".encode()) * 3
        assert read(data, room=2)[0] == ["\u20ac"] * 2


class TestCompressed:
    AGREED = DeflateParameters()

    def read(self, data: bytes, *, max_size: int | None = LIMIT, **limits: int) -> tuple:
        given = {"at": 0, "limit": LIMIT, "frames": MANY, "room": LIMIT, **limits}
        messages, left, end, fault = read_whole(data, **given, inflater=Inflater(self.AGREED, max_size))
        assert left == given["room"] - sum(map(len, messages))
        return messages, end, fault

    def frames(self, *payloads: bytes, opcode: int = TEXT) -> list[bytes]:
        compressor = Compressor(self.AGREED)
        return [frame(opcode, compressor.compress(payload), rsv=4) for payload in payloads]

    @pytest.mark.parametrize("text", TEXTS, ids=len)
    def test_message(self, text: str) -> None:
        payload = text.encode()
        data = b"".join(self.frames(payload, payload))
        assert self.read(data) == ([text, text], len(data), None)
        assert self.read(b"".join(self.frames(payload, opcode=BINARY)))[0] == [payload]

    def test_among_others(self) -> None:
        first, second = self.frames(b"a", b"b")
        data = first + frame(BINARY, b"-") + second
        assert self.read(data) == (["a", b"-", "b"], len(data), None)

    @pytest.mark.parametrize("rsv", [2, 1, 6, 5])
    def test_with_other_bits_is_left(self, rsv: int) -> None:
        assert self.read(frame(TEXT, b"a", rsv=rsv)) == ([], 0, None)

    def test_fragment_is_left(self) -> None:
        assert self.read(frame(TEXT, b"a", rsv=4, fin=False)) == ([], 0, None)

    def test_room_is_what_it_inflates_to(self) -> None:
        frames = self.frames(b"x" * 1000, b"y")
        data = b"".join(frames)
        assert self.read(data, room=1000) == (["x" * 1000], len(frames[0]), None)
        assert self.read(data, room=1001) == (["x" * 1000, "y"], len(data), None)
        assert self.read(data, room=0) == ([], 0, None)

    def test_limit_of_the_frame_is_that_of_its_bytes(self) -> None:
        payload = random.Random(1).randbytes(150)
        (data,) = self.frames(payload, opcode=BINARY)
        length = len(data) - 8
        assert length > len(payload)
        assert self.read(data, limit=length) == ([payload], len(data), None)
        assert self.read(data, limit=length - 1) == ([], 0, None)

    @pytest.mark.parametrize(
        ("payload", "fault"),
        [
            (b"a\xff", Violation(1007, "text that is not UTF-8")),
            (b"\xe2\x82", Violation(1007, "text that is not UTF-8")),
            (b"x" * 101, Violation(1009, "message of more than 100 bytes")),
        ],
    )
    def test_fault_of_what_it_holds(self, payload: bytes, fault: Violation) -> None:
        first, second, third = self.frames(b"x" * 100, payload, b"c")
        assert self.read(first + second + third, max_size=100) == (["x" * 100], len(first), fault)

    def test_fault_of_the_data(self) -> None:
        data = frame(TEXT, b"\x07\xff", rsv=4)
        assert self.read(data) == ([], 0, Violation(1002, "compressed data that cannot be inflated"))

    def test_fault_of_a_plain_text_is_left(self) -> None:
        (first,) = self.frames(b"a")
        assert self.read(first + frame(TEXT, b"\xff")) == (["a"], len(first), None)


class TestFragments:
    """Those between a message's first and its last."""

    @staticmethod
    def read(data: bytes, at: int = 0, *, frames: int = MANY, room: int = LIMIT) -> tuple:
        return read_fragments(data, at, ArrivingMessage(TEXT, None), frames, room)

    @staticmethod
    def rest_of(message: ArrivingMessage) -> object:
        """End a message, and return it."""
        message.begin(0x80, bytes(4))
        return message.take(b"", True)

    @pytest.mark.parametrize("sizes", [[], [0], [1, 0, 2], [125, 126, 127], [65_535, 1], [1] * MANY])
    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_all_that_are_whole(self, sizes: list[int], opcode: int) -> None:
        data = b"-" + b"".join(frame(CONTINUATION, b"x" * size, fin=False) for size in sizes)
        message = ArrivingMessage(opcode, None)
        assert read_fragments(data, 1, message, MANY, LIMIT) == (len(sizes), sum(sizes), len(data), None)
        expected = "x" * sum(sizes)
        assert self.rest_of(message) == (expected if opcode == TEXT else expected.encode())

    def test_compressed(self) -> None:
        parameters = DeflateParameters()
        payload = Compressor(parameters).compress(b"Hello" * 100)
        message = ArrivingMessage(TEXT, Inflater(parameters, LIMIT))
        data = frame(CONTINUATION, payload[:5], fin=False) + frame(CONTINUATION, payload[5:], fin=False)
        assert read_fragments(data, 0, message, MANY, LIMIT) == (2, len(payload), len(data), None)
        assert self.rest_of(message) == "Hello" * 100

    @pytest.mark.parametrize(
        "rest",
        [
            frame(CONTINUATION, b"a"),
            frame(PING, b""),
            frame(TEXT, b"a", fin=False),
            frame(CONTINUATION, b"a", fin=False, rsv=4),
            frame(CONTINUATION, b"a", fin=False, mask=None),
            frame(CONTINUATION, b"x" * 126, fin=False, mask=None),
            frame(CONTINUATION, b"a", fin=False, length_bytes=2),
            frame(CONTINUATION, b"a", fin=False, length_bytes=8),
            frame(CONTINUATION, bytes(65_536), fin=False),
        ],
    )
    def test_ends_at_what_is_another_frame_or_not_right(self, rest: bytes) -> None:
        first = frame(CONTINUATION, b"ab", fin=False)
        # Not a text: what was not masked is no UTF-8 once it is unmasked, and ends it too.
        message = ArrivingMessage(BINARY, None)
        assert read_fragments(first + rest + first, 0, message, MANY, LIMIT) == (1, 2, len(first), None)

    @pytest.mark.parametrize("length", [1, 200])
    def test_ends_at_what_has_not_arrived(self, length: int) -> None:
        first, second = frame(CONTINUATION, b"a", fin=False), frame(CONTINUATION, bytes(length), fin=False)
        for cut in range(len(second)):
            assert self.read(first + second[:cut]) == (1, 1, len(first), None)

    @pytest.mark.parametrize("frames", range(4))
    def test_ends_after_so_many_frames(self, frames: int) -> None:
        one = frame(CONTINUATION, b"ab", fin=False)
        assert self.read(one * 3, frames=frames) == (frames, 2 * frames, len(one) * frames, None)

    @pytest.mark.parametrize(("room", "count"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)])
    def test_ends_before_the_limit_is_passed(self, room: int, count: int) -> None:
        one = frame(CONTINUATION, b"ab", fin=False)
        assert self.read(one * 3, room=room)[0] == count

    def test_an_empty_one_needs_no_room(self) -> None:
        assert self.read(frame(CONTINUATION, b"", fin=False), room=0)[0] == 1

    def test_what_is_wrong_with_one_comes_with_those_before_it(self) -> None:
        first, second = (frame(CONTINUATION, data, fin=False) for data in (b"a", b"\xff"))
        assert self.read(first + second + first) == (1, 1, len(first), Violation(1007, "text that is not UTF-8"))


class TestPong:
    @pytest.mark.parametrize("payload", [b"", b"ping", bytes(125)], ids=len)
    def test_all_there_is(self, payload: bytes) -> None:
        assert read_pong(frame(PONG, payload)) == Pong(payload)

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            frame(PONG, b"ping")[:-1],
            frame(PONG, b"ping") + b"\x8a",
            frame(PING, b"ping"),
            frame(PONG, b"ping", fin=False),
            frame(PONG, b"ping", rsv=4),
            frame(PONG, b"ping", mask=None),
            frame(PONG, b"longer than it", mask=None),
            frame(PONG, bytes(126)),
            frame(PONG, bytes(2), length_bytes=2),
        ],
    )
    def test_anything_else(self, data: bytes) -> None:
        assert read_pong(data) is None
