"""What nearly all peers send nearly always: plain messages, which are whole in one frame and not compressed, and Pongs.

It is read here with no more looked at than must be. Whatever is not plain, not whole or not right is left for
``Framing`` to read, or to say what is wrong with it.
"""

from __future__ import annotations

from ._events import Pong
from ._frames import BINARY, FIN, MASKED, MAX_CONTROL_PAYLOAD, PONG, SHORT, TEXT
from ._masking import KEY_SIZE, unmask

PLAIN_TEXT = FIN | TEXT
PLAIN_BINARY = FIN | BINARY
PLAIN_PONG = FIN | PONG

HEAD_SIZE = 2 + KEY_SIZE
"""Bytes before the payload of a control frame: its header and its key."""


def read_plain(data: bytes, at: int, limit: int, frames: int, room: int) -> tuple[list[str | bytes], int]:
    """Read whole plain messages, and return them and the offset behind them.

    No message is longer than ``limit`` bytes. There are at most ``frames`` of them, and none after the one with which
    their ``len()`` reaches ``room``.
    """
    messages: list[str | bytes] = []
    append = messages.append
    size = len(data)
    try:
        for _ in range(frames if room > 0 else 0):
            first = data[at]
            if first != PLAIN_TEXT and first != PLAIN_BINARY:
                break
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
            if end > size or length > limit:
                break
            payload = unmask(data[start:end], data[key:start])
            message = payload.decode() if first == PLAIN_TEXT else payload
            append(message)
            at = end
            room -= len(message)
            if room <= 0:
                break
    except (IndexError, UnicodeDecodeError):
        # A header that is not whole, or a text that is none.
        pass
    return messages, at


def read_pong(data: bytes) -> Pong | None:
    """Return the Pong that ``data`` is, no more and no less (RFC 6455 section 5.5.3)."""
    length = len(data) - HEAD_SIZE
    if 0 <= length <= MAX_CONTROL_PAYLOAD and data[0] == PLAIN_PONG and data[1] == MASKED | length:
        return Pong(unmask(data[HEAD_SIZE:], data[HEAD_SIZE - KEY_SIZE : HEAD_SIZE]))
    return None
