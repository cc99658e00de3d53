"""Closing, row C12: the server shuts down while connections are open."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_c import (
    MEBIBYTE,
    TCP_AND_TLS,
    accepted,
    begin_receive,
    close_records,
    fill,
    until_gone,
    until_queued,
    wait_for_end,
)
from tests.harness import App, Client, Start, TLSWire, echo, eventually, turns
from tests.harness.server import tls_contexts


@TCP_AND_TLS
async def test_c12_open_connection_is_closed_with_1012(start: Start, tls: bool) -> None:
    async with accepted(start, tls=tls, log_level="debug") as (server, client, call):
        waiting = begin_receive(call)
        await call.send("websocket.send", text="before")
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_text("before")
        await client.expect_close(1012)
        assert await waiting == {"type": "websocket.disconnect", "code": 1012}
        await turns(50)
        assert client.pending() == b""
        await client.send_close(1012)
        await client.expect_eof()
        client.close()
        await call.finish()
        await stopping
        (record,) = close_records(server)
        fields = record.__dict__
        assert (fields["websocket_close_code"], fields["websocket_closed_by"]) == (1012, "server")
        assert fields["websocket_close_clean"] is True


async def test_c12_code_is_an_option(start: Start, protocol: Any) -> None:
    async with accepted(start, ws=protocol.with_options(shutdown_code=4321)) as (server, client, call):
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(4321)
        await client.send_close(4321)
        await call.disconnect(4321)
        await call.finish()
        await stopping


@TCP_AND_TLS
async def test_c12_everything_sent_before_arrives(start: Start, tls: bool) -> None:
    async with accepted(start, tls=tls, send_buffer=65536, client_buffer=65536) as (server, client, call):
        sent, waiting = await fill(call)
        stopping = asyncio.ensure_future(server.shutdown())
        await turns(20)
        for _ in range(sent):
            assert (await client.frame()).payload == b"\xa5" * MEBIBYTE
        last = await client.frame()
        if last.payload == b"\xa5" * MEBIBYTE:  # The send that waited has gone out as well, and has said so.
            await waiting
            last = await client.frame()
        else:
            with pytest.raises(ClientDisconnected):
                await waiting
        assert (last.opcode, last.payload) == (8, (1012).to_bytes(2, "big"))
        await client.send_close(1012)
        await client.expect_eof()
        client.close()
        await call.disconnect(1012)
        await call.finish()
        await stopping


@TCP_AND_TLS
async def test_c12_peer_that_does_not_answer_is_cut_off(start: Start, protocol: Any, tls: bool) -> None:
    async with accepted(start, tls=tls, ws=protocol.with_options(close_timeout=0.2)) as (server, client, call):
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await eventually(lambda: not server.state.connections)
        assert await until_gone(client) == b""
        await call.disconnect(1012)
        await call.finish()
        await stopping


async def test_c12_messages_that_came_before_are_received_first(start: Start) -> None:
    async with accepted(start) as (server, client, call):
        await client.send_text("before")
        await until_queued(server)
        stopping = asyncio.ensure_future(server.shutdown())
        assert await call.receive() == {"type": "websocket.receive", "text": "before"}
        await call.disconnect(1012)
        await client.expect_close(1012)
        await client.send_close(1012)
        await call.finish()
        await stopping


async def test_c12_one_line_for_the_server(start: Start) -> None:
    app = App(echo)
    async with AsyncExitStack() as stack, start(app) as server:
        clients = [await stack.enter_async_context(server.open()) for _ in range(5)]
        before = len(server.logs.infos)
        stopping = asyncio.ensure_future(server.shutdown())
        for client in clients:
            await client.expect_close(1012)
            await client.send_close(1012)
            await client.expect_eof()
        await stopping
        ours = [line for line in server.logs.infos[before:] if "WebSocket" in line]
    assert len(ours) == 1
    assert "5" in ours[0]
    assert "1012" in ours[0]


async def test_c12_no_line_where_there_was_no_connection(start: Start) -> None:
    async with start(App(echo)) as server:
        async with server.open() as client:
            await client.send_close(1000)
            await client.expect_close(1000)
        await server.became_idle()
        before = len(server.logs.infos)
        await server.shutdown()
        assert not [line for line in server.logs.infos[before:] if "WebSocket" in line]


async def test_c12_default_is_at_once(protocol: Any) -> None:
    assert (protocol.options.drain_spread, protocol.options.shutdown_code) == (0, 1012)
    assert protocol.options.close_timeout == 10


async def test_c12_connection_is_of_use_until_its_turn_comes(start: Start, protocol: Any) -> None:
    async with accepted(start, ws=protocol.with_options(drain_spread=1e6)) as (server, client, call):
        stopping = asyncio.ensure_future(server.shutdown())
        await turns(50)
        await call.send("websocket.send", text="still")
        await client.expect_text("still")
        await client.send_text("open")
        assert await call.receive() == {"type": "websocket.receive", "text": "open"}
        assert client.pending() == b""
        await client.send_close(4000)
        await call.disconnect(4000, "")
        await client.expect_close(4000)
        await call.finish()
        await stopping


async def test_c12_app_may_close_before_its_turn_comes(start: Start, protocol: Any) -> None:
    async with accepted(start, ws=protocol.with_options(drain_spread=1e6)) as (server, client, call):
        stopping = asyncio.ensure_future(server.shutdown())
        await turns()
        await call.send("websocket.close", code=4000)
        await client.expect_close(4000)
        await client.send_close(4000)
        await client.expect_eof()
        await call.disconnect(4000)
        await call.finish()
        await stopping


async def test_c12_closes_are_spread_at_random(start: Start, protocol: Any) -> None:
    """Some are told while others are not."""
    app = App(wait_for_end)
    ws = protocol.with_options(drain_spread=5)
    async with AsyncExitStack() as stack, start(app, ws=ws) as server:
        clients = [await stack.enter_async_context(server.open()) for _ in range(30)]
        stopping = asyncio.ensure_future(server.shutdown())
        await eventually(lambda: any(client.pending() for client in clients), 10)
        told = [client for client in clients if client.pending()]
        assert len(told) < len(clients)
        for client in told:
            await client.expect_close(1012)
        for client in clients:
            await client.send_close(1000)
            client.close()
        await stopping


async def test_c12_all_are_told_within_the_spread(start: Start, protocol: Any) -> None:
    loop = asyncio.get_running_loop()
    app = App(wait_for_end)
    ws = protocol.with_options(drain_spread=0.3)
    async with AsyncExitStack() as stack, start(app, ws=ws) as server:
        clients = [await stack.enter_async_context(server.open()) for _ in range(8)]
        begun = loop.time()
        stopping = asyncio.ensure_future(server.shutdown())
        for client in clients:
            await client.expect_close(1012)
            await client.send_close(1012)
            await client.expect_eof()
        await stopping
        assert loop.time() - begun < 0.3 + 4
    for call in app.calls:
        assert call.received[-1] == {"type": "websocket.disconnect", "code": 1012}


async def test_c12_http_keep_alive_connections_beside_it(start: Start) -> None:
    async with accepted(start) as (server, client, call), server.connect() as idle:
        await idle.send(b"\r\n")
        stopping = asyncio.ensure_future(server.shutdown())
        await client.expect_close(1012)
        await client.send_close(1012)
        await call.disconnect(1012)
        await call.finish()
        await stopping


async def test_c13_connection_that_comes_during_the_shutdown_is_refused(start: Start, protocol: Any) -> None:
    """TCP was accepted in time, but TLS took until after the shutdown had begun."""
    app = App(wait_for_end)
    ws = protocol.with_options(drain_spread=1e6)
    async with start(app, ws=ws, tls=True) as server, server.open() as early:
        with socket.socket() as sock:
            sock.connect(server.address)
            sock.setblocking(False)
            await turns(50)  # The server accepts.
            stopping = asyncio.ensure_future(server.shutdown())
            await turns(20)
            wire = TLSWire(sock, tls_contexts()[1])
            await wire.handshake()
            late = Client(wire)
            await late.request()
            assert (await late.response()).status == 503
        early.close()
        await stopping
