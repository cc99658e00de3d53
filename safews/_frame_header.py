"""Frame headers as a client sends them: reading, checking, writing. RFC 6455 section 5.2."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ._frames import (
    BINARY,
    CONTINUATION,
    CONTROL,
    FIN,
    LENGTH,
    LONG,
    MASKED,
    MAX_CONTROL_PAYLOAD,
    MAX_SHORT,
    OPCODE,
    PONG,
    RSV1,
    RSV2_RSV3,
    SHORT,
    frame_header,
)
from ._masking import KEY_SIZE, Payload

_unpack_short = struct.Struct("!H").unpack_from
_unpack_long = struct.Struct("!Q").unpack_from


class Header(NamedTuple):
    """A whole header: its first two bytes, the payload's length, and where in the buffer the payload starts."""

    first: int
    second: int
    length: int
    start: int


def read_header(data: bytes, at: int) -> Header | None:
    """Read the header at an offset, the masking key included; ``None`` while it is not whole."""
    size = len(data)
    if at + 2 > size:
        return None
    first = data[at]
    second = data[at + 1]
    length = second & LENGTH
    start = at + 2
    if length >= SHORT:
        start += 2 if length == SHORT else 8
        if start > size:
            return None
        (length,) = (_unpack_short if length == SHORT else _unpack_long)(data, at + 2)
    if second & MASKED:
        start += KEY_SIZE
    return None if start > size else Header(first, second, length, start)


def header_fault(header: Header, *, message_open: bool, compression: bool) -> str | None:
    """Say what is wrong with a header, in words for the log; ``None`` if nothing is."""
    first, second, length, _ = header
    opcode = first & OPCODE
    if not second & MASKED:
        return "frame that is not masked"
    if first & RSV2_RSV3:
        return "frame with RSV2 or RSV3"
    if opcode & CONTROL:
        return _control_fault(first, second)
    if opcode > BINARY:
        return f"frame with the reserved opcode {opcode}"
    if opcode == CONTINUATION and not message_open:
        return "continuation without a message"
    if opcode != CONTINUATION and message_open:
        return "new message inside another"
    # RFC 7692 section 6.1: set on the first frame of a compressed message and on no other.
    if first & RSV1 and (opcode == CONTINUATION or not compression):
        return "frame with RSV1"
    return _length_fault(second, length)


def _control_fault(first: int, second: int) -> str | None:
    """Section 5.5: a control frame is whole and short. RFC 7692 section 6.1: it is not compressed."""
    opcode = first & OPCODE
    if opcode > PONG:
        return f"frame with the reserved opcode {opcode}"
    if not first & FIN:
        return "control frame in fragments"
    if first & RSV1:
        return "control frame with RSV1"
    if second & LENGTH > MAX_CONTROL_PAYLOAD:
        return f"control frame of more than {MAX_CONTROL_PAYLOAD} bytes"
    return None


def _length_fault(second: int, length: int) -> str | None:
    """Section 5.2: the length is in the shortest of its three forms and has no more than 63 bits."""
    form = second & LENGTH
    if (form == SHORT and length < SHORT) or (form == LONG and length <= MAX_SHORT):
        return "length not in its shortest form"
    if length >> 63:
        return "length of more than 63 bits"
    return None


def masked_frame(first: int, key: bytes, masked_payload: Payload) -> bytes:
    """Return a frame as a client sends it, from its first byte, its key and a payload that is masked already."""
    return b"".join((frame_header(first, len(masked_payload), MASKED), key, masked_payload))
