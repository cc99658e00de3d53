"""The layout of a frame and what goes out: RFC 6455 section 5.2.

A server's frames are not masked (section 5.1) and, here, never fragmented.
"""

from __future__ import annotations

import struct
from typing import Final

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40
RSV2_RSV3: Final = 0x30
OPCODE: Final = 0x0F
CONTROL: Final = 0x08

# The first byte of a message that is one frame; RSV1 says that it is compressed (RFC 7692 section 6).
WHOLE_TEXT: Final = FIN | TEXT
WHOLE_BINARY: Final = FIN | BINARY
COMPRESSED_TEXT: Final = FIN | RSV1 | TEXT
COMPRESSED_BINARY: Final = FIN | RSV1 | BINARY

MASKED: Final = 0x80
LENGTH: Final = 0x7F

SHORT: Final = 126
"""In the place of the length: it follows in two bytes."""

LONG: Final = 127
"""In the place of the length: it follows in eight bytes."""

SHORT_HEADER_SIZE: Final = 2
"""Bytes of the header of a message that is short, as a server sends it."""

MAX_SHORT: Final = 0xFFFF
"""The greatest length that two bytes hold."""

MAX_CONTROL_PAYLOAD: Final = 125
"""Bytes (section 5.5)."""

_pack_short = struct.Struct("!BBH").pack
_pack_long = struct.Struct("!BBQ").pack


SHORT_HEADERS: Final = {
    first: tuple(bytes((first, length)) for length in range(SHORT))
    for first in (WHOLE_TEXT, WHOLE_BINARY, COMPRESSED_TEXT, COMPRESSED_BINARY)
}
"""The headers of short messages as a server sends them, by their first byte and their length."""


def frame_header(first: int, length: int, masked: int = 0) -> bytes:
    """Return the header of a frame by its first byte and the ``length`` of its payload in bytes.

    With ``MASKED`` it lacks the masking key.
    """
    if length < SHORT:
        return bytes((first, masked | length))
    if length <= MAX_SHORT:
        return _pack_short(first, masked | SHORT, length)
    return _pack_long(first, masked | LONG, length)


def control_frame(opcode: int, payload: bytes = b"") -> bytes:
    """Return a whole control frame; ``payload`` is at most 125 bytes."""
    return frame_header(FIN | opcode, len(payload)) + payload
