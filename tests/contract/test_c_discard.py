"""Closing, row C12a: a peer that still sends when we close gets what we have sent, and our Close, whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.helpers_c import (
    MEBIBYTE,
    TCP_AND_TLS,
    accepted,
    begin_receive,
    fill,
    flood,
    until_gone,
    until_queued,
)
from tests.harness import BINARY, CONTINUATION, TEXT, App, Client, Start, eventually, frame, turns

NO_MASK = b"\0\0\0\0"

BLOCK = frame(BINARY, b"\x55" * MEBIBYTE, mask=NO_MASK)

HUGE = frame(BINARY, b"", mask=NO_MASK)[:1] + b"\xff" + (2**40).to_bytes(8, "big") + NO_MASK
"""The header of a message of a tebibyte."""


async def expect_code(client: Client, code: int) -> None:
    """Read a Close with this code and any reason."""
    closing = await client.frame()
    assert (closing.opcode, int.from_bytes(closing.payload[:2], "big")) == (8, code)


async def test_c12a_message_too_big_is_sent_on_and_the_close_arrives(start: Start) -> None:
    async with accepted(start, receive_buffer=65536) as (_, client, call):
        await call.send("websocket.send", bytes=b"y" * MEBIBYTE)
        await client.send(HUGE)
        await flood(client, b"\x55" * MEBIBYTE, 20)
        await client.expect_bytes(b"y" * MEBIBYTE)
        await expect_code(client, 1009)
        await client.expect_eof()
        await call.disconnect(1009)


async def test_c12a_flood_that_the_app_closes_on(start: Start) -> None:
    """The peer's Close is found behind it."""
    async with accepted(start, receive_buffer=65536) as (_, client, call):
        await call.send("websocket.send", bytes=b"y" * MEBIBYTE)
        await call.send("websocket.close", code=1000)
        await flood(client, BLOCK, 20)
        await client.send_close(1000)
        await client.expect_bytes(b"y" * MEBIBYTE)
        await client.expect_close(1000)
        await client.expect_eof()


async def test_c12a_input_that_lies_unread(start: Start) -> None:
    """Reading has been paused: the queue is full, and so are the buffers of the network."""
    async with accepted(start, ws_max_queue=1, receive_buffer=65536) as (server, client, call):
        await client.send_text("first")
        flooding = asyncio.ensure_future(flood(client, BLOCK, 10))
        await until_queued(server)
        await turns(20)
        await call.send("websocket.send", text="last")
        await call.send("websocket.close", code=4000)
        await flooding
        await client.send_close(4000)
        await client.expect_text("last")
        await client.expect_close(4000)
        await client.expect_eof()


async def test_c12a_flood_that_the_app_fails_on(start: Start) -> None:
    async with accepted(start, errors=1, receive_buffer=65536) as (_, client, call):
        flooding = asyncio.ensure_future(flood(client, BLOCK, 20))
        assert len((await call.receive())["bytes"]) == MEBIBYTE
        await call.finish(ValueError())
        await flooding
        await client.send_close(1000)
        await expect_code(client, 1011)
        await client.expect_eof()


@pytest.mark.parametrize("refusal", [403, 500, 503])
async def test_c12a_flood_before_the_handshake_is_refused(start: Start, refusal: int) -> None:
    app = App()
    async with start(app, errors=int(refusal == 500), receive_buffer=65536) as server, server.connect() as client:
        await client.request()
        call = await app.call()
        flooding = asyncio.ensure_future(flood(client, BLOCK, 20))
        await turns(20)
        if refusal == 503:
            server.protocol.shutdown()
        elif refusal == 500:
            await call.finish(ValueError())
        else:
            await call.send("websocket.close")
        await flooding
        response = await client.response()
        assert (response.status, response.complete) == (refusal, True)
        await client.expect_eof()
        await call.finish()


async def test_c12a_flood_behind_a_violation_that_waits_for_the_app(start: Start, protocol: Any) -> None:
    async with accepted(start, ws=protocol.with_options(close_grace=60), receive_buffer=65536) as (_, client, call):
        waiting = begin_receive(call)
        await client.send_text("first")
        await waiting
        await client.send(frame(TEXT, b"\xff"))
        await flood(client, b"\x55" * MEBIBYTE, 10)
        await call.send("websocket.send", text="answer")
        await call.disconnect(1007)
        await client.expect_text("answer")
        await expect_code(client, 1007)
        await client.expect_eof()


async def test_c12a_large_unread_output_and_a_flood(start: Start) -> None:
    async with accepted(start, send_buffer=65536, client_buffer=65536) as (_, client, call):
        sent, waiting = await fill(call)
        await client.send(HUGE)
        await flood(client, b"\x55" * MEBIBYTE, 10)
        for _ in range(sent):
            assert (await client.frame()).payload == b"\xa5" * MEBIBYTE
        await call.disconnect(1009)
        waiting.cancel()
        rest = await client.frame()
        while rest.opcode == BINARY:
            rest = await client.frame()
        assert rest.payload[:2] == (1009).to_bytes(2, "big")
        await client.expect_eof()


async def test_c12a_amount_is_bounded(start: Start, protocol: Any) -> None:
    """After 32 MiB the peer is cut off, well before its time is over."""
    async with accepted(start, ws=protocol.with_options(close_timeout=600)) as (server, client, call):
        await client.send(HUGE)
        await flood(client, b"\x55" * MEBIBYTE, 30)
        await turns(20)
        assert server.state.connections
        assert await flood(client, b"\x55" * MEBIBYTE) < 50  # What is beyond 2 is in the buffers of the network.
        await eventually(lambda: not server.state.connections)
        await call.disconnect(1009)


@TCP_AND_TLS
async def test_c12a_time_is_bounded(start: Start, protocol: Any, tls: bool) -> None:
    async with accepted(start, tls=tls, ws=protocol.with_options(close_timeout=0.2)) as (server, client, call):
        await client.send(HUGE)
        flooding = asyncio.ensure_future(flood(client, b"\x55" * 1024))
        await eventually(lambda: not server.state.connections)
        await flooding
        await call.disconnect(1009)


@TCP_AND_TLS
async def test_c12a_peer_that_neither_sends_nor_goes_is_cut_off(start: Start, protocol: Any, tls: bool) -> None:
    async with accepted(start, tls=tls, ws=protocol.with_options(close_timeout=0.2)) as (server, client, call):
        await client.send(frame(3))
        await call.disconnect(1002)
        await expect_code(client, 1002)
        await eventually(lambda: not server.state.connections)
        assert await until_gone(client) == b""


async def test_c12a_over_tls_a_peer_that_has_taken_everything_is_told_that_this_was_all(
    start: Start, protocol: Any
) -> None:
    """There is no half-close to tell it by, so TLS is ended a second later, and ``close_timeout`` is not waited for."""
    async with accepted(start, tls=True, ws=protocol.with_options(close_timeout=600)) as (server, client, call):
        await client.send(frame(3))
        await expect_code(client, 1002)
        assert server.state.connections
        await client.expect_eof()
        client.close()
        await eventually(lambda: not server.state.connections)
        await call.disconnect(1002)


async def test_c12a_over_tls_a_peer_that_does_not_end_is_cut_off(start: Start, protocol: Any) -> None:
    async with accepted(start, tls=True, ws=protocol.with_options(close_timeout=1.5)) as (server, client, call):
        await client.send(frame(3))
        await expect_code(client, 1002)
        await eventually(lambda: not server.state.connections)
        await call.disconnect(1002)


async def test_c12a_over_tls_a_peer_that_goes_ends_it_at_once(start: Start, protocol: Any) -> None:
    async with accepted(start, tls=True, ws=protocol.with_options(close_timeout=600)) as (server, client, call):
        await client.send(frame(3))
        await expect_code(client, 1002)
        client.close()
        await eventually(lambda: not server.state.connections)
        await call.disconnect(1002)


@pytest.mark.parametrize("how", ["violation", "close"])
async def test_c12a_over_tls_output_arrives_whole(start: Start, protocol: Any, how: str) -> None:
    """The peer reads while it sends."""
    ws = protocol.with_options(close_timeout=2)
    async with accepted(start, tls=True, ws=ws) as (server, client, call):
        flooding = asyncio.ensure_future(flood(client, frame(BINARY, b"\x55" * 10_000, mask=NO_MASK)))
        for _ in range(3):
            await call.send("websocket.send", bytes=b"y" * MEBIBYTE)
        if how == "close":
            await call.send("websocket.close", code=1000)
        else:
            await client.send_frame(CONTINUATION)
        for _ in range(3):
            await client.expect_bytes(b"y" * MEBIBYTE)
        reading = begin_receive(call)
        while (await reading)["type"] != "websocket.disconnect":
            reading = begin_receive(call)
        await expect_code(client, 1000 if how == "close" else 1002)
        await eventually(lambda: not server.state.connections)
        await flooding
