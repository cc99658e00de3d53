"""What the tests of closing share: an accepted connection, one in any other state, floods and ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.harness import CONTINUATION, App, Call, Client, Headers, Message, Server, Start, eventually, turns

TCP_AND_TLS = pytest.mark.parametrize("tls", [False, True], ids=["TCP", "TLS"])

MEBIBYTE = 1024 * 1024


async def accept(app: App, client: Client, index: int = 0, headers: Headers = ()) -> Call:
    """Do the handshake by turns of the client and the application."""
    await client.request(headers=headers)
    call = await app.call(index)
    await call.accept()
    assert (await client.head()).status == 101
    return call


@asynccontextmanager
async def accepted(
    start: Start, *, headers: Headers = (), client_buffer: int | None = None, **config: Any
) -> AsyncIterator[tuple[Server, Client, Call]]:
    """Serve, connect and accept. ``client_buffer`` is the client's ``SO_RCVBUF`` in bytes."""
    app = App()
    async with start(app, **config) as server, server.connect(receive_buffer=client_buffer) as client:
        yield server, client, await accept(app, client, headers=headers)


def send_now(client: Client, data: bytes) -> None:
    """Send a few bytes without giving the event loop a turn: the server finds them together with what follows."""
    wire = client.wire
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # A reset takes back what is not on its way yet.
    data = wire.sealed(data)
    assert wire.socket.send(data) == len(data)


def begin_receive(call: Call) -> asyncio.Future[Message]:
    """Call the application's ``receive`` and go on."""
    return asyncio.ensure_future(call.receive())


async def until_disconnect(call: Call) -> Message:
    """Receive up to the disconnect, and return it."""
    while (message := await call.receive())["type"] != "websocket.disconnect":
        pass
    return message


async def until_gone(client: Client) -> bytes:
    """Read to the end of the connection, however it ends; returns what came."""
    data = b""
    try:
        while more := await client.wire.receive():
            data += more
    except OSError:  # A reset; over TLS also an end without the close alert.
        pass
    return data


async def wait_for_end(call: Call) -> None:
    """A script: accept, and return on the disconnect."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    while (await call.receive_event())["type"] != "websocket.disconnect":
        pass


async def until_queued(server: Server) -> None:
    """Wait until the only connection holds a message that the application has not received."""
    await eventually(lambda: len(server.protocol._connection.inbox))


async def flood(client: Client, data: bytes, times: int | None = None) -> int:
    """Send ``data`` so many times (``None``: without end), or until the server has had enough; returns how often."""
    sent = 0
    try:
        while times is None or sent < times:
            await client.send(data)
            sent += 1
    except OSError:
        pass
    return sent


async def fill(call: Call, size: int = MEBIBYTE) -> tuple[int, asyncio.Future[None]]:
    """Send binary messages to a peer that reads nothing until ``send`` waits.

    Returns how many were sent, and the ``send`` that waits.
    """
    sent = 0
    while True:
        sending = asyncio.ensure_future(call.send_event({"type": "websocket.send", "bytes": b"\xa5" * size}))
        done, _ = await asyncio.wait([sending], timeout=0.2)
        if not done:
            return sent, sending
        sent += 1


def look(client: Client) -> bytes:
    """Take in what has arrived, unless the client has closed its socket; returns all that ever came."""
    if client.wire.socket.fileno() != -1:
        client.pending()
    return client.raw


def close_records(server: Server) -> list[logging.LogRecord]:
    """The close records that were logged, of whatever level."""
    return [record for record in server.logs.records if hasattr(record, "websocket_close_code")]


LARGE = b"\xa5" * 8_000_000


class Scene:
    """One connection in some state, and the application's call that is behind it."""

    def __init__(self, server: Server, client: Client, call: Call) -> None:
        self.server, self.client, self.call = server, client, call
        self.late: list[asyncio.Future[Any]] = []
        """What the application waits for in vain."""

    async def open(self) -> None:
        await self.call.accept()
        await self.client.head()

    def begin(self, message: Message) -> None:
        self.late.append(asyncio.ensure_future(self.call.send_event(message)))

    async def end(self) -> None:
        """The application receives its disconnect and returns."""
        while True:
            try:
                if (await self.call.receive())["type"] == "websocket.disconnect":
                    break
            except OSError:  # It has had it before.
                break
        await self.call.finish()
        if self.late:
            await asyncio.wait(self.late, timeout=5)
        for late in self.late:
            assert late.done()
            late.exception()


async def connecting(scene: Scene) -> None:
    """The application has not answered."""


async def denying(scene: Scene) -> None:
    """A denial response has begun."""
    await scene.call.send("websocket.http.response.start", status=403)
    await scene.call.send("websocket.http.response.body", body=b"part", more_body=True)


async def idle(scene: Scene) -> None:
    """Nothing happens; the peer does not answer."""
    await scene.open()


async def reading_nothing(scene: Scene) -> None:
    """The peer takes no output, and a ``send`` waits."""
    await scene.open()
    await scene.call.send("websocket.send", bytes=LARGE)
    scene.begin({"type": "websocket.send", "text": "waits"})
    await turns()


async def ending(scene: Scene) -> None:
    """The peer's Close waits for the application."""
    await scene.open()
    await scene.client.send_text("first")
    await scene.call.receive()
    await scene.client.send_close(4000, "bye")
    await eventually(lambda: scene.server.protocol.close_code == 4000)


async def closing(scene: Scene) -> None:
    """Our Close is out, and the peer does not answer."""
    await scene.open()
    await scene.call.send("websocket.close", code=4001)
    await scene.client.expect_close(4001)


async def closing_behind_output(scene: Scene) -> None:
    """Our Close is behind output that the peer does not take."""
    await scene.open()
    await scene.call.send("websocket.send", bytes=LARGE)
    await scene.call.finish()


async def draining(scene: Scene) -> None:
    """Our Close says that the peer broke the protocol, and the peer stays."""
    await scene.open()
    await scene.client.send_frame(CONTINUATION)
    await scene.client.frame()


async def draining_behind_output(scene: Scene) -> None:
    """The peer has closed, and does not take what was sent before."""
    await scene.open()
    await scene.call.send("websocket.send", bytes=LARGE)
    await scene.client.send_close(4000)
    await eventually(lambda: scene.server.protocol.close_code == 4000)


async def refused(scene: Scene) -> None:
    """The application has refused, and the peer stays."""
    await scene.call.send("websocket.close")
    await scene.client.head()


Situation = Callable[[Scene], Awaitable[None]]

SITUATIONS: list[Situation] = [
    connecting,
    denying,
    idle,
    reading_nothing,
    ending,
    closing,
    closing_behind_output,
    draining,
    draining_behind_output,
    refused,
]
