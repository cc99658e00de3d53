"""What nearly all peers send nearly always: messages that are whole, in one frame and in one read, and Pongs.

It is read here with no more looked at than must be, and so are the fragments of which a large message has most: those
between its first and its last. Whatever is not whole, or not right, is left for ``Framing`` to read, or to say what is
wrong with it.
"""

from __future__ import annotations

from typing import Final

from ._arriving import ArrivingMessage
from ._codecs._base import UNREADABLE, unreadable
from ._deflate import Inflater
from ._events import Pong, Violation
from ._frames import (
    COMPRESSED_BINARY,
    COMPRESSED_TEXT,
    CONTINUATION,
    FIN,
    MASKED,
    MAX_CONTROL_PAYLOAD,
    PONG,
    RSV1,
    SHORT,
    WHOLE_BINARY,
    WHOLE_TEXT,
)
from ._masking import KEY_SIZE, unmask

WHOLE_PONG: Final = FIN | PONG

HEAD_SIZE: Final = 2 + KEY_SIZE
"""Bytes before the payload of a short frame: its header and its key."""

_PLAIN: Final[tuple[int, ...]] = (WHOLE_TEXT, WHOLE_BINARY)
_PLAIN_AND_COMPRESSED: Final[tuple[int, ...]] = (*_PLAIN, COMPRESSED_TEXT, COMPRESSED_BINARY)

_SPANS: Final = tuple(
    HEAD_SIZE + second - MASKED if MASKED <= second < MASKED + SHORT else 1 << 60 for second in range(256)
)
"""By its second byte: how many bytes a short frame has. What else there is ends behind anything that has been read."""


def read_whole(
    data: bytes, at: int, limit: int, frames: int, room: int, inflater: Inflater | None
) -> tuple[list[str | bytes], int, int, Violation | None]:
    """Read whole messages; return them, what they leave of ``room``, and the offset behind them.

    No frame is longer than ``limit`` bytes; with a limit below 125 none is read. There are at most ``frames`` of them,
    and none after the one with which their ``len()`` reaches ``room``. ``inflater`` is ``None`` where no compression
    was agreed on.

    What is wrong with the payload of a compressed message is returned as well: it cannot be inflated once more.
    """
    messages: list[str | bytes] = []
    append = messages.append
    size = len(data)
    kinds = _PLAIN if inflater is None else _PLAIN_AND_COMPRESSED
    first = 0
    try:
        # A short frame is not compared with the limit.
        for _ in range(frames if limit >= SHORT - 1 else 0):
            # Not by an IndexError: where messages come alone each would cost one.
            if at == size or room <= 0:
                break
            first = data[at]
            if first not in kinds:
                break
            start = at + HEAD_SIZE
            end = at + _SPANS[data[at + 1]]
            if end > size:
                # A length of two bytes, or nothing that is read here.
                length = data[at + 2] << 8 | data[at + 3] if data[at + 1] == MASKED | SHORT else 0
                start += 2
                end = start + length
                if length < SHORT or length > limit or end > size:
                    break
            payload = unmask(data[start:end], data[start - KEY_SIZE : start])
            message: str | bytes
            if first == WHOLE_TEXT:
                message = payload.decode()
            elif inflater is None or first == WHOLE_BINARY:
                message = payload
            else:
                payload = inflater.message(payload)
                message = payload.decode() if first == COMPRESSED_TEXT else payload
            append(message)
            at = end
            room -= len(message)
    except IndexError:
        # A header that is not whole.
        pass
    except UNREADABLE as error:
        # What is wrong with a text that is not compressed, Framing finds out by itself.
        fault = unreadable(error, inflater.max_size) if inflater is not None and first & RSV1 else None
        return messages, room, at, fault
    return messages, room, at, None


def read_fragments(
    data: bytes, at: int, message: ArrivingMessage, frames: int, room: int
) -> tuple[int, int, int, Violation | None]:
    """Read fragments of a message but the last; return how many, their payloads' size, and the offset behind them.

    There are at most ``frames`` of them, and at most ``room`` bytes. What is wrong with the next is returned as well.
    """
    size = len(data)
    count = taken = 0
    try:
        # No opcode and no FIN.
        while count < frames and data[at] == CONTINUATION:
            length = data[at + 1] - MASKED
            key = at + 2
            if length == SHORT:
                key += 2
                length = data[at + 2] << 8 | data[at + 3]
                if length < SHORT:
                    break
            elif length > SHORT or length < 0:
                break
            start = key + KEY_SIZE
            end = start + length
            if end > size or taken + length > room:
                break
            fault = message.add(unmask(data[start:end], data[key:start]))
            if fault is not None:
                return count, taken, at, fault
            count += 1
            taken += length
            at = end
    except IndexError:
        # A header that is not whole, or none.
        pass
    return count, taken, at, None


def read_pong(data: bytes) -> Pong | None:
    """Return the Pong that ``data`` is, no more and no less (RFC 6455 section 5.5.3)."""
    length = len(data) - HEAD_SIZE
    if 0 <= length <= MAX_CONTROL_PAYLOAD and data[0] == WHOLE_PONG and data[1] == MASKED | length:
        return Pong(unmask(data[HEAD_SIZE:], data[HEAD_SIZE - KEY_SIZE : HEAD_SIZE]))
    return None
