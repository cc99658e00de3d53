"""What the framing asks of a library, and what both codecs do alike."""

from __future__ import annotations

import codecs
import io
from abc import ABC, abstractmethod
from typing import ClassVar

from safews._close import Close, InvalidClose, parse_close
from safews._deflate import DeflateParameters, InflateError, InflateLimit, Inflater
from safews._events import Event, Violation
from safews._masking import KEY_SIZE, unmask

INVALID_TEXT = Violation(1007, "text that is not UTF-8")
INVALID_DEFLATE = Violation(1002, "compressed data that cannot be inflated")
REFUSED = Violation(1002, "frame that breaks the protocol")
"""A library refuses what the framing has let pass. The framing checks more than they do, so this should not be."""

LARGE = 4096
"""Bytes from which a piece of a binary message is kept as it is."""

_new_decoder = codecs.getincrementaldecoder("utf-8")


def too_big(max_size: int | None) -> Violation:
    """Return the violation for a message above the limit of ``max_size`` bytes."""
    return Violation(1009, f"message of more than {max_size} bytes")


UNREADABLE = (InflateError, UnicodeDecodeError)
"""What reading the payload of a message may raise."""


def unreadable(error: Exception, max_size: int | None) -> Violation:
    """Return what one of ``UNREADABLE`` stands for."""
    if isinstance(error, InflateLimit):
        return too_big(max_size)
    return INVALID_DEFLATE if isinstance(error, InflateError) else INVALID_TEXT


def read_close(payload: bytes) -> Close | Violation:
    """Read the unmasked payload of a Close frame."""
    try:
        return parse_close(payload)
    except InvalidClose as error:
        return Violation(error.code, str(error))


def reread_close(frame: bytes) -> Close | Violation:
    """Read a whole Close frame, as on the wire, that a library has refused: what is wrong with it is ours to say.

    Its header has two bytes and the key, since the payload of a control frame is short (RFC 6455 section 5.5).
    """
    start = 2 + KEY_SIZE
    return read_close(unmask(frame[start:], frame[2:start]))


class TextGatherer:
    """A text message that comes in pieces, decoded as they arrive.

    A ``StringIO`` rather than a list of pieces: a message sent byte by byte must not become millions of objects.
    """

    __slots__ = ("_decoder", "_text")

    def __init__(self) -> None:
        self._decoder = _new_decoder()
        self._text = io.StringIO()

    def add(self, piece: bytes, final: bool) -> None:
        """Take a piece. Raises ``UnicodeDecodeError`` as soon as the text cannot become UTF-8 any more."""
        self._text.write(self._decoder.decode(piece, final))

    def message(self) -> str:
        """Return the text so far."""
        return self._text.getvalue()


class BinaryGatherer:
    """A binary message that comes in pieces.

    Large pieces wait as they are until all are joined, where a buffer that grows would be moved again and again. Small
    ones go into one buffer: a message sent byte by byte must not become millions of objects.
    """

    __slots__ = ("_large", "_small")

    def __init__(self) -> None:
        self._large: list[bytes] = []
        self._small = bytearray()

    def add(self, piece: bytes, final: bool) -> None:
        """Take a piece."""
        if len(piece) < LARGE:
            self._small += piece
            return
        if self._small:
            self._large.append(bytes(self._small))
            self._small.clear()
        self._large.append(piece)

    def message(self) -> bytes:
        """Return the payload so far."""
        return b"".join((*self._large, self._small))


class Codec(ABC):
    """Reads frames with a library that speaks WebSocket, on an open connection.

    ``deflate`` is what was agreed for permessage-deflate, ``None`` where it was not. ``max_size`` bounds, in bytes,
    what a compressed message may inflate to, ``None`` for no limit; the size of others is the framing's to check.
    """

    __slots__ = ("_inflater", "_max_size")

    name: ClassVar[str]
    """The library's name."""

    def __init__(self, deflate: DeflateParameters | None, max_size: int | None) -> None:
        self._inflater = None if deflate is None else Inflater(deflate, max_size)
        self._max_size = max_size

    @property
    def inflated(self) -> int:
        """How many bytes the unfinished compressed message has come to."""
        return 0 if self._inflater is None else self._inflater.size

    @abstractmethod
    def receive(self, frame: bytes) -> Event | None:
        """Read one whole frame, masked, as on the wire, whose header the framing has found right.

        Returns what the frame completes: a message, a control frame, or a violation, after which nothing more may be
        given; ``None`` for a fragment that is not the last.
        """
