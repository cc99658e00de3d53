"""Data frames of which only a part has arrived, one class for each way to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ._codecs._base import INVALID_TEXT, BinaryGatherer, Codec, TextGatherer
from ._events import Event, Violation
from ._frame_header import masked_frame
from ._frames import CONTINUATION, FIN
from ._masking import rotate, unmask


class Arriving(ABC):
    """A data frame whose header has been read; its payload comes in pieces."""

    __slots__ = ()

    @abstractmethod
    def take(self, piece: bytes, last: bool) -> Event | None:
        """Take the next piece of the payload, still masked; return the event it completes or the fault it shows."""


class ArrivingText(Arriving):
    """A text message in one plain frame: decoded as it arrives, so that invalid text is seen at once."""

    __slots__ = ("_key", "_text")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._text = TextGatherer()

    def take(self, piece: bytes, last: bool) -> str | Violation | None:
        try:
            self._text.add(unmask(piece, self._key), last)
        except UnicodeDecodeError:
            return INVALID_TEXT
        self._key = rotate(self._key, len(piece))
        return self._text.message() if last else None


class ArrivingBinary(Arriving):
    """A binary message in one plain frame: unmasked once, when it is whole."""

    __slots__ = ("_key", "_masked")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._masked = BinaryGatherer()

    def take(self, piece: bytes, last: bool) -> bytes | None:
        self._masked.add(piece, last)
        return unmask(self._masked.message(), self._key) if last else None


class ArrivingFragment(Arriving):
    """A frame for the library, handed on in smaller fragments (RFC 6455 section 5.4).

    Opcode and RSV1 stand on the first piece, FIN on the last, and each piece has the key as it applies from there on.
    """

    __slots__ = ("_codec", "_first", "_key")

    def __init__(self, codec: Codec, first: int, key: bytes) -> None:
        self._codec = codec
        self._first = first
        self._key = key

    def take(self, piece: bytes, last: bool) -> Event | None:
        first = self._first if last else self._first & ~FIN
        fragment = masked_frame(first, self._key, piece)
        self._first = CONTINUATION | self._first & FIN
        self._key = rotate(self._key, len(piece))
        return self._codec.receive(fragment)
