"""For those who switch: what uvicorn's own classes do while a connection is open, and safews too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_o import DEFLATE, RSV1, Deflate, bytes_event, opened, pass_time, text_event
from tests.contract.helpers_stock import SAME
from tests.harness import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    App,
    Frame,
    Start,
    close_frame,
    echo,
    eventually,
    frame,
)

pytestmark = SAME

PART = b"A" * 512

MESSAGES = {
    "text": (frame(TEXT, b"abc"), text_event("abc")),
    "bytes": (frame(BINARY, b"abc"), bytes_event(b"abc")),
    "no text": (frame(TEXT), text_event("")),
    "no bytes": (frame(BINARY), bytes_event(b"")),
    "UTF-8": (frame(TEXT, "abraão \N{SNOWMAN}".encode()), text_event("abraão \N{SNOWMAN}")),
    "text in fragments": (
        frame(TEXT, PART, fin=False) + frame(CONTINUATION, PART, fin=False) * 4 + frame(CONTINUATION, PART),
        text_event("A" * 512 * 6),
    ),
    "bytes in fragments": (
        frame(BINARY, PART, fin=False) + frame(PING, b"p") + frame(CONTINUATION, PART),
        bytes_event(PART * 2),
    ),
}


@pytest.mark.parametrize(("data", "event"), MESSAGES.values(), ids=MESSAGES)
async def test_message_is_the_same_event(start: Start, data: bytes, event: dict[str, object]) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(data)
        assert await call.receive() == event
        await call.finish()


SENT = {
    "text": ({"text": "123"}, Frame(TEXT, b"123")),
    "bytes": ({"bytes": b"123"}, Frame(BINARY, b"123")),
    "text and no bytes": ({"text": "", "bytes": None}, Frame(TEXT, b"")),
    "bytes and no text": ({"text": None, "bytes": b""}, Frame(BINARY, b"")),
    "bytearray": ({"bytes": bytearray(b"123")}, Frame(BINARY, b"123")),
    "memoryview": ({"bytes": memoryview(b"123")}, Frame(BINARY, b"123")),
    "another key": ({"text": "123", "compress": False}, Frame(TEXT, b"123")),
}


@pytest.mark.parametrize(("keys", "on_the_wire"), SENT.values(), ids=SENT)
async def test_sent_message_is_the_same_frame(start: Start, keys: dict[str, Any], on_the_wire: Frame) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", **keys)
        assert await client.frame() == on_the_wire
        await call.finish()


async def test_compressed_both_ways(start: Start) -> None:
    deflate, text = Deflate(), "compress me, compress me " * 40
    async with start(App(echo)) as server, server.open(headers=DEFLATE) as client:
        await client.send_frame(TEXT, deflate.deflate(text.encode()), rsv=RSV1)
        answer = await client.frame()
        assert (answer.opcode, answer.rsv1) == (TEXT, True)
        assert deflate.inflate(answer.payload) == text.encode()


async def test_ping_is_answered(start: Start) -> None:
    async with start(App(echo)) as server, server.open() as client:
        await client.send_frame(PING, b"are you there")
        assert await client.frame() == Frame(PONG, b"are you there")


LIMIT = 2048
TOO_BIG = {
    "one frame": frame(BINARY, b"x" * (LIMIT + 1)),
    "text of two bytes each": frame(TEXT, "é".encode() * (LIMIT // 2) + b"x"),
    "fragments that go on": frame(BINARY, b"x" * 1024, fin=False) + frame(CONTINUATION, b"x" * 1024, fin=False) * 2,
}


@pytest.mark.parametrize("data", TOO_BIG.values(), ids=TOO_BIG)
async def test_message_above_the_limit_is_a_1009(start: Start, data: bytes) -> None:
    app = App()
    async with start(app, ws_max_size=LIMIT) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(data)
        event = await call.receive()
        assert (event["type"], event["code"]) == ("websocket.disconnect", 1009)
        opcode, payload, *_ = await client.frame()
        assert (opcode, payload[:2]) == (CLOSE, (1009).to_bytes(2, "big"))
        await call.finish()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_message_at_the_limit_passes(start: Start, opcode: int) -> None:
    async with start(App(echo), ws_max_size=LIMIT) as server, server.open() as client:
        await client.send_frame(opcode, b"x" * LIMIT)
        assert await client.frame() == Frame(opcode, b"x" * LIMIT)


async def test_peer_that_answers_pings_is_kept(start: Start) -> None:
    app = App()
    async with start(app, ws_ping_interval=0.02, ws_ping_timeout=5) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(3):
            opcode, payload, *_ = await client.frame()
            assert opcode == PING
            await client.send_frame(PONG, payload)
        await client.send_text("still here")
        assert await call.receive() == text_event("still here")
        await call.finish()


async def test_peer_that_answers_no_ping_is_a_1011(start: Start) -> None:
    app = App()
    async with start(app, ws_ping_interval=0.05, ws_ping_timeout=0.05) as server, server.connect() as client:
        call = await opened(app, client)
        assert (await client.frame()).opcode == PING
        await client.expect_close(1011, "keepalive ping timeout")
        await client.send_close(1011)
        assert await client.rest() == b""
        assert (await call.receive())["type"] == "websocket.disconnect"
        await call.finish()


@pytest.mark.parametrize("interval", [None, 0, 0.0])
async def test_no_interval_is_no_ping(start: Start, interval: float | None) -> None:
    app = App()
    async with start(app, ws_ping_interval=interval, ws_ping_timeout=0.02) as server, server.connect() as client:
        call = await opened(app, client)
        await pass_time(0.2)
        assert client.pending() == b""
        await call.finish()


async def test_messages_from_before_the_close_come_first(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(frame(BINARY, b"one") + frame(BINARY, b"two") + frame(BINARY, b"three") + close_frame(1000))
        for data in (b"one", b"two", b"three"):
            assert await call.receive() == bytes_event(data)
        await call.disconnect(1000, "")
        await call.finish()


OUT_OF_PLACE = ["websocket.accept", "websocket.http.response.start", "websocket.http.response.body", "nonsense"]


@pytest.mark.parametrize("type_", OUT_OF_PLACE)
async def test_message_out_of_place_is_a_runtime_error(start: Start, type_: str) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        with pytest.raises(RuntimeError, match=type_):
            await call.send(type_, status=200)
        await call.send("websocket.send", text="goes on")
        await client.expect_text("goes on")
        await call.finish()


async def test_traces_of_a_connection(start: Start) -> None:
    """At uvicorn's trace level, which is below debug."""
    app = App(echo)
    async with start(app, log_level="trace") as server:
        async with server.open() as client:
            host, port = client.wire.socket.getsockname()
        await eventually(lambda: server.idle)
        lines = [line for line in server.logs.lines(5) if "WebSocket" in line]
    assert lines == [
        f"{host}:{port} - {what}"
        for what in ("Upgrading to WebSocket", "WebSocket connection made", "WebSocket connection lost")
    ]
