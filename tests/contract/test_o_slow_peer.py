"""Open, row O6: a peer that takes none of our output for ``write_timeout`` is given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import (
    SOCKET_BUFFER,
    ending_line,
    expect_filling,
    fill,
    narrow,
    opened,
    pass_time,
    text_event,
    unsent,
)
from tests.harness import TEXT, App, Frame, Start, eventually, frame, within

TIMEOUT = 0.4
LARGE = 4 * 2**20


async def test_o6_waiting_send_raises_and_the_app_is_told(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with narrow(start, app, ws=ws) as (server, client):
        call = await opened(app, client)
        _, waiting = await fill(call, server.protocol)
        with pytest.raises(ClientDisconnected) as caught:
            await within(waiting)
        assert caught.value.code == 1006
        assert "CLOSED" in str(caught.value)
        await call.disconnect(1006)
        await call.finish()


async def test_o6_app_that_waits_in_receive_is_told(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with narrow(start, app, ws=ws) as (_, client):
        call = await opened(app, client)
        await client.send_text("queued")
        await call.send("websocket.send", bytes=b"m" * LARGE)
        assert await call.receive() == text_event("queued")
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send("websocket.send", text="too late")
        await call.finish()


async def test_o6_is_one_line_that_names_the_slow_peer(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with start(app, ws=ws, send_buffer=SOCKET_BUFFER) as server:
        async with server.connect(receive_buffer=SOCKET_BUFFER) as client:
            call = await opened(app, client)
            _, waiting = await fill(call, server.protocol)
            await asyncio.gather(waiting, return_exceptions=True)
            await call.disconnect(1006)
            await call.finish()
        line = ending_line(server)
        assert "slow peer" in line
        assert "1006 abnormal closure" in line
        assert "by server" in line
        assert server.logs.about("slow peer") == [line]


async def test_o6_transport_is_aborted_and_waits_for_no_flush(start: Start, protocol: Any) -> None:
    """The connection is gone although the peer still reads nothing; what the transport held never arrives."""
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with narrow(start, app, ws=ws) as (server, client):
        call = await opened(app, client)
        await call.send("websocket.send", bytes=b"m" * LARGE)
        await call.disconnect(1006)
        assert not server.state.connections
        await call.finish()
        assert len(await client.rest()) < LARGE


async def test_o6_peer_that_reads_slowly_but_steadily_is_kept(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    loop = asyncio.get_running_loop()
    async with narrow(start, app, ws=ws) as (server, client):
        call = await opened(app, client)
        await call.send("websocket.send", bytes=b"m" * LARGE)
        end = loop.time() + 4 * TIMEOUT
        while loop.time() < end:
            client.pending()
            await pass_time(TIMEOUT / 16)
        assert unsent(server.protocol), "the message is too small for this test"
        await client.expect_bytes(b"m" * LARGE)
        await call.finish()


async def test_o6_peer_that_has_nothing_to_take_is_kept(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT / 4)
    async with start(app, ws=ws) as server, server.connect() as client:
        call = await opened(app, client)
        await call.send("websocket.send", text="taken by the kernel, read by nobody")
        await pass_time(TIMEOUT)
        await client.send_text("here")
        assert await call.receive() == text_event("here")
        await call.send("websocket.send", text="still")
        assert await client.frame() == Frame(1, b"taken by the kernel, read by nobody")
        await client.expect_text("still")
        await call.finish()


@pytest.mark.parametrize("paused", [False, True], ids=["reading", "was-paused"])
async def test_o6_time_counts_from_the_last_byte_taken(start: Start, protocol: Any, paused: bool) -> None:
    """A peer that rests after each piece, for less than the timeout, is kept, however long it all takes.

    That holds for the kernel's clock too: Linux counts ``TCP_USER_TIMEOUT`` from the first probe of a closed window,
    and does not begin anew when a window has opened that is smaller than the segment that waits.
    """
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT * 1.5)
    async with narrow(start, app, ws=ws, ws_max_queue=2) as (server, client):
        call = await opened(app, client)
        if paused:
            await client.send(frame(TEXT, b"x") * 3)
            await eventually(lambda: not server.protocol.transport.is_reading())
            for _ in range(3):
                assert await call.receive() == text_event("x")
        assert server.protocol.transport.is_reading()
        for _ in range(6):
            count, waiting = await fill(call, server.protocol)
            await pass_time(TIMEOUT)
            await expect_filling(client, count + 1)
            await within(waiting)
        await call.finish()


async def test_o6_off_means_never(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=None)
    async with narrow(start, app, ws=ws) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        await pass_time(TIMEOUT * 2)
        assert not waiting.done()
        await expect_filling(client, count + 1)
        await waiting
        await call.finish()


async def test_o6_app_that_returned_is_no_reason_to_wait(start: Start, protocol: Any) -> None:
    """The Close stands behind output that nobody takes."""
    app = App()
    ws = protocol.with_options(write_timeout=TIMEOUT)
    async with narrow(start, app, ws=ws) as (server, client):
        call = await opened(app, client)
        await call.send("websocket.send", bytes=b"m" * LARGE)
        await call.finish()
        await server.became_idle()
        assert len(await client.rest()) < LARGE
