"""What the tests of open connections share."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.harness import PING, PONG, App, Call, Client, Frame, Server, Start, frame, parse_frame, turns

LANES = pytest.mark.parametrize("fast_lane", [True, False], ids=["fast", "library"])
"""Frames are read by us where that is possible, or all by the library."""

DEFLATE = [(b"Sec-WebSocket-Extensions", b"permessage-deflate")]
NO_TAKEOVER = [(DEFLATE[0][0], b"permessage-deflate; client_no_context_takeover; server_no_context_takeover")]

RSV1 = 4

SOCKET_BUFFER = 16 * 1024

MARK = 64 * 1024
"""Where asyncio's and uvloop's transports call ``pause_writing``, in bytes."""


def text_event(text: str) -> dict[str, object]:
    """The only form that a received text may have."""
    return {"type": "websocket.receive", "text": text}


def bytes_event(data: bytes) -> dict[str, object]:
    """The only form that received bytes may have."""
    return {"type": "websocket.receive", "bytes": data}


@asynccontextmanager
async def narrow(start: Start, app: App, **settings: Any) -> AsyncIterator[tuple[Server, Client]]:
    """Serve and connect, with so little room in the kernel that a peer that does not read is felt soon."""
    async with (
        start(app, send_buffer=SOCKET_BUFFER, **settings) as server,
        server.connect(receive_buffer=SOCKET_BUFFER) as client,
    ):
        yield server, client


async def opened(
    app: App, client: Client, target: bytes = b"/", headers: Sequence[tuple[bytes, bytes]] = (), index: int = 0
) -> Call:
    """Do the handshake from both sides."""
    await client.request(target, headers)
    call = await app.call(index)
    await call.accept()
    response = await client.head()
    assert response.status == 101
    return call


def ending_line(server: Server, target: str = "/") -> str:
    """The only line about an ended connection besides ``[accepted]``, at info or above."""
    about = [record for record in server.logs.records if f'"WebSocket {target}"' in record.getMessage()]
    lines = [record.getMessage() for record in about if "[accepted]" not in record.getMessage()]
    (line,) = lines
    return line


async def pass_time(seconds: float) -> None:
    """Let time pass in which something must not happen."""
    await asyncio.sleep(seconds)


def unsent(protocol: Any) -> int:
    """The bytes of output that a connection holds: gathered, and in the transport."""
    held: int = protocol._connection.outbox.size + protocol.transport.get_write_buffer_size()
    return held


def unread(protocol: Any) -> int:
    """The bytes of input that a connection holds: in its inbox, and not yet parsed or finished."""
    connection = protocol._connection
    held: int = connection.inbox.size + connection.reader.framing.buffered
    return held


async def fill(call: Call, protocol: Any, size: int = 8192) -> tuple[int, asyncio.Task[None]]:
    """Send binary messages of ``size`` bytes, all ``b"f"``, until a send waits.

    Returns how many are on their way, and the task of the send that waits.
    """
    count = 0
    while True:
        sending = asyncio.ensure_future(call.send_event({"type": "websocket.send", "bytes": b"f" * size}))
        await turns(20)
        if not sending.done():
            return count, sending
        sending.result()
        count += 1


async def expect_filling(client: Client, count: int, size: int = 8192) -> None:
    """Read what ``fill`` has sent."""
    for _ in range(count):
        await client.expect_bytes(b"f" * size)


async def answer_ping(client: Client) -> None:
    """Read a frame, which must be a Ping, and answer it."""
    opcode, payload, *_ = await client.frame()
    assert opcode == PING
    await client.send_frame(PONG, payload)


@asynccontextmanager
async def answering_pings(client: Client) -> AsyncIterator[list[Frame]]:
    """Read in the background, and answer every Ping; gives the list of the other frames."""
    loop = asyncio.get_running_loop()
    others: list[Frame] = []

    async def read() -> None:
        data, client._buffer = client._buffer, b""
        while True:
            while (parsed := parse_frame(data)) is not None:
                received, size = parsed
                data = data[size:]
                if received.opcode == PING:
                    await loop.sock_sendall(client.wire.socket, frame(PONG, received.payload))
                else:
                    others.append(received)
            more = await loop.sock_recv(client.wire.socket, 65536)
            assert more, "the server has ended the connection"
            data += more

    async with background(read()):
        yield others


@asynccontextmanager
async def flooding(client: Client, data: bytes) -> AsyncIterator[None]:
    """Send ``data`` over and over in the background, and throw away what comes."""
    loop = asyncio.get_running_loop()

    async def write() -> None:
        while True:
            await loop.sock_sendall(client.wire.socket, data)

    async with background(write(), discard(client)):
        yield


async def discard(client: Client) -> None:
    """Read without end and throw away what comes."""
    while await asyncio.get_running_loop().sock_recv(client.wire.socket, 65536):
        pass
    raise AssertionError("the server has ended the connection")


@asynccontextmanager
async def background(*jobs: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run jobs without end while a test goes on; none may end by itself.

    They must not use ``within``: before Python 3.12 ``wait_for`` can swallow the cancellation that ends them.
    """
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results), results


class Flood:
    """Sends as much as the kernel takes, without waiting."""

    def __init__(self, client: Client, data: bytes) -> None:
        self._socket = client.wire.socket
        # What this side's kernel takes before it is held up is no matter of the server's.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        self._data = memoryview(data)
        self._refusals = 0
        self.sent = 0

    @property
    def rest(self) -> bytes:
        """What the kernel has not taken yet."""
        return bytes(self._data[self.sent :])

    def is_held_up(self) -> bool:
        """Send on; true once nothing could be sent for 50 turns of the event loop. All sent is an error."""
        assert self.sent < len(self._data), "nothing held the flood up"
        try:
            self.sent += self._socket.send(self._data[self.sent : self.sent + 65536])
            self._refusals = 0
        except BlockingIOError:
            self._refusals += 1
        return self._refusals >= 50


class Deflate:
    """The peer's side of permessage-deflate (RFC 7692), with or without context takeover in both directions."""

    def __init__(self, *, takeover: bool = True, level: int = 6) -> None:
        self._takeover = takeover
        self._level = level
        self._deflater = self._new_deflater()
        self._inflater = zlib.decompressobj(-15)

    def _new_deflater(self) -> Any:
        return zlib.compressobj(self._level, zlib.DEFLATED, -15)

    def deflate(self, data: bytes) -> bytes:
        """Return the payload of a compressed message."""
        if not self._takeover:
            self._deflater = self._new_deflater()
        payload: bytes = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        return payload[:-4]

    def deflate_final(self, data: bytes) -> bytes:
        """Return the payload of a message whose deflate stream ends with it (section 7.2.3.4)."""
        deflater = self._new_deflater()
        self._deflater = self._new_deflater()
        return deflater.compress(data) + deflater.flush(zlib.Z_FINISH)

    def inflate(self, payload: bytes) -> bytes:
        """Return what the server has compressed."""
        if not self._takeover:
            self._inflater = zlib.decompressobj(-15)
        return self._inflater.decompress(payload + b"\x00\x00\xff\xff")


def fragments(opcode: int, payload: bytes, count: int, *, rsv: int = 0, between: bytes = b"") -> bytes:
    """Cut a message into ``count`` frames, with the bytes of ``between`` from one to the next."""
    size = -(-len(payload) // count) or 1
    pieces = [payload[at * size : (at + 1) * size] for at in range(count)]
    return between.join(
        frame(opcode if at == 0 else 0, piece, fin=at == count - 1, rsv=rsv if at == 0 else 0)
        for at, piece in enumerate(pieces)
    )
