"""The layout of a frame and what goes out: RFC 6455 section 5.2.

A server's frames are not masked (section 5.1) and, here, never fragmented.
"""

from __future__ import annotations

import struct

CONTINUATION = 0x0
TEXT = 0x1
BINARY = 0x2
CLOSE = 0x8
PING = 0x9
PONG = 0xA

FIN = 0x80
RSV1 = 0x40
RSV2_RSV3 = 0x30
OPCODE = 0x0F
CONTROL = 0x08

MASKED = 0x80
LENGTH = 0x7F

MAX_CONTROL_PAYLOAD = 125
"""Bytes (section 5.5)."""

_pack_short = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


def frame_header(opcode: int, length: int, *, compressed: bool = False) -> bytes:
    """Return the header of an unfragmented, unmasked frame whose payload has ``length`` bytes."""
    first = FIN | opcode | (RSV1 if compressed else 0)
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return _pack_short(first, 126, length)
    return _pack_long(first, 127, length)


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a whole control frame; ``payload`` is at most 125 bytes."""
    return frame_header(opcode, len(payload)) + payload
