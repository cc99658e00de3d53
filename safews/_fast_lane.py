"""Plain messages: whole in one frame, and not compressed. Nearly all that peers send are.

They are read here in one loop, which looks at no more than it must. Whatever is not plain, not whole or not right ends
it, and is for ``Framing`` to read, or to say what is wrong with it.
"""

from __future__ import annotations

from ._frames import BINARY, FIN, MASKED, SHORT, TEXT
from ._masking import KEY_SIZE, unmask

PLAIN_TEXT = FIN | TEXT
PLAIN_BINARY = FIN | BINARY


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
