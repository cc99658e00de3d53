"""Data frames whose payload is being read, one class for each way to read them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ._codecs._base import UNREADABLE, BinaryGatherer, Codec, TextGatherer, unreadable
from ._deflate import Inflater
from ._events import Event, Violation
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
    """A message in one frame or more (RFC 6455 section 5.4), read without a library.

    It is inflated and decoded as it arrives, so that what is wrong with it is seen at once. ``opcode`` is that of its
    first frame. ``inflater`` is ``None`` where it is not compressed.
    """

    __slots__ = ("_final", "_gatherer", "_inflater", "_key")

    def __init__(self, opcode: int, inflater: Inflater | None) -> None:
        self._gatherer: TextGatherer | BinaryGatherer = TextGatherer() if opcode == TEXT else BinaryGatherer()
        self._inflater = inflater
        self._final = 0
        self._key = b""

    def begin(self, first: int, key: bytes) -> None:
        """Begin its next frame, by that frame's first byte and masking key."""
        self._final = first & FIN
        self._key = key

    def take(self, piece: Payload, last: bool) -> Event | None:
        data = unmask(piece, self._key)
        if not last:
            self._key = rotate(self._key, len(piece))
        elif self._final:
            return self._end(data)
        return self.add(data)

    def add(self, data: bytes) -> Violation | None:
        """Add what is not masked any more, and not the end of the message; return the fault it shows."""
        inflater = self._inflater
        try:
            self._gatherer.add(data if inflater is None else inflater.inflate(data), False)
        except UNREADABLE as error:
            return self._fault(error)
        return None

    def _end(self, data: bytes) -> Event:
        inflater = self._inflater
        try:
            self._gatherer.add(data if inflater is None else inflater.message(data), True)
        except UNREADABLE as error:
            return self._fault(error)
        return self._gatherer.message()

    def _fault(self, error: Exception) -> Violation:
        return unreadable(error, None if self._inflater is None else self._inflater.max_size)


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
