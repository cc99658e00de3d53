from __future__ import annotations

import pytest

from safews._events import Pong
from safews._fast_lane import read_plain, read_pong
from tests.harness import BINARY, CONTINUATION, PING, PONG, TEXT, frame

LIMIT = 70_000
MANY = 100


def read(data: bytes, at: int = 0, *, limit: int = LIMIT, frames: int = MANY, room: int = LIMIT) -> tuple[list, int]:
    return read_plain(data, at, limit, frames, room)


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

    @pytest.mark.parametrize(
        "rest",
        [
            frame(PING, b""),
            frame(TEXT, b"a", fin=False),
            frame(CONTINUATION, b"a"),
            frame(TEXT, b"a", rsv=4),
            frame(TEXT, b"a", mask=None),
            frame(TEXT, b"x" * 126, mask=None),
            frame(TEXT, b"\xff"),
            # Lengths that are not in their shortest form, and one in the longest.
            frame(TEXT, b"a", length_bytes=2),
            frame(TEXT, b"a", length_bytes=8),
            frame(BINARY, bytes(65_536)),
        ],
    )
    def test_at_what_is_not_plain_or_not_right(self, rest: bytes) -> None:
        first = frame(TEXT, b"a")
        assert read(first + rest + first) == (["a"], len(first))

    @pytest.mark.parametrize("length", [1, 200])
    def test_at_what_is_not_whole(self, length: int) -> None:
        first, second = frame(TEXT, b"a"), frame(TEXT, bytes(length))
        for cut in range(len(second)):
            assert read(first + second[:cut]) == (["a"], len(first))

    def test_at_a_message_above_the_limit(self) -> None:
        data = frame(TEXT, b"abc")
        assert read(data, limit=3) == (["abc"], len(data))
        assert read(data, limit=2) == ([], 0)

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
