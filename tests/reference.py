"""The client's side of the wire, and a decoder as plain as can be to measure the framing by.

Both are written from RFC 6455 and RFC 7692 with no thought of speed, and use nothing of safews but its vocabulary.
"""

from __future__ import annotations

import codecs
import itertools
import operator
import zlib

from safews._close import Close
from safews._deflate import DeflateParameters
from safews._events import Event, Ping, Pong, Violation

KEY = b"\x37\xfa\x21\x3d"
"""The masking key of the examples in RFC 6455 section 5.7."""

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


def xor(data: bytes, key: bytes) -> bytes:
    """Mask or unmask, byte by byte (section 5.3)."""
    return bytes(map(operator.xor, data, itertools.cycle(key)))


def header(first: int, length: int) -> bytes:
    """Build the header of a masked frame, without the key."""
    if length <= 125:
        return bytes((first, 0x80 | length))
    if length <= 0xFFFF:
        return bytes((first, 0x80 | 126)) + length.to_bytes(2, "big")
    return bytes((first, 0x80 | 127)) + length.to_bytes(8, "big")


def frame(first: int, payload: bytes = b"", key: bytes = KEY) -> bytes:
    """Build a masked frame."""
    return header(first, len(payload)) + key + xor(payload, key)


def fragments(first: int, payload: bytes, sizes: list[int]) -> list[bytes]:
    """Build the frames of a message whose fragments but the last have these sizes."""
    frames = []
    for size in sizes:
        frames.append(frame(first & ~FIN, payload[:size]))
        payload = payload[size:]
        first = CONTINUATION | first & FIN
    return [*frames, frame(first, payload)]


def text(message: str) -> bytes:
    """Build a text message in one frame."""
    return frame(FIN | TEXT, message.encode())


def binary(message: bytes) -> bytes:
    """Build a binary message in one frame."""
    return frame(FIN | BINARY, message)


def close(code: int, reason: str = "") -> bytes:
    """Build a Close frame."""
    return frame(FIN | CLOSE, code.to_bytes(2, "big") + reason.encode())


class Compressor:
    """A client's compressor (RFC 7692 section 7.2.1)."""

    def __init__(self, parameters: DeflateParameters) -> None:
        self._bits = max(9, parameters.client_max_window_bits)
        self._keeps_context = not parameters.client_no_context_takeover
        self._stream = self._new_stream()

    def _new_stream(self) -> zlib._Compress:
        return zlib.compressobj(6, zlib.DEFLATED, -self._bits)

    def compress(self, payload: bytes) -> bytes:
        """Compress a message in the usual way."""
        if not payload:
            return b"\x00"
        compressed = self._stream.compress(payload) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        if not self._keeps_context:
            self._stream = self._new_stream()
        return compressed[:-4]

    def compress_final(self, payload: bytes, *, padded: bool) -> bytes:
        """Compress a message so that it ends its deflate stream (section 7.2.3.4)."""
        compressed = self._stream.compress(payload) + self._stream.flush(zlib.Z_FINISH)
        self._stream = self._new_stream()
        return compressed + b"\x00" * padded


class Rejected(Exception):
    """The stream breaks the protocol or the limit."""

    def __init__(self, code: int) -> None:
        self.code = code


def require(condition: bool, code: int = 1002) -> None:
    """Raise ``Rejected`` unless the condition holds."""
    if not condition:
        raise Rejected(code)


class Reference:
    """Reads a whole stream; of a data frame that it ends in, it reads what there is."""

    def __init__(self, deflate: DeflateParameters | None, max_size: int | None) -> None:
        self.deflate = deflate
        self.max_size = max_size
        self.opcode: int | None = None
        self.compressed = False
        self.payload = b""
        self.context: zlib._Decompress | None = None
        self.stream: zlib._Decompress | None = None
        self.begun = False

    def decode(self, stream: bytes) -> list[Event]:
        """Return the events of a stream; the detail of a ``Violation`` is empty."""
        events: list[Event] = []
        try:
            while stream:
                event, stream = self.read_frame(stream)
                if event is not None:
                    events.append(event)
                if isinstance(event, Close):
                    break
        except Rejected as rejected:
            events.append(Violation(rejected.code, ""))
        return events

    def read_frame(self, stream: bytes) -> tuple[Event | None, bytes]:
        """Read a frame; return its event and what follows it, which is nothing where the frame is not all there."""
        if len(stream) < 2:
            return None, b""
        first, second = stream[0], stream[1]
        extended = {126: 2, 127: 8}.get(second & 0x7F, 0)
        start = 2 + extended + (4 if second & 0x80 else 0)
        if len(stream) < start:
            return None, b""
        length = int.from_bytes(stream[2 : 2 + extended], "big") if extended else second & 0x7F
        self.check_header(first, second, extended, length)
        payload = xor(stream[start : start + length], stream[start - 4 : start])
        rest = stream[start + length :]
        whole = len(payload) == length
        if first & 0x08:
            return (self.control(first & 0x0F, payload), rest) if whole else (None, b"")
        return self.data(first, length, payload, whole), rest

    def check_header(self, first: int, second: int, extended: int, length: int) -> None:
        """Section 5.2; section 5.5 for control frames; RFC 7692 section 6 for RSV1."""
        opcode = first & 0x0F
        require(bool(second & 0x80))
        require(not first & (RSV2 | RSV3))
        require(opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
        if opcode & 0x08:
            require(bool(first & FIN) and not first & RSV1 and second & 0x7F <= 125)
            return
        require((opcode == CONTINUATION) == (self.opcode is not None))
        require(not first & RSV1 or (opcode != CONTINUATION and self.deflate is not None))
        require({0: 0, 2: 126, 8: 65536}[extended] <= length < 2**63)

    def control(self, opcode: int, payload: bytes) -> Event:
        """Sections 5.5.1 to 5.5.3."""
        if opcode == PING:
            return Ping(payload)
        if opcode == PONG:
            return Pong(payload)
        if not payload:
            return Close(None, "")
        require(len(payload) >= 2)
        code = int.from_bytes(payload[:2], "big")
        require(code in (1000, 1001, 1002, 1003, *range(1007, 1015)) or 3000 <= code <= 4999)
        return Close(code, decode_text(payload[2:], final=True))

    def data(self, first: int, length: int, payload: bytes, whole: bool) -> Event | None:
        """Sections 5.4 and 5.6, and the limit."""
        if self.opcode is None:
            self.opcode = first & 0x0F
            self.compressed = bool(first & RSV1)
            self.payload = b""
        if self.max_size is not None:
            slack = self.max_size // 16 + 1024 if self.compressed else 0
            require(len(self.payload) + length <= self.max_size + slack, 1009)
        self.payload += payload
        final = whole and bool(first & FIN)
        content = self.inflate(final) if self.compressed else self.payload
        message: str | bytes = decode_text(content, final) if self.opcode == TEXT else content
        if not final:
            return None
        self.opcode = None
        return message

    def inflate(self, final: bool) -> bytes:
        """RFC 7692 section 7.2.2, byte by byte, from the beginning of the message."""
        assert self.deflate is not None
        self.stream = self.context.copy() if self.context else None
        self.begun = False
        inflated = self.inflate_bytes(self.payload, b"")
        if final:
            if self.begun:
                inflated = self.inflate_bytes(b"\x00\x00\xff\xff", inflated)
            self.context = None if self.deflate.client_no_context_takeover else self.stream
        return inflated

    def inflate_bytes(self, data: bytes, inflated: bytes) -> bytes:
        """Add what these bytes stand for; where a deflate stream ends, the next byte begins another."""
        for byte in data:
            self.stream, self.begun = self.stream or self.new_stream(), True
            inflated += self.inflate_some(self.stream, bytes((byte,)))
            if self.stream.eof:
                self.stream, self.begun = None, False
            require(self.max_size is None or len(inflated) <= self.max_size, 1009)
        return inflated

    def new_stream(self) -> zlib._Decompress:
        """Begin a deflate stream with an empty window."""
        assert self.deflate is not None
        return zlib.decompressobj(-max(9, self.deflate.client_max_window_bits))

    def inflate_some(self, stream: zlib._Decompress, data: bytes) -> bytes:
        """Inflate what no longer fits into one message, at most."""
        try:
            return stream.decompress(data)
        except zlib.error:
            raise Rejected(1002) from None


def decode_text(data: bytes, final: bool) -> str:
    """Section 8.1: decode, as far as the text goes."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data, final)
    except UnicodeDecodeError:
        raise Rejected(1007) from None
