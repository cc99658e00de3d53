"""What is to be written: frames are made here, in the order of the calls, and gathered until they are written.

A message that goes to many, as in a broadcast, is one object that is put again and again, and is framed once.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from ._close import close_payload
from ._deflate import Deflater, Kind, Watch
from ._frames import (
    CLOSE,
    PING,
    PONG,
    RSV1,
    SHORT,
    SHORT_HEADER_SIZE,
    SHORT_HEADERS,
    WHOLE_BINARY,
    WHOLE_TEXT,
    control_frame,
    frame_header,
)
from ._messages import Data, not_utf8

LARGE: Final = 16 * 1024
"""Bytes from which a payload stands beside its header instead of being copied behind it."""


class _Shared(NamedTuple):
    """A message that is put again; for each kind of outbox that has put it, its frame in pieces, and their size."""

    data: Data | None
    frames: dict[tuple[Kind | None, int] | None, tuple[list[bytes], int]]


_NOTHING: Final = _Shared(None, {})


class _Last:
    """What was put last, by whichever outbox. A large message stays here for no longer than a turn of the event loop.

    The event loops of several threads share it: an attribute is read once and replaced as a whole, and ``shared`` may
    belong to another message than ``data``.
    """

    __slots__ = ("data", "shared")

    def __init__(self) -> None:
        self.flush()

    def flush(self) -> None:
        """Forget it; that is what is called at the end of a turn."""
        self.data: Data | None = None
        self.shared = _NOTHING


_last: Final = _Last()


class EndOfTurn(Protocol):
    """Who knows when a turn of the event loop is over."""

    def at_end(self, gathering: _Last) -> None:
        """Call ``gathering.flush()`` then."""


class Outbox:
    """Bytes for the transport. ``size`` is how many wait, ``messages`` how many messages there have been.

    ``idle`` lets the compressor rest. Without ``turn`` a large message is never taken for the one before it.
    """

    __slots__ = ("_chunks", "_deflater", "_idle", "_kind", "_threshold", "_turn", "messages", "size")

    def __init__(self, threshold: int, turn: EndOfTurn | None = None, idle: Watch | None = None) -> None:
        self._turn = turn
        self._idle = idle
        self._chunks: list[bytes] = []
        self._deflater: Deflater | None = None
        # Outboxes of the same kind make the same frame of a message, but for one that is compressed in a context.
        self._kind: tuple[Kind | None, int] | None = None
        self._threshold = threshold
        self.messages = 0
        self.size = 0

    def compress_with(self, deflater: Deflater) -> None:
        """Compress messages from now on where they have ``threshold`` bytes or more."""
        self._deflater = deflater
        self._kind = deflater.kind, self._threshold
        deflater.idle = self._idle

    def put_message(self, data: Data) -> None:
        """Add a message as one frame; raise ``ValueError`` for a text that UTF-8 cannot express."""
        if data is _last.data:
            shared = _last.shared
            frame = shared.frames.get(self._kind) if shared.data is data else None
            if frame is None:
                self._put_again(data)
                return
            chunks, size = frame
            self._chunks += chunks
            self.size += size
            self.messages += 1
            return
        if isinstance(data, str):
            first = WHOLE_TEXT
            try:
                payload = data.encode()
            except UnicodeEncodeError as exc:
                raise not_utf8(exc) from None
        else:
            first, payload = WHOLE_BINARY, data
        _last.data = data
        self.messages += 1
        size = len(payload)
        if size >= LARGE:
            self._remember_no_longer()
        deflater = self._deflater
        if deflater is not None and size >= self._threshold:
            first |= RSV1
            payload = deflater.deflate(payload)
            size = len(payload)
        if size < SHORT:
            self._chunks.append(SHORT_HEADERS[first][size] + payload)
            self.size += SHORT_HEADER_SIZE + size
            return
        header = frame_header(first, size)
        if size < LARGE:
            self._chunks.append(header + payload)
        else:
            self._chunks += (header, payload)
        self.size += len(header) + size

    def _remember_no_longer(self) -> None:
        """Forget the last message at the end of this turn."""
        if self._turn is None:
            _last.flush()
        else:
            self._turn.at_end(_last)

    def _put_again(self, data: Data) -> None:
        """Add the message that was put last, and keep its frame for others of this kind."""
        shared = _last.shared
        if shared.data is not data:
            shared = _last.shared = _Shared(data, {})
        at, before = len(self._chunks), self.size
        # As if it were a new one.
        _last.data = None
        self.put_message(data)
        in_context = self._kind is not None and self._kind[0] is None
        if not (in_context and self._chunks[at][0] & RSV1):
            shared.frames[self._kind] = self._chunks[at:], self.size - before

    def put_ping(self, payload: bytes) -> None:
        """Add a Ping (RFC 6455 section 5.5.2)."""
        self.put_raw(control_frame(PING, payload))

    def put_pong(self, payload: bytes) -> None:
        """Add a Pong with the payload of its Ping (section 5.5.3)."""
        self.put_raw(control_frame(PONG, payload))

    def put_close(self, code: int | None, reason: str = "") -> None:
        """Add a Close (section 5.5.1)."""
        self.put_raw(control_frame(CLOSE, close_payload(code, reason)))

    def put_raw(self, data: bytes) -> None:
        """Add bytes as they are; an empty piece is none."""
        if not data:
            return
        self._chunks.append(data)
        self.size += len(data)

    def close(self) -> None:
        """Drop what waits, and the compressor: the connection is gone."""
        self.take()
        if self._deflater is not None and self._idle is not None:
            self._idle.forget(self._deflater)
        self._deflater = self._kind = None

    def take(self) -> list[bytes]:
        """Return all that waits: small pieces joined, large ones as they are."""
        chunks, self._chunks = self._chunks, []
        size, self.size = self.size, 0
        if len(chunks) < 2:
            return chunks
        if size < LARGE:
            return [b"".join(chunks)]
        return _joined(chunks)


def _joined(chunks: list[bytes]) -> list[bytes]:
    """Join what stands between large pieces."""
    result: list[bytes] = []
    small: list[bytes] = []
    for chunk in chunks:
        if len(chunk) < LARGE:
            small.append(chunk)
            continue
        if small:
            result.append(b"".join(small))
            small = []
        result.append(chunk)
    if small:
        result.append(b"".join(small))
    return result
