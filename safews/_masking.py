"""Masking: RFC 6455 section 5.3. A client masks every frame with a key of four bytes; a server takes it off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

KEY_SIZE: Final = 4
"""Bytes."""

Payload = bytes | bytearray | memoryview
"""What may be masked: a memoryview spares the copy of a slice."""


def xor_mask(data: Payload, key: bytes) -> bytes:
    """Apply a masking key in pure Python: both sides become one large integer, whose XOR runs in C."""
    size = len(data)
    mask = (key * (size // KEY_SIZE + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


def find_mask() -> tuple[Callable[[Payload, bytes], bytes], bool]:
    """Return the fastest masking function there is, and whether it is written in C.

    The one in C is a module of its own in websockets' wheels: importing it loads none of the library's protocol, so
    it serves both codecs.
    """
    try:
        from websockets.speedups import apply_mask
    except ImportError:
        return xor_mask, False
    return apply_mask, True


_found = find_mask()
C_MASKING: Final = _found[1]
unmask: Final = _found[0]
"""``unmask(data, key)`` returns ``data`` with the key of four bytes taken off (or put on: it is the same)."""


def rotate(key: bytes, offset: int) -> bytes:
    """Return the key as it applies to a payload from its byte ``offset`` on."""
    offset %= KEY_SIZE
    return key[offset:] + key[:offset]
