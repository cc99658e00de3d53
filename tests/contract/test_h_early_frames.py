"""Handshake, row H16: frames that arrive before the application has accepted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.harness import (
    BINARY,
    PING,
    PONG,
    TEXT,
    App,
    Call,
    Client,
    Frame,
    Start,
    close_frame,
    eventually,
    frame,
    turns,
    upgrade_request,
)

pytestmark = pytest.mark.every_http

HELLO = {"type": "websocket.receive", "text": "hello"}


def skip_where_surplus_is_lost(http: str) -> None:
    """Skip for zttp, which keeps nothing of what it has read behind the request."""
    if http == "zttp":
        pytest.skip("uvicorn's zttp protocol drops what came in the same segment as the request: documented")


async def open_early(app: App, client: Client, then: bytes) -> Call:
    """Send a request with ``then`` behind it in the same segment; accepts."""
    await client.request(then=then)
    call = await app.call()
    await call.accept()
    assert (await client.head()).status == 101
    return call


async def test_h16_frame_in_the_same_segment_is_kept(start: Start, http: str) -> None:
    skip_where_surplus_is_lost(http)
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await open_early(app, client, frame(TEXT, b"hello") + frame(BINARY, b"\0"))
        assert await call.receive() == HELLO
        assert await call.receive() == {"type": "websocket.receive", "bytes": b"\0"}
        await call.finish()


async def test_h16_part_of_a_frame_in_the_same_segment_is_kept(start: Start, http: str) -> None:
    skip_where_surplus_is_lost(http)
    app = App()
    data = frame(TEXT, b"hello")
    for cut in range(1, len(data)):
        app.calls.clear()
        async with start(app) as server, server.connect() as client:
            call = await open_early(app, client, data[:cut])
            await client.send(data[cut:])
            assert await call.receive() == HELLO
            await call.finish()


async def test_h16_nothing_but_http_goes_out_before_the_101(start: Start, http: str) -> None:
    skip_where_surplus_is_lost(http)
    app = App()
    async with start(app) as server, server.connect() as client:
        await client.request(then=frame(PING, b"early") + close_frame(4000, "early"))
        call = await app.call()
        await call.connect()
        await turns()
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        assert await client.frame() == Frame(PONG, b"early")
        await call.disconnect(4000, "early")
        await client.expect_close(4000, "early")
        await call.finish()


async def send_once_called(app: App, client: Client, data: bytes) -> Call:
    """Send a request, and ``data`` once the application has been called."""
    await client.request()
    call = await app.call()
    await call.connect()
    await client.send(data)
    await turns()
    return call


async def test_h16_frames_before_the_accept_are_kept(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await send_once_called(app, client, frame(TEXT, b"hello") + frame(PING, b"p"))
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        assert await client.frame() == Frame(PONG, b"p")
        assert await call.receive() == HELLO
        await call.finish()


async def test_h16_frames_before_the_accept_are_no_event_before_it(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await send_once_called(app, client, frame(TEXT, b"hello"))
        waiting = asyncio.ensure_future(call.receive())
        await turns()
        assert not waiting.done()
        await call.send("websocket.accept")
        assert await waiting == HELLO
        await call.finish()


async def test_h16_close_before_the_accept_is_answered_after_it(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await send_once_called(app, client, frame(TEXT, b"hello") + close_frame(1001))
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        assert await call.receive() == HELLO
        await call.disconnect(1001, "")
        await client.expect_close(1001)
        await client.expect_eof()
        await call.finish()


async def test_h16_violation_before_the_accept_is_answered_after_it(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await send_once_called(app, client, frame(TEXT, b"unmasked", mask=None))
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        event = await call.receive()
        assert (event["type"], event["code"]) == ("websocket.disconnect", 1002)
        assert (await client.frame()).payload[:2] == (1002).to_bytes(2, "big")
        await call.finish()


async def test_h16_refusal_arrives_whole_although_frames_lie_unread(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await send_once_called(app, client, frame(BINARY, b"x" * 100_000))
        await call.send("websocket.http.response.start", status=403)
        await call.send("websocket.http.response.body", body=b"y" * 100_000)
        response = await client.response()
        assert (response.status, response.body, response.complete) == (403, b"y" * 100_000, True)
        await client.expect_eof()
        await call.finish()


SOCKET_BUFFER = 64 * 1024
FLOOD = 4 * 2**20


async def test_h16_what_is_kept_is_bounded(start: Start, protocol: Any) -> None:
    """The peer is held up by TCP once ``receive_buffer`` is full, and loses nothing."""
    app = App()
    part = frame(BINARY, b"x" * 8192)
    ws = protocol.with_options(receive_buffer=16384)
    async with (
        start(app, ws=ws, receive_buffer=SOCKET_BUFFER) as server,
        server.connect(send_buffer=SOCKET_BUFFER) as client,
    ):
        await client.send(upgrade_request())
        call = await app.call()
        await call.connect()
        flood = Flood(client, part * (FLOOD // len(part)))
        await eventually(flood.is_held_up)
        assert flood.sent < FLOOD // 2
        assert client.pending() == b""
        await call.send("websocket.accept")
        assert (await client.head()).status == 101
        rest = asyncio.ensure_future(client.send(flood.rest))
        for _ in range(FLOOD // len(part)):
            assert await call.receive() == {"type": "websocket.receive", "bytes": b"x" * 8192}
        await rest
        await call.finish()


class Flood:
    """Sends as much as the kernel takes, without waiting."""

    def __init__(self, client: Client, data: bytes) -> None:
        self._socket = client.wire.socket
        self._data = data
        self._refusals = 0
        self.sent = 0

    @property
    def rest(self) -> bytes:
        """What the kernel has not taken yet."""
        return self._data[self.sent :]

    def is_held_up(self) -> bool:
        """Send on; true once nothing could be sent for 20 turns of the event loop, or nothing is left."""
        try:
            self.sent += self._socket.send(self.rest[:65536])
            self._refusals = 0
        except BlockingIOError:
            self._refusals += 1
        return self._refusals >= 20 or not self.rest
