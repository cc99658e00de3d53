"""Peers that say much and never what is asked: the right Pong; and healthy ones whose Pong we do not come to."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

import safews._connection
from tests.contract.helpers_c import wait_for_end
from tests.contract.helpers_o import answering_pings, ending_line, unread, unsent
from tests.harness import PING, PONG, TEXT, Call, Client, Server, Start, eventually, frame
from tests.hostile.attacks import NO_PONG
from tests.hostile.helpers import PingBeats, echoes, leaves, protocol_of, under_attack
from tests.hostile.processes import MARK

INTERVAL, TIMEOUT = 0.05, 0.4
KEEPALIVE = {"ws_ping_interval": INTERVAL, "ws_ping_timeout": TIMEOUT}


@pytest.mark.parametrize("data", NO_PONG.values(), ids=NO_PONG)
async def test_peer_that_says_anything_but_the_pong(start: Start, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """It takes what we send, and goes on after our Close."""
    monkeypatch.setattr(safews._connection, "PING_TIMEOUT_GRACE", 0.1)
    beats = PingBeats(monkeypatch)
    async with under_attack(start, wait_for_end, **KEEPALIVE) as (server, other):
        async with server.connect() as client:
            await client.open(b"/")
            attacked = protocol_of(server, client)
            held = 0
            while await says_more(server, attacked, client, data):
                held = max(held, unread(attacked) + unsent(attacked))
                await echoes(other)
            assert beats.are_all(attacked)
            assert held <= MARK
        assert "keepalive ping timeout" in ending_line(server)


async def says_more(server: Server, attacked: Any, client: Client, data: bytes) -> bool:
    """Send, and wait until it has been read; ``False`` once the connection is gone."""
    sent = attacked._bytes_in + len(data)
    with suppress(OSError):
        await client.send(data)
        await eventually(lambda: attacked._bytes_in >= sent or attacked not in server.state.connections)
        client.pending()
    client.raw = client._buffer = b""
    return attacked in server.state.connections


async def test_app_that_blocks_the_event_loop_loses_no_healthy_peer(start: Start) -> None:
    """Again and again, for longer than interval and timeout together, while messages and pongs come."""
    async with under_attack(start, wait_for_end, **KEEPALIVE) as (server, other), server.connect() as client:
        await client.open(b"/")
        attacked = protocol_of(server, client)
        for _ in range(4):
            await asyncio.gather(echoes(other), answer_next_ping(client))
            time.sleep(INTERVAL + 1.5 * TIMEOUT)  # noqa: ASYNC251 - the blocking is what is tested
        assert attacked.close_code is None
        await leaves(client)


async def test_app_that_does_not_receive_loses_no_healthy_peer(start: Start) -> None:
    """Its pongs lie behind messages for longer than interval and timeout together; afterwards it is kept too."""
    woken = asyncio.Event()

    async def naps(call: Call) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        await woken.wait()
        while (await call.receive_event())["type"] != "websocket.disconnect":
            pass

    async with under_attack(start, naps, ws_max_queue=2, **KEEPALIVE) as (server, other), server.connect() as client:
        await client.open(b"/")
        attacked = protocol_of(server, client)
        await client.send(frame(TEXT, b"x") * 5)
        await eventually(lambda: not attacked.transport.is_reading())
        async with answering_pings(client):
            await beats_pass(attacked, other)
            assert not attacked.transport.is_reading()
            woken.set()
            await beats_pass(attacked, other)
        assert attacked.close_code is None
        await leaves(client)


async def beats_pass(attacked: Any, other: Client) -> None:
    """Let more beats pass than a peer is waited for, interval and timeout together."""
    keepalive = attacked._keepalive
    end = keepalive._pulse.number + keepalive._interval + 2 * keepalive._timeout
    while keepalive._pulse.number < end:
        await echoes(other)


async def answer_next_ping(client: Client) -> None:
    received = await client.frame()
    assert received.opcode == PING
    await client.send_frame(PONG, received.payload)
