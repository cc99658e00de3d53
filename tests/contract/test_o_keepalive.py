"""Open, rows O6a and O8: our pings, and peers that do not answer them, or cannot."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import (
    LANES,
    SOCKET_BUFFER,
    answer_ping,
    answering_pings,
    ending_line,
    fill,
    narrow,
    opened,
    pass_time,
    text_event,
)
from tests.harness import PING, PONG, App, Client, Start, close_frame, eventually, frame, turns, within

LARGE = 2**20

INTERVAL, TIMEOUT = 0.06, 0.24
KEEPALIVE = {"ws_ping_interval": INTERVAL, "ws_ping_timeout": TIMEOUT}

REASON = "keepalive ping timeout"


async def expect_ping(client: Client) -> bytes:
    """Read a frame, which must be a Ping; returns its payload."""
    opcode, payload, *_ = await client.frame()
    assert opcode == PING
    return payload


async def test_o6a_silent_peer_gets_a_close_and_then_the_end(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await expect_ping(client)
        await client.expect_close(1011, REASON)
        # close_timeout is 10 s: this would not end here if it were that which is waited for.
        assert await client.rest() == b""
        assert not server.state.connections
        await call.disconnect(1006)
        await call.finish()


async def test_o6a_is_one_line(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server:
        async with server.connect() as client:
            call = await opened(app, client)
            await call.disconnect(1006)
            await call.finish()
        await server.became_idle()
        line = ending_line(server)
        assert REASON in line
        assert "1006 abnormal closure" in line
        assert "by server" in line
        assert server.logs.about(REASON) == [line]


async def test_o6a_app_is_told_before_tcp_has_ended(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send_text("queued")
        await eventually(lambda: server.protocol.close_code)
        assert await call.receive() == text_event("queued")
        await call.disconnect(1006)
        with pytest.raises(ClientDisconnected):
            await call.send("websocket.send", text="too late")
        with pytest.raises(ClientDisconnected):
            await call.receive()
        await call.finish()


async def test_o6a_peer_that_answers_the_close_is_closed_at_once(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await expect_ping(client)
        await client.expect_close(1011, REASON)
        await client.send(frame(PONG, b"late") + close_frame(1011))
        await client.expect_eof()
        await call.disconnect(1006)
        await call.finish()


async def test_o6a_connection_with_unflushed_output_is_aborted(start: Start, protocol: Any) -> None:
    """No Close can reach the peer; what waits for the app's next words is told at once."""
    app = App()
    ws = protocol.with_options(write_timeout=None)
    async with start(app, ws=ws, send_buffer=SOCKET_BUFFER, **KEEPALIVE) as server:
        async with server.connect(receive_buffer=SOCKET_BUFFER) as client:
            call = await opened(app, client)
            await call.send("websocket.send", bytes=b"m" * LARGE)
            await call.disconnect(1006)
            await turns()
            assert not server.state.connections
            await call.finish()
            rest = await client.rest()
            assert len(rest) < LARGE
            assert REASON.encode() not in rest
        assert REASON in ending_line(server)


async def test_o6a_waiting_send_raises(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=None)
    async with narrow(start, app, ws=ws, **KEEPALIVE) as (server, client):
        call = await opened(app, client)
        _, waiting = await fill(call, server.protocol)
        with pytest.raises(ClientDisconnected):
            await within(waiting)
        await call.disconnect(1006)
        await call.finish()


async def test_o6a_peer_that_answers_is_kept(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(10):
            await answer_ping(client)
        assert server.protocol.close_code is None
        await call.finish()


@LANES
async def test_o6a_only_the_answer_to_the_ping_counts(start: Start, protocol: Any, fast_lane: bool) -> None:
    """Other pongs do not, nor messages, nor pings."""
    app = App()
    ws = protocol.with_options(fast_lane=fast_lane)
    async with start(app, ws=ws, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        payload = await expect_ping(client)
        await client.send(frame(PONG, b"") + frame(PONG, payload + b"?") + frame(PING, payload) + frame(1, b"here"))
        assert await client.frame() == (PONG, payload, True, False)
        await client.expect_close(1011, REASON)
        assert await call.receive() == text_event("here")
        await call.disconnect(1006)
        await call.finish()


async def test_o6a_pings_differ(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        payloads = []
        for _ in range(4):
            payloads.append(await expect_ping(client))
            await client.send_frame(PONG, payloads[-1])
        assert len(set(payloads)) == 4
        await call.finish()


async def test_o6a_without_a_timeout_pings_go_on(start: Start) -> None:
    app = App()
    async with start(app, ws_ping_interval=0.02, ws_ping_timeout=None) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(10):
            await expect_ping(client)
        await client.send_text("here")
        assert await call.receive() == text_event("here")
        await call.finish()


async def test_o6a_without_an_interval_there_are_none(start: Start) -> None:
    app = App()
    async with start(app, ws_ping_interval=None, ws_ping_timeout=0.02) as server, server.connect() as client:
        call = await opened(app, client)
        await pass_time(0.3)
        assert client.pending() == b""
        await call.finish()


async def test_o8_reading_paused_for_longer_than_the_deadline(start: Start) -> None:
    """The peer's pong lies behind messages that the app has not taken."""
    app = App()
    async with start(app, ws_max_queue=2, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(b"".join(frame(1, b"%d" % n) for n in range(10)))
        await eventually(lambda: not server.protocol.transport.is_reading())
        async with answering_pings(client) as frames:
            await pass_time(3 * (INTERVAL + TIMEOUT))
            for n in range(10):
                assert await call.receive() == text_event(str(n))
            assert server.protocol.transport.is_reading()
            # The pongs have been read now, and the next ones are wanted in time again.
            await pass_time(2 * (INTERVAL + TIMEOUT))
            await call.send("websocket.send", text="kept")
            await eventually(lambda: frames)
        assert [received.payload for received in frames] == [b"kept"]
        await call.finish()


async def test_o8_app_that_takes_a_message_now_and_then(start: Start) -> None:
    """Reading goes on and pauses again; only the time in which the peer is read counts."""
    app = App()
    size = 60_000
    async with start(app, ws_max_queue=2, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        loop = asyncio.get_running_loop()
        data = memoryview(frame(2, b"m" * size) * 20)

        async def flood() -> None:
            await loop.sock_sendall(client.wire.socket, data)

        sending = asyncio.ensure_future(flood())
        for _ in range(20):
            await pass_time(TIMEOUT / 5)
            assert len((await call.receive())["bytes"]) == size
        await within(sending)
        async with answering_pings(client):
            await pass_time(INTERVAL + TIMEOUT)
            assert server.protocol.close_code is None
        await call.finish()


async def test_o8_deadline_runs_again_once_reading_goes_on(start: Start) -> None:
    app = App()
    async with start(app, ws_max_queue=2, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await client.send(b"".join(frame(1, b"%d" % n) for n in range(3)))
        await eventually(lambda: not server.protocol.transport.is_reading())
        await pass_time(2 * (INTERVAL + TIMEOUT))
        assert server.protocol.close_code is None
        for n in range(3):
            assert await call.receive() == text_event(str(n))
        await call.disconnect(1006)
        await call.finish()


@pytest.mark.parametrize("when", ["ping-unread", "pong-unread"])
async def test_o8_event_loop_stalled_for_longer_than_the_deadline(start: Start, when: str) -> None:
    """Both before the peer has got to read the ping and while its pong waits for us."""
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        for _ in range(3):
            if when == "pong-unread":
                await answer_ping(client)
                time.sleep(2 * TIMEOUT)  # noqa: ASYNC251 - the stall is what is tested
            else:
                while not (pending := client.pending()):
                    await turns(1)
                assert pending[0] & 0x0F == PING
                time.sleep(2 * TIMEOUT)  # noqa: ASYNC251
                await answer_ping(client)
        await answer_ping(client)
        assert server.protocol.close_code is None
        await call.finish()


async def test_o8_event_loop_stalls_again_and_again(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        await answer_ping(client)
        for _ in range(5):
            time.sleep(0.75 * TIMEOUT)  # noqa: ASYNC251 - the stall is what is tested
            await turns(2)
        async with answering_pings(client):
            await pass_time(INTERVAL + TIMEOUT)
        assert server.protocol.close_code is None
        await call.finish()


async def test_o8_silent_peer_is_found_in_a_loop_that_stalls(start: Start) -> None:
    app = App()
    async with start(app, **KEEPALIVE) as server, server.connect() as client:
        call = await opened(app, client)
        told = asyncio.ensure_future(call.disconnect(1006))
        for _ in range(20):
            time.sleep(TIMEOUT / 4)  # noqa: ASYNC251 - the stall is what is tested
            await pass_time(0.001)
        await told
        await call.finish()
