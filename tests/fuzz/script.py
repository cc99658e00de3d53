"""The fuzzer's bytes, read as what a peer does: frames that get past the header, and bytes that need not.

Every byte stands for something in every place, so that whatever the fuzzer changes gives another input to run.
"""

from __future__ import annotations

from enum import IntEnum

from safews._deflate import DeflateParameters
from safews._frames import CONTROL, OPCODE
from tests.harness.frames import frame
from tests.reference import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, RSV2, RSV3, TEXT, Compressor

_TAIL = b"\x00\x00\xff\xff"
"""What a compressor ends a piece with; it is left off at the end of a message (RFC 7692 section 7.2.1)."""

_UNIT = 8


class Script:
    """Bytes that are read from the beginning; behind the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def has_more(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        return self.take(1)[0] if self.has_more else 0

    def take(self, size: int) -> bytes:
        """Take that many bytes, or fewer if that is all there is."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken


class Kind(IntEnum):
    """What a peer writes next."""

    RAW = 0
    """Bytes as they are. What follows: their number, the bytes."""
    FRAME = 1
    """A masked frame. What follows: its first byte, the number of bytes, the bytes."""
    COMPRESSED = 2
    """The same; what is sent are these bytes compressed."""
    FINAL = 3
    """The same; the compressed bytes end their deflate stream."""
    LONG = 4
    """A frame of one byte again and again. What follows: its first byte, the number in units of eight, the byte."""
    LONG_COMPRESSED = 5
    LONG_FINAL = 6


WRITES = len(Kind)


class Peer:
    """Writes what a script says; ``agreed`` is what was agreed for permessage-deflate."""

    greeting = b""
    """What it writes first, whatever the script says."""

    def __init__(self, agreed: DeflateParameters | None) -> None:
        self._agreed = agreed
        self._compressor: Compressor | None = None

    def write(self, kind: int, script: Script) -> bytes:
        """Return the bytes for the next thing, whose kind has been read."""
        if kind == Kind.RAW:
            return script.take(script.byte())
        kind, first = self._choose(Kind(kind), script.byte())
        size = script.byte()
        payload = script.take(size) if kind < Kind.LONG else bytes((script.byte(),)) * (size * _UNIT)
        if kind in (Kind.COMPRESSED, Kind.LONG_COMPRESSED):
            payload = self._compressing().compress(payload) + (b"" if first & FIN else _TAIL)
        elif kind in (Kind.FINAL, Kind.LONG_FINAL):
            payload = self._compressing().compress_final(payload, padded=len(payload) % 2 == 0)
        return frame(first & OPCODE, payload, fin=bool(first & FIN), rsv=first >> 4 & 7)

    def _choose(self, kind: Kind, first: int) -> tuple[Kind, int]:
        """Return the kind and the first byte of the frame that is to be written."""
        return kind, first

    def _compressing(self) -> Compressor:
        """Return the compressor, made on first use: it takes as long as a short input."""
        if self._compressor is None:
            self._compressor = Compressor(self._agreed or DeflateParameters())
        return self._compressor


class Conforming(Peer):
    """Writes the frame nearest to what the script says that RFC 6455 allows, and first an empty message.

    So an input goes on where another would have ended with the first violation. A first byte with both RSV2 and RSV3
    is a frame as it comes, without those two.
    """

    greeting = frame(BINARY)

    def __init__(self, agreed: DeflateParameters | None) -> None:
        super().__init__(agreed)
        self._is_message_open = False
        self._is_compressed = False

    def _choose(self, kind: Kind, first: int) -> tuple[Kind, int]:
        if first & RSV2 and first & RSV3:
            return kind, first & ~(RSV2 | RSV3)
        opcode = _OPCODES[first & OPCODE]
        if opcode & CONTROL:
            return Kind.FRAME, FIN | opcode
        if self._is_message_open:
            opcode = CONTINUATION
        else:
            self._is_compressed = self._agreed is not None and kind not in (Kind.FRAME, Kind.LONG)
            opcode |= RSV1 * self._is_compressed
        self._is_message_open = not first & FIN
        return _compressed(kind) if self._is_compressed else _plain(kind), first & FIN | opcode


_OPCODES = [BINARY, TEXT, BINARY, TEXT, BINARY, BINARY, PING, PONG, CLOSE, PING, PONG, *[TEXT, BINARY] * 2, PING]
"""The opcode for every number that can stand in its place; those of RFC 6455 stand for themselves."""


def _plain(kind: Kind) -> Kind:
    return Kind.FRAME if kind < Kind.LONG else Kind.LONG


def _compressed(kind: Kind) -> Kind:
    return Kind(kind + 1) if kind in (Kind.FRAME, Kind.LONG) else kind


def raw(data: bytes) -> bytes:
    """Return the input for bytes as they are."""
    return bytes((Kind.RAW, len(data))) + data


def written(kind: Kind, first: int, payload: bytes) -> bytes:
    """Return the input for a frame whose bytes are given."""
    return bytes((kind, first, len(payload))) + payload


def repeated(kind: Kind, first: int, byte: int, units: int) -> bytes:
    """Return the input for a frame of one byte again and again."""
    return bytes((kind, first, units, byte))
