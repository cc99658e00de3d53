"""Closing, row C9: ``after_disconnect="drop"``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import ClientDisconnected, Options, _app
from tests.contract.helpers_c import accepted, look, until_disconnect, until_queued
from tests.harness import TEXT, App, Call, Client, Server, Start, eventually, frame, turns

SEND = {"type": "websocket.send", "text": "late"}

LEAVING = pytest.mark.parametrize("leave", ["close", "FIN", "RST", "violation"])


@pytest.fixture
def dropping(protocol: Any) -> Any:
    """The protocol class with the option."""
    return protocol.with_options(after_disconnect="drop")


async def leave_by(server: Server, client: Client, how: str) -> None:
    """Let the peer go, or be sent away."""
    if how in ("close", "violation"):
        if how == "close":
            await client.send_close(4000)
        else:
            await client.send_frame(TEXT, b"\xff")
        await client.frame()
        return
    if how == "FIN":
        client.close()
    else:
        client.reset()
    await eventually(lambda: not server.state.connections)


async def test_c9_default_is_raise(protocol: Any) -> None:
    assert protocol.options.after_disconnect == Options().after_disconnect == "raise"


@LEAVING
async def test_c9_send_returns_until_the_app_has_the_disconnect(start: Start, dropping: Any, leave: str) -> None:
    async with accepted(start, ws=dropping) as (server, client, call):
        await leave_by(server, client, leave)
        raw, logged = client.raw, len(server.logs.records)
        for _ in range(100):
            await call.send_event(SEND)
        assert look(client) == raw
        await until_disconnect(call)
        for _ in range(3):
            with pytest.raises(ClientDisconnected):
                await call.send_event(SEND)
        await call.send_event({"type": "websocket.close"})
        assert all("[closed]" in record.getMessage() for record in server.logs.records[logged:])


async def test_c9_messages_from_before_the_disconnect_do_not_count_as_it(start: Start, dropping: Any) -> None:
    async with accepted(start, ws=dropping) as (server, client, call):
        await client.send_text("before")
        client.half_close()
        await eventually(lambda: not server.state.connections)
        await call.send_event(SEND)
        assert await call.receive() == {"type": "websocket.receive", "text": "before"}
        await call.send_event(SEND)
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send_event(SEND)


async def test_c9_messages_beyond_the_queue_do_not_count_either(start: Start, dropping: Any) -> None:
    async with accepted(start, ws=dropping, ws_max_queue=1) as (server, client, call):
        await client.send(frame(TEXT, b"before") * 3)
        await until_queued(server)
        server.protocol.transport.abort()
        for _ in range(3):
            await call.send_event(SEND)
            assert await call.receive() == {"type": "websocket.receive", "text": "before"}
        await call.send_event(SEND)
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send_event(SEND)


async def test_c9_for_five_seconds_at_most(start: Start, dropping: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _app.DROP_SECONDS == 5
    monkeypatch.setattr(_app, "DROP_SECONDS", 0.05)
    async with accepted(start, ws=dropping) as (server, client, call):
        client.reset()
        await eventually(lambda: not server.state.connections)
        await call.send_event(SEND)
        with pytest.raises(ClientDisconnected):
            await asyncio.wait_for(send_for_ever(call), 5)
        await call.disconnect(1006)


async def send_for_ever(call: Call) -> None:
    """Send in a tight loop."""
    while True:
        await call.send_event(SEND)


async def test_c9_tight_loop_lets_the_receiver_be_told(start: Start, dropping: Any) -> None:
    async def script(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        receiving = asyncio.ensure_future(call.receive_event())
        try:
            await send_for_ever(call)
        except ClientDisconnected:
            assert (await receiving)["type"] == "websocket.disconnect"

    async with start(App(script), ws=dropping) as server, server.open() as client:
        client.reset()
        await server.became_idle()


async def test_c9_while_the_peer_is_there_nothing_is_dropped(start: Start, dropping: Any) -> None:
    async with accepted(start, ws=dropping) as (_, client, call):
        for number in range(100):
            await call.send("websocket.send", text=str(number))
        for number in range(100):
            await client.expect_text(str(number))


async def test_c9_transport_that_is_closing_counts_as_gone(start: Start, dropping: Any) -> None:
    async with accepted(start, ws=dropping) as (server, _, call):
        server.protocol.transport.abort()
        await call.send_event(SEND)
        await turns()
        await call.send_event(SEND)
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send_event(SEND)


async def test_c9_the_apps_own_close_is_still_its_own(start: Start, dropping: Any) -> None:
    async with accepted(start, ws=dropping) as (_, client, call):
        await call.send("websocket.close", code=4000)
        with pytest.raises(RuntimeError, match="CLOSING"):
            await call.send("websocket.send", text="late")
        await client.expect_close(4000)
