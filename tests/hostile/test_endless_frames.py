"""Frames that announce too much or never end, and handshakes that come byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safews._admission import CENSUS
from tests.contract.helpers_c import wait_for_end
from tests.contract.helpers_o import LANES, ending_line, unread
from tests.harness import (
    BINARY,
    CLOSE,
    TEXT,
    Client,
    Server,
    Start,
    eventually,
    frame,
    turns,
    upgrade_request,
)
from tests.hostile.attacks import ENDLESS
from tests.hostile.helpers import OTHER, OVER_TLS, PingBeats, echoes, protocol_of, under_attack


@LANES
@pytest.mark.parametrize(("size", "code"), [(2**63, 1002), (2**63 - 1, 1009), (2**64 - 1, 1002)])
@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
async def test_header_that_announces_exbibytes(
    start: Start, protocol: Any, fast_lane: bool, opcode: int, size: int, code: int
) -> None:
    """It is refused as it stands: no byte of the payload is waited for, and none is kept."""
    ws = protocol.with_options(fast_lane=fast_lane)
    attack = under_attack(start, wait_for_end, ws=ws, ws_max_size=None if code == 1002 else 2**20)
    async with attack as (server, _), server.connect() as client:
        await client.open(b"/")
        attacked = protocol_of(server, client)
        await client.send(bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big") + b"mask" + b"payload")
        closing = await client.frame()
        assert (closing.opcode, closing.payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
        assert unread(attacked) == 0
        await client.expect_eof()


KEEPALIVE = {"ws_ping_interval": 0.05, "ws_ping_timeout": 0.2}


@asynccontextmanager
async def given_up(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool = True, tls: bool = False
) -> AsyncIterator[tuple[Any, Client, Client]]:
    """Connect a peer that the ping timeout ends; gives its protocol object, its client and another's."""
    beats = PingBeats(monkeypatch)
    ws = protocol.with_options(fast_lane=fast_lane)
    async with under_attack(start, wait_for_end, ws=ws, tls=tls, **KEEPALIVE) as (server, other):
        async with server.connect() as client:
            await client.open(b"/")
            attacked = protocol_of(server, client)
            yield attacked, client, other
            assert beats.are_all(attacked)
        await eventually(lambda: attacked not in server.state.connections)
        assert "keepalive ping timeout" in ending_line(server)


@LANES
@pytest.mark.parametrize("name", ENDLESS)
async def test_frame_that_never_ends(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool, name: str
) -> None:
    """What has come of it is kept, and no more; no Pong can come within a frame, so the ping timeout ends it."""
    async with given_up(start, protocol, monkeypatch, fast_lane) as (attacked, client, other):
        await client.send(ENDLESS[name])
        while attacked.close_code is None:
            # A fragment counts for 64 bytes more, and there are two at most.
            assert unread(attacked) <= len(ENDLESS[name]) + 2 * 64
            await echoes(other)


@OVER_TLS
async def test_frame_that_never_ends_over_tls(start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS's own record ends or does not: half of the beginning comes in one that is whole, half in one that is cut."""
    beginning = ENDLESS["a payload"]
    async with given_up(start, protocol, monkeypatch, tls=True) as (attacked, client, other):
        await client.send(beginning[:250])
        record = client.wire.sealed(beginning[250:])
        await asyncio.get_running_loop().sock_sendall(client.wire.socket, record[:-1])
        while attacked.close_code is None:
            assert unread(attacked) <= 250 + 64
            await echoes(other)


@LANES
async def test_frame_that_comes_byte_by_byte_without_end(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, fast_lane: bool
) -> None:
    """That something comes is no reason to wait longer."""
    data = frame(BINARY, bytes(10**6))
    async with given_up(start, protocol, monkeypatch, fast_lane) as (attacked, client, other):
        sent = 0
        while attacked.close_code is None:
            await client.send(data[sent : sent + 1])
            sent += 1
            await echoes(other)
            assert unread(attacked) <= sent + 64


async def byte_by_byte(client: Client, data: bytes) -> None:
    for at in range(len(data)):
        await client.send(data[at : at + 1])
        await turns(2)


@pytest.mark.every_http
async def test_handshake_that_comes_byte_by_byte(start: Start) -> None:
    async with under_attack(start, wait_for_end) as (server, _), server.connect() as client:
        await byte_by_byte(client, upgrade_request())
        assert (await client.head()).status == 101
        await client.send_close(1000)
        await client.expect_close(1000)


@pytest.mark.every_http
async def test_handshake_that_never_ends_is_no_websocket_yet(start: Start, protocol: Any) -> None:
    """It is uvicorn's HTTP protocol that holds it; it takes none of ``max_connections``, and no object of ours."""
    ws = protocol.with_options(max_connections=len(CENSUS.members) + 2)
    async with under_attack(start, wait_for_end, ws=ws) as (server, _):
        async with server.connect() as client:
            await byte_by_byte(client, upgrade_request()[:-2])
            assert members(server) == 1
            async with server.open(OTHER) as another:
                await echoes(another)
        await eventually(lambda: len(server.state.connections) == 1)


def members(server: Server) -> int:
    """Count the WebSockets of the server."""
    return len(CENSUS.members & server.state.connections)
