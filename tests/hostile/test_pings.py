"""Peers that say much and never what is asked: the right Pong. (Healthy peers that cannot: test_o_keepalive.py.)"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

import safews._connection
from tests.contract.helpers_c import wait_for_end
from tests.contract.helpers_o import ending_line, unread, unsent
from tests.harness import PING, PONG, Client, Server, Start, eventually
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


async def answer_next_ping(client: Client) -> None:
    received = await client.frame()
    assert received.opcode == PING
    await client.send_frame(PONG, received.payload)
