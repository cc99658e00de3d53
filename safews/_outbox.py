"""What is to be written: frames are made here, in the order of the calls, and gathered until they are written."""

from __future__ import annotations

from ._close import close_payload
from ._deflate import Deflater
from ._frames import BINARY, CLOSE, FIN, PING, PONG, RSV1, SHORT, SHORT_HEADERS, TEXT, control_frame, frame_header
from ._messages import Data, not_utf8

LARGE = 16 * 1024
"""Bytes from which a payload stands beside its header instead of being copied behind it."""


class Outbox:
    """Bytes for the transport. ``size`` is how many wait, ``messages`` how many messages there have been."""

    __slots__ = ("_chunks", "_deflater", "_threshold", "messages", "size")

    def __init__(self, threshold: int) -> None:
        self._chunks: list[bytes] = []
        self._deflater: Deflater | None = None
        self._threshold = threshold
        self.messages = 0
        self.size = 0

    def compress_with(self, deflater: Deflater) -> None:
        """Compress messages from now on where they have ``threshold`` bytes or more."""
        self._deflater = deflater

    def put_message(self, data: Data) -> None:
        """Add a message as one frame; raise ``ValueError`` for a text that UTF-8 cannot express."""
        if isinstance(data, str):
            first = FIN | TEXT
            try:
                payload = data.encode()
            except UnicodeEncodeError as exc:
                raise not_utf8(exc) from None
        else:
            first, payload = FIN | BINARY, data
        deflater = self._deflater
        if deflater is not None and len(payload) >= self._threshold:
            first |= RSV1
            payload = deflater.deflate(payload)
        size = len(payload)
        header = SHORT_HEADERS[first][size] if size < SHORT else frame_header(first, size)
        if size < LARGE:
            self._chunks.append(header + payload)
        else:
            self._chunks += (header, payload)
        self.size += len(header) + size
        self.messages += 1

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
