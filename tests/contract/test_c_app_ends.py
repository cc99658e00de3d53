"""Closing, rows C4 and C5: the application returns or raises while the connection is open."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.helpers_c import accept, accepted, close_records, until_gone
from tests.harness import CLOSE, App, Call, Start, eventually, turns


async def test_c4_app_that_returns_closes_with_1000(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await call.send("websocket.send", text="last")
        await call.finish()
        await client.expect_text("last")
        await client.expect_close(1000)
        await turns(50)
        assert client.pending() == b""
        assert not server.protocol.transport.is_closing()
        await client.send_close(1000)
        await client.expect_eof()
        await eventually(lambda: not server.state.connections)
        (record,) = close_records(server)
        assert (record.__dict__["websocket_close_code"], record.__dict__["websocket_closed_by"]) == (1000, "app")


async def test_c4_peer_that_never_answers_is_cut_off(start: Start, protocol: Any) -> None:
    async with accepted(start, ws=protocol.with_options(close_timeout=0.1)) as (server, client, call):
        await call.finish()
        await client.expect_close(1000)
        assert await until_gone(client) == b""
        await eventually(lambda: not server.state.connections)


@pytest.mark.parametrize("value", [0, False, "text", "two\nlines", b""], ids=repr)
async def test_c4_value_other_than_none_is_an_error_line(start: Start, value: object) -> None:
    async with accepted(start, errors=1) as (server, client, call):
        await call.finish(value)
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()
    (line,) = server.logs.errors
    assert "should return None" in line
    assert "\n" not in line
    assert server.logs.tracebacks() == []


async def test_c4_app_that_returns_with_messages_unread(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        for _number in range(100):
            await client.send_text("unread")
        await call.finish()
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()


async def test_c4_app_that_returns_after_its_close_sends_no_other(start: Start) -> None:
    async with accepted(start) as (_, client, call):
        await call.send("websocket.close", code=4000)
        await call.finish()
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()


@pytest.mark.parametrize("error", [ValueError("secret"), OSError("secret"), ConnectionResetError("secret")], ids=repr)
async def test_c5_app_that_raises_closes_with_1011(start: Start, error: Exception) -> None:
    async with accepted(start, errors=1) as (server, client, call):
        await call.send("websocket.send", text="last")
        await call.finish(error)
        await client.expect_text("last")
        closing = await client.frame()
        assert (closing.opcode, closing.payload[:2]) == (CLOSE, (1011).to_bytes(2, "big"))
        assert b"secret" not in client.raw
        await turns(50)
        assert not server.protocol.transport.is_closing()
        await client.send_close(1011)
        await client.expect_eof()
        await eventually(lambda: not server.state.connections)
        assert len(close_records(server)) == 1
    assert server.logs.tracebacks() == [error]


async def test_c5_peer_that_never_answers_is_cut_off(start: Start, protocol: Any) -> None:
    ws = protocol.with_options(close_timeout=0.1)
    async with accepted(start, ws=ws, errors=1) as (server, client, call):
        await call.finish(ValueError())
        await client.frame()
        assert await until_gone(client) == b""
        await eventually(lambda: not server.state.connections)


async def test_c5_error_of_a_cancelled_child_is_an_error(start: Start) -> None:
    """Only the cancellation of the app's own task is C15."""

    async def script(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        await asyncio.wait_for(call.receive_event(), 0.01)

    async with start(App(script), errors=1) as server, server.open() as client:
        closing = await client.frame()
        assert closing.payload[:2] == (1011).to_bytes(2, "big")
    (error,) = server.logs.tracebacks()
    assert isinstance(error, (TimeoutError, asyncio.TimeoutError))


async def test_c5_app_that_raises_after_its_close_sends_no_other(start: Start) -> None:
    """The peer has not answered yet, so it is not gone."""
    async with accepted(start, errors=1) as (server, client, call):
        error = ValueError()
        await call.send("websocket.close", code=4000)
        await call.finish(error)
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()
    assert server.logs.tracebacks() == [error]


async def test_c5_other_connections_are_served_on(start: Start) -> None:
    app = App()
    async with start(app, errors=1) as server, server.connect() as first, server.connect() as second:
        failing, healthy = await accept(app, first, 0), await accept(app, second, 1)
        await failing.finish(ValueError())
        await healthy.send("websocket.send", text="open")
        await second.expect_text("open")
        await healthy.finish()
