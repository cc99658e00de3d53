"""permessage-deflate (RFC 7692): the agreed parameters, inflating within a bound, deflating."""

from __future__ import annotations

import sys
import zlib
from functools import cache
from typing import NamedTuple, Protocol


class DeflateParameters(NamedTuple):
    """What both sides agreed on in the handshake (RFC 7692 section 7.1). Window sizes are in bits, 8 to 15."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = 15
    client_max_window_bits: int = 15


_MIN_WINDOW_BITS = 9
"""zlib's smallest window; a raw stream made with 8 bits can be inflated with 9."""

_TAIL = b"\x00\x00\xff\xff"
"""The end of an empty stored block: taken off by the sender, put back by the receiver (sections 7.2.1 and 7.2.2)."""

_EMPTY_MESSAGE = b"\x00"
"""An empty message (section 7.2.3.6): zlib's second flush in a row gives nothing at all."""

_STEP = 4096
"""Bytes inflated in one go. At a stream's end zlib copies what follows: a run of tiny streams would be quadratic."""


class InflateError(Exception):
    """What the peer sent cannot be inflated; where it is not the limit, it is not deflate data."""


class InflateLimit(InflateError):
    """A message would inflate to more than the limit."""


class Inflater:
    """Inflates what the client has compressed, message after message and piece by piece (section 7.2.2).

    ``max_size`` is the limit in bytes for one message, ``None`` for none. Inflating stops one byte above it, so what is
    allocated is bounded however well the data is compressed. After an exception the object is of no further use.
    """

    __slots__ = ("_bits", "_keeps_context", "_stream", "_tail", "_too_much", "max_size", "size")

    def __init__(self, parameters: DeflateParameters, max_size: int | None) -> None:
        self._bits = max(parameters.client_max_window_bits, _MIN_WINDOW_BITS)
        self._keeps_context = not parameters.client_no_context_takeover
        self.max_size = max_size
        self._too_much = sys.maxsize if max_size is None else min(max_size + 1, sys.maxsize)
        self._stream: zlib._Decompress | None = None
        self._tail = b""
        self.size = 0
        """How many bytes the unfinished message has come to."""

    def inflate(self, data: bytes) -> bytes:
        """Inflate the next piece of a message.

        Raises ``InflateError``, or ``InflateLimit``.
        """
        if len(data) <= _STEP:
            return self._step(data)
        view = memoryview(data)
        return b"".join([self._step(view[at : at + _STEP]) for at in range(0, len(data), _STEP)])

    def finish(self) -> bytes:
        """End a message and return what its end still yields, most often nothing.

        Raises ``InflateError``, or ``InflateLimit``.
        """
        rest = self._step(self._tail)
        self._tail = b""
        self.size = 0
        if not self._keeps_context:
            self._stream = None
        return rest

    def message(self, data: bytes) -> bytes:
        """Inflate a whole message.

        Raises ``InflateError``, or ``InflateLimit``.
        """
        return self.inflate(data) + self.finish()

    def _step(self, piece: bytes | memoryview) -> bytes:
        """Have zlib inflate a piece, at most to one byte above the limit.

        A block that ends its stream is followed by a new one (section 7.2.3.4). Like the browsers' inflaters the new
        stream starts with an empty window, within a message as between messages.
        """
        pieces = []
        while piece:
            stream = self._stream
            if stream is None:
                stream = self._stream = zlib.decompressobj(-self._bits)
            room = self._too_much - self.size
            try:
                inflated = stream.decompress(piece, room)
            except zlib.error:
                raise InflateError from None
            pieces.append(inflated)
            self.size += len(inflated)
            if len(inflated) == room:
                raise InflateLimit
            piece = stream.unused_data
            # The tail completes a block. Where none has begun, be it that the stream has just ended or that the
            # message has no data at all, it would leave half a block header before the next message.
            self._tail = _TAIL
            if stream.eof:
                self._stream = None
                self._tail = b""
        return b"".join(pieces)


class Kind(NamedTuple):
    """What decides on the bytes that a message without context becomes, by zlib's names for it."""

    level: int
    wbits: int
    mem_level: int

    def new_stream(self) -> zlib._Compress:
        """Make a compressor."""
        return zlib.compressobj(self.level, zlib.DEFLATED, self.wbits, self.mem_level)


@cache
def _unused(kind: Kind) -> zlib._Compress:
    """Return a compressor to make copies of, which takes half of what it takes to make one."""
    return kind.new_stream()


class Watch(Protocol):
    """Who lets compressors rest that are idle."""

    def watch(self, deflater: Deflater) -> None:
        """It has a compressor now, or will have one for the next message."""

    def forget(self, deflater: Deflater) -> None:
        """Its connection is gone."""


class Deflater:
    """Compresses what the server sends, one whole message at a time (section 7.2.1).

    A compressor is kept, so that messages refer to earlier ones, for who sends again before it would be let go of. A
    message that comes alone has nothing to refer to.

    ``level`` and ``mem_level`` are zlib's. ``ValueError`` for a server window below 9 bits, which zlib cannot make.
    """

    __slots__ = ("_kind", "_messages", "_rested_at", "_seen", "_stream", "idle", "kind")

    def __init__(self, parameters: DeflateParameters, *, level: int, mem_level: int) -> None:
        if parameters.server_max_window_bits < _MIN_WINDOW_BITS:
            raise ValueError(f"server_max_window_bits {parameters.server_max_window_bits} is less than zlib can do")
        self._kind = Kind(level, -parameters.server_max_window_bits, mem_level)
        self._stream: zlib._Compress | None = None
        # How many messages there have been: until now, when it was last to rest, and when it last did.
        self._messages = 0
        self._seen = 0
        self._rested_at = 0
        self.kind = self._kind if parameters.server_no_context_takeover else None
        """Deflaters of the same kind give the same bytes for a message; ``None`` where earlier messages count too."""
        self.idle: Watch | None = None
        """Told when a compressor is kept from now on, or from the next message on."""

    def deflate(self, payload: bytes) -> bytes:
        """Return the payload of the compressed message, without the tail that the receiver puts back."""
        if not payload:
            return _EMPTY_MESSAGE
        stream = self._stream or self._begin()
        self._messages += 1
        compressed = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        return compressed[: -len(_TAIL)]

    def _begin(self) -> zlib._Compress:
        """Begin with an empty window, which a sender always may."""
        stream = _unused(self._kind).copy()
        # The first message, or the first for a while, may stay the only one: it keeps no compressor.
        if self.kind is None and self._messages != self._rested_at:
            self._stream = stream
        elif self.kind is None and self.idle is not None:
            self.idle.watch(self)
        return stream

    def rest(self) -> bool:
        """Let go of the compressor if there was no message since this was last called; return whether it is gone."""
        if self._messages != self._seen:
            self._seen = self._messages
            return False
        self._stream = None
        self._rested_at = self._messages
        return True
