"""A client that sends what it is told to and shows what it gets: raw HTTP, raw frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import h11

from .frames import BINARY, CLOSE, TEXT, Frame, close_frame, frame, parse_frame
from .wire import Wire

Headers = Sequence[tuple[bytes, bytes]]

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What the server answers to ``KEY`` (RFC 6455 section 1.3)."""

UPGRADE: Headers = (
    (b"Host", b"localhost"),
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Key", KEY),
    (b"Sec-WebSocket-Version", b"13"),
)


def upgrade_request(
    target: bytes = b"/",
    headers: Headers = (),
    *,
    omit: Collection[bytes] = (),
    method: bytes = b"GET",
    version: bytes = b"1.1",
) -> bytes:
    """Build an upgrade request: the usual headers without those in ``omit`` (lower case), then ``headers``."""
    usual = [header for header in UPGRADE if header[0].lower() not in omit]
    lines = [name + b": " + value for name, value in (*usual, *headers)]
    return b"\r\n".join([method + b" " + target + b" HTTP/" + version, *lines, b"", b""])


@dataclass
class Response:
    """An HTTP response. ``complete`` says whether its body came to its proper end."""

    status: int
    reason: bytes
    headers: list[tuple[bytes, bytes]]
    """In the order received, the names in lower case."""
    body: bytes = b""
    parts: list[bytes] = field(default_factory=list)
    """The body as its pieces arrived."""
    complete: bool = False

    def all(self, name: bytes) -> list[bytes]:
        """The values of every header of this name (lower case)."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: bytes) -> bytes:
        """The value of the only header of this name (lower case)."""
        (value,) = self.all(name)
        return value


class Client:
    """A connection to the server under test. Every wait is bounded by ``DEADLINE``.

    ``raw`` is everything that arrived, as it came.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.raw = b""
        self._buffer = b""
        self._http = h11.Connection(h11.CLIENT)

    # The handshake

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.wire.send(data)

    async def request(
        self,
        target: bytes = b"/",
        headers: Headers = (),
        *,
        omit: Collection[bytes] = (),
        method: bytes = b"GET",
        version: bytes = b"1.1",
        then: bytes = b"",
    ) -> None:
        """Send an upgrade request (see ``upgrade_request``) and in the same segment the bytes of ``then``."""
        await self.send(upgrade_request(target, headers, omit=omit, method=method, version=version) + then)

    async def head(self) -> Response:
        """Read a response up to the end of its headers. What follows a 101 is left to ``frame``."""
        if self._http.our_state is h11.IDLE:  # h11 wants to know what is being answered.
            self._http.send(h11.Request(method="GET", target="/", headers=list(UPGRADE)))
            self._http.send(h11.EndOfMessage())
        event = await self._event()
        assert isinstance(event, (h11.InformationalResponse, h11.Response)), f"no response but {event!r}"
        response = Response(event.status_code, event.reason, list(event.headers))
        if response.status == 101:
            assert await self._event() is h11.PAUSED
            self._buffer, _ = self._http.trailing_data
            response.complete = True
        return response

    async def part(self, response: Response) -> bytes:
        """Read a piece of the body as it arrives; ``b""`` at its end, complete or cut."""
        try:
            event = await self._event()
        except (h11.RemoteProtocolError, ConnectionResetError):  # The stream ended within the body.
            return b""
        if not isinstance(event, h11.Data):
            response.complete = isinstance(event, h11.EndOfMessage)
            return b""
        response.parts.append(bytes(event.data))
        response.body += event.data
        return bytes(event.data)

    async def response(self) -> Response:
        """Read a whole response."""
        response = await self.head()
        while not response.complete and await self.part(response):
            pass
        return response

    async def open(self, target: bytes = b"/", headers: Headers = (), *, then: bytes = b"") -> Response:
        """Do the handshake, which must succeed."""
        await self.request(target, headers, then=then)
        response = await self.head()
        assert response.status == 101, response
        return response

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._read())
        return event

    # Frames

    async def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> None:
        """Send a masked frame."""
        await self.send(frame(opcode, payload, fin=fin, rsv=rsv))

    async def send_text(self, text: str) -> None:
        """Send a text message of one frame."""
        await self.send_frame(TEXT, text.encode())

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message of one frame."""
        await self.send_frame(BINARY, data)

    async def send_close(self, code: int | None = None, reason: str = "") -> None:
        """Send a Close."""
        await self.send(close_frame(code, reason))

    async def frame(self) -> Frame:
        """Read a frame."""
        while (parsed := parse_frame(self._buffer)) is None:
            data = await self._read()
            assert data, f"the stream ended where a frame was awaited; left: {self._buffer[:80]!r}"
            self._buffer += data
        self._buffer = self._buffer[parsed[1] :]
        return parsed[0]

    async def expect_text(self, text: str) -> None:
        """Read a text message of one frame."""
        assert await self.frame() == Frame(TEXT, text.encode())

    async def expect_bytes(self, data: bytes) -> None:
        """Read a binary message of one frame."""
        assert await self.frame() == Frame(BINARY, data)

    async def expect_close(self, code: int | None = None, reason: str = "") -> None:
        """Read a Close with just this code (``None``: an empty one) and reason."""
        payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        assert await self.frame() == Frame(CLOSE, payload)

    # The end

    async def expect_eof(self) -> None:
        """Wait for the end of the stream; nothing may come before it."""
        assert not self._buffer, self._buffer[:80]
        assert (data := await self._read()) == b"", data[:80]

    async def expect_reset(self) -> None:
        """Wait for a reset of the connection, past anything that comes before it."""
        try:
            while await self._read():
                pass
        except ConnectionResetError:
            return
        raise AssertionError("the stream ended without a reset")

    async def rest(self) -> bytes:
        """Read to the end of the stream, be it FIN or RST; returns what came."""
        data, self._buffer = self._buffer, b""
        try:
            while more := await self._read():
                data += more
        except ConnectionResetError:
            pass
        return data

    def pending(self) -> bytes:
        """What the server has sent and nobody has read, without waiting. It stays readable."""
        data = self.wire.pending()
        self.raw += data
        self._buffer += data
        return self._buffer

    async def _read(self) -> bytes:
        data = await self.wire.receive()
        self.raw += data
        return data

    def half_close(self) -> None:
        """Send FIN; reading goes on."""
        self.wire.half_close()

    def close(self) -> None:
        """Close the socket. Doing so twice does nothing."""
        self.wire.close()

    def reset(self) -> None:
        """Close the socket with RST."""
        self.wire.reset()
