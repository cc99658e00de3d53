"""Data frames whose payload is being read, one class for each way to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ._codecs._base import INVALID_TEXT, BinaryGatherer, Codec, TextGatherer
from ._events import Event
from ._frame_header import masked_frame
from ._frames import CONTINUATION, FIN, TEXT
from ._masking import Payload, rotate, unmask


class Arriving(ABC):
    """A data frame whose header has been read; its payload comes in pieces."""

    __slots__ = ()

    @abstractmethod
    def take(self, piece: Payload, last: bool) -> Event | None:
        """Take the next piece of the payload, still masked; return the event it completes or the fault it shows."""


class ArrivingMessage(Arriving):
    """A message that is not compressed, in one frame or more (RFC 6455 section 5.4), read without a library.

    Text is decoded as it arrives, so that invalid text is seen at once. ``opcode`` is that of its first frame.
    """

    __slots__ = ("_final", "_gatherer", "_key")

    def __init__(self, opcode: int) -> None:
        self._gatherer: TextGatherer | BinaryGatherer = TextGatherer() if opcode == TEXT else BinaryGatherer()
        self._final = 0
        self._key = b""

    def begin(self, first: int, key: bytes) -> None:
        """Begin its next frame, by that frame's first byte and masking key."""
        self._final = first & FIN
        self._key = key

    def take(self, piece: Payload, last: bool) -> Event | None:
        complete = last and self._final != 0
        try:
            self._gatherer.add(unmask(piece, self._key), complete)
        except UnicodeDecodeError:
            return INVALID_TEXT
        if complete:
            return self._gatherer.message()
        self._key = rotate(self._key, len(piece))
        return None


class ArrivingFragment(Arriving):
    """A frame for the library, handed on in smaller fragments (RFC 6455 section 5.4).

    Opcode and RSV1 stand on the first piece, FIN on the last, and each piece has the key as it applies from there on.
    """

    __slots__ = ("_codec", "_first", "_key")

    def __init__(self, codec: Codec, first: int, key: bytes) -> None:
        self._codec = codec
        self._first = first
        self._key = key

    def take(self, piece: Payload, last: bool) -> Event | None:
        first = self._first if last else self._first & ~FIN
        fragment = masked_frame(first, self._key, piece)
        self._first = CONTINUATION | self._first & FIN
        self._key = rotate(self._key, len(piece))
        return self._codec.receive(fragment)
