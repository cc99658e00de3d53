"""Frames as a client writes and reads them, byte by byte (RFC 6455 section 5.2). Nothing is checked here."""

from __future__ import annotations

from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

MASK = b"\x37\xfa\x21\x3d"
"""The masking key of a frame that names none."""


class Frame(NamedTuple):
    """A frame as the server sent it."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv1: bool = False


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length_bytes: int | None = None,
) -> bytes:
    """Build a frame. ``rsv`` is 0 to 7 (4 is RSV1); ``mask=None`` leaves it unmasked.

    ``length_bytes`` (0, 2 or 8) says where the length stands if it shall not be the shortest place.
    """
    size = len(payload)
    if length_bytes is None:
        length_bytes = 0 if size < 126 else 2 if size < 65536 else 8
    marker = {0: size, 2: 126, 8: 127}[length_bytes]
    head = bytes(((fin << 7) | (rsv << 4) | opcode, ((mask is not None) << 7) | marker))
    head += size.to_bytes(length_bytes, "big") if length_bytes else b""
    return head + payload if mask is None else head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Apply a masking key of four bytes, from its first byte."""
    repeated = mask * (len(payload) // 4 + 1)
    return (int.from_bytes(payload, "little") ^ int.from_bytes(repeated[: len(payload)], "little")).to_bytes(
        len(payload), "little"
    )


def close_frame(code: int | None = None, reason: str = "") -> bytes:
    """Build a Close as a client sends it."""
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode())


def parse_frame(data: bytes) -> tuple[Frame, int] | None:
    """Take the first frame of what the server sent, with its length on the wire; ``None`` if it is not whole."""
    if len(data) < 2:
        return None
    assert not data[1] & 0x80, "a server must not mask"
    length_bytes = {126: 2, 127: 8}.get(data[1], 0)
    start = 2 + length_bytes
    size = int.from_bytes(data[2:start], "big") if length_bytes else data[1]
    if len(data) < start + size:
        return None
    assert not data[0] & 0x30, "RSV2 or RSV3 set"
    return Frame(data[0] & 0x0F, data[start : start + size], bool(data[0] & 0x80), bool(data[0] & 0x40)), start + size
