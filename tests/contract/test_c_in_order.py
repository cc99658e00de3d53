"""Closing, the paragraph "In order": the ending keeps its place in the queue."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.helpers_c import accepted, begin_receive, close_records, send_now
from tests.harness import (
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    UVLOOP_VERSION,
    Call,
    Client,
    Frame,
    Start,
    close_frame,
    eventually,
    frame,
    turns,
)

ENDINGS = pytest.mark.parametrize(
    ("ending", "code"),
    [
        (close_frame(4000, "bye"), 4000),
        (close_frame(1000), 1000),
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"x", rsv=1), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(3, b"x"), 1002),
        (frame(TEXT, b"x", mask=None), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(TEXT, b"x" * 2001), 1009),
    ],
    ids=["close", "close 1000", "UTF-8", "RSV", "continuation", "opcode", "mask", "close of 1", "ping", "size"],
)

LONG_GRACE = 60.0


async def receive_one(client: Client, call: Call) -> None:
    """The application has begun to receive, so that the ending has to wait for it."""
    await client.send_text("first")
    assert await call.receive() == {"type": "websocket.receive", "text": "first"}


async def expect_ending(client: Client, code: int) -> None:
    """Read a Close with this code, then nothing."""
    closing = await client.frame()
    assert closing.opcode == CLOSE
    assert int.from_bytes(closing.payload[:2], "big") == code
    assert closing.payload[2:].isascii()
    await client.expect_eof()


@ENDINGS
async def test_in_order_app_answers_the_messages_that_came_before(
    start: Start, protocol: Any, ending: bytes, code: int
) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws, ws_max_size=2000) as (_, client, call):
        await receive_one(client, call)
        await client.send(frame(TEXT, b"one") + frame(TEXT, b"two") + ending)
        for text in ("one", "two"):
            assert await call.receive() == {"type": "websocket.receive", "text": text}
            await call.send("websocket.send", text=f"answer to {text}")
            await client.expect_text(f"answer to {text}")
        await turns(50)
        assert client.pending() == b""
        assert (await call.receive())["code"] == code
        await expect_ending(client, code)


@ENDINGS
async def test_in_order_at_once_for_an_app_that_waits(start: Start, protocol: Any, ending: bytes, code: int) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws, ws_max_size=2000) as (_, client, call):
        await receive_one(client, call)
        waiting = begin_receive(call)
        await turns()
        await client.send(ending)
        await expect_ending(client, code)
        assert (await waiting)["code"] == code


@ENDINGS
async def test_in_order_at_once_for_an_app_that_has_never_received(
    start: Start, protocol: Any, ending: bytes, code: int
) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws, ws_max_size=2000) as (_, client, call):
        await client.send(frame(TEXT, b"unread") + ending)
        await expect_ending(client, code)
        assert await call.receive() == {"type": "websocket.receive", "text": "unread"}
        assert (await call.receive())["code"] == code


@ENDINGS
async def test_in_order_after_the_grace_in_any_case(start: Start, protocol: Any, ending: bytes, code: int) -> None:
    ws = protocol.with_options(close_grace=0.05)
    async with accepted(start, ws=ws, ws_max_size=2000) as (_, client, call):
        await receive_one(client, call)
        await client.send(frame(TEXT, b"two") + ending)
        await expect_ending(client, code)
        assert await call.receive() == {"type": "websocket.receive", "text": "two"}
        assert (await call.receive())["code"] == code


async def test_in_order_default_grace_is_a_second(protocol: Any) -> None:
    assert protocol.options.close_grace == 1.0


async def test_in_order_the_grace_runs_from_the_close(start: Start, protocol: Any) -> None:
    """A connection that was open for longer than the grace has all of it."""
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws) as (server, client, call):
        await receive_one(client, call)
        await client.send_close(4000)
        await eventually(lambda: server.protocol.close_code == 4000)
        await call.send("websocket.send", text="still")
        await client.expect_text("still")
        await turns(50)
        assert client.pending() == b""
        await call.disconnect(4000, "")
        await client.expect_close(4000)


async def test_in_order_two_tasks_of_an_app(start: Start) -> None:
    """One task's send does not fail before another's receive has been told."""
    async with accepted(start) as (_, client, call):
        await receive_one(client, call)
        await client.send(frame(TEXT, b"question") + close_frame(4000, "bye"))
        reading = begin_receive(call)
        assert await reading == {"type": "websocket.receive", "text": "question"}
        for number in range(20):
            await call.send("websocket.send", text=str(number))
            await turns(1)
        await call.disconnect(4000, "bye")
        for number in range(20):
            await client.expect_text(str(number))
        await client.expect_close(4000, "bye")
        await client.expect_eof()


async def test_in_order_app_closes_before_it_reaches_the_close(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws) as (server, client, call):
        await receive_one(client, call)
        await client.send_close(4001, "peer")
        await eventually(lambda: server.protocol.close_code == 4001)
        await call.send("websocket.close", code=4002, reason="app")
        await client.expect_close(4001, "peer")
        await client.expect_eof()
        await call.disconnect(4001, "peer")


@pytest.mark.parametrize("error", [None, ValueError()], ids=["returns", "raises"])
async def test_in_order_app_ends_before_it_reaches_the_close(
    start: Start, protocol: Any, error: Exception | None
) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws, errors=0 if error is None else 1) as (server, client, call):
        await receive_one(client, call)
        await client.send_close(4001, "peer")
        await eventually(lambda: server.protocol.close_code == 4001)
        await call.finish(error)
        await client.expect_close(4001, "peer")
        await client.expect_eof()
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert (record.__dict__["websocket_close_code"], record.__dict__["websocket_closed_by"]) == (4001, "peer")


async def test_in_order_peer_that_vanishes_meanwhile(start: Start, protocol: Any, loop_name: str) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws) as (server, client, call):
        await receive_one(client, call)
        send_now(client, frame(TEXT, b"two") + close_frame(4000, "bye"))
        client.reset()
        # Up to 0.22 uvloop takes it for the end of the peer's side, after which the peer may still read.
        if loop_name == "asyncio" or UVLOOP_VERSION >= (0, 23):
            await eventually(lambda: not server.state.connections)
        assert await call.receive() == {"type": "websocket.receive", "text": "two"}
        await call.disconnect(4000, "bye")


async def test_in_order_peer_that_ends_its_side_of_tcp_meanwhile_still_gets_it_all(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(close_grace=LONG_GRACE)
    async with accepted(start, ws=ws) as (_, client, call):
        await receive_one(client, call)
        await client.send_close(4000, "bye")
        client.half_close()
        await turns(50)
        await call.send("websocket.send", text="answer")
        await call.disconnect(4000, "bye")
        assert await client.frame() == Frame(TEXT, b"answer")
        await client.expect_close(4000, "bye")
        await client.expect_eof()
