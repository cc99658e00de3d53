"""Peers that stop reading, and peers that never answer a Close: by how many ticks of a timer they are gone."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from safews._flow import LOOKS, StallWatch
from safews._patience import STEPS
from safews._timers import Timers
from tests.contract.helpers_o import SOCKET_BUFFER, ending_line, unsent
from tests.failures.peers import peak_memory
from tests.failures.server import begin_tls
from tests.harness import Call, Start, eventually
from tests.hostile.helpers import TCP_AND_TLS, PingBeats, Ticks, echoes, protocol_of, under_attack
from tests.hostile.processes import HEAP, KIB, MARK, TLS_IDLE, connect, nothing_left, reset_peak, serving

PART = b"p" * 16 * KIB

UNSENT = MARK + 64 * KIB + len(PART)
"""Bytes that a connection holds at most of what its app sends: the transport, what is gathered, one message."""

ROUND = LOOKS + 1
"""Looks within which a peer that does nothing is given up: a wait, and the one in which it still did something."""


async def sends_without_end(call: Call) -> None:
    """A script: accept, and send until that fails."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    try:
        while True:
            await call.send_event({"type": "websocket.send", "bytes": PART})
    except OSError:
        return


@TCP_AND_TLS
@pytest.mark.parametrize(("write_timeout", "ping_timeout"), [(0.4, 30), (30, 0.4)], ids=["write", "ping"])
async def test_peer_that_stops_reading_is_given_up_by_the_earlier_timeout(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, write_timeout: float, ping_timeout: float, tls: bool
) -> None:
    looks, beats = Ticks(monkeypatch, StallWatch, "due"), PingBeats(monkeypatch)
    ws = protocol.with_options(write_timeout=write_timeout)
    settings = {"ws": ws, "ws_ping_interval": 0.05, "ws_ping_timeout": ping_timeout, "send_buffer": SOCKET_BUFFER}
    async with under_attack(start, sends_without_end, tls=tls, **settings) as (server, other):
        async with server.connect(receive_buffer=SOCKET_BUFFER) as client:
            await client.open(b"/")
            attacked = protocol_of(server, client)
            await eventually(lambda: attacked._app.gate.has_queue)
            held, taken = 0, -1
            while attacked in server.state.connections:
                held = max(held, unsent(attacked))
                if attacked._output._stall._taken != taken:  # A kernel of little room takes its time.
                    taken = attacked._output._stall._taken
                    looks.forget()
                await echoes(other)
        by_write = write_timeout < ping_timeout
        assert looks.of(attacked._output._stall) <= ROUND if by_write else beats.are_all(attacked)
        assert held <= UNSENT
        assert ("slow peer" if by_write else "keepalive ping timeout") in ending_line(server)


async def returns_at_once(call: Call) -> None:
    """A script: accept, and return: Close 1000."""
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})


async def returns_with_full_buffers(call: Call) -> None:
    """A script: accept, send until that waits, and return: the Close stands behind what nobody takes."""
    await returns_at_once(call)
    while await is_sent(call):
        pass


async def is_sent(call: Call) -> bool:
    """Say whether a message has been sent; one that waits is taken back."""
    sending = asyncio.ensure_future(call.send_event({"type": "websocket.send", "bytes": PART}))
    await asyncio.wait([sending], timeout=0.1)
    sending.cancel()
    await asyncio.wait([sending])
    return not sending.cancelled()


@TCP_AND_TLS
@pytest.mark.parametrize("script", [returns_at_once, returns_with_full_buffers], ids=["idle", "full"])
async def test_peer_that_never_answers_a_close_is_given_up_by_eight_looks(
    start: Start, protocol: Any, monkeypatch: pytest.MonkeyPatch, script: Any, tls: bool
) -> None:
    looks = Ticks(monkeypatch, Timers, "_look")
    ws = protocol.with_options(close_timeout=0.2, write_timeout=None)
    settings = {"ws": ws, "ws_ping_interval": None, "send_buffer": SOCKET_BUFFER}
    async with under_attack(start, script, tls=tls, **settings) as (server, other):
        async with server.connect(receive_buffer=SOCKET_BUFFER) as client:
            await client.open(b"/")
            attacked = protocol_of(server, client)
            while attacked in server.state.connections:
                await echoes(other)
        assert looks.of(attacked._timers) == STEPS


COUNT = 8
"""Hostile peers of each kind."""


@TCP_AND_TLS
async def test_memory_that_deaf_peers_take(tmp_path: Path, ours: str, loop_name: str, tls: bool) -> None:
    """Of peers of three kinds at once: the app sends without end, has closed, has closed behind full buffers."""
    options = {"SAFEWS_WRITE_TIMEOUT": "0.8", "SAFEWS_CLOSE_TIMEOUT": "0.4"}
    serve = serving(tmp_path, ours, loop_name, "--ws-ping-interval", "0", tls=tls, **options)
    with serve as server, server.connect() as other:
        await begin_tls(other)
        await other.open(b"/echo")
        before = reset_peak(server)
        async with AsyncExitStack() as stack:
            for path in (b"/sends", b"/closes", b"/fills"):
                await connect(stack, server, COUNT, path)
            await echoes(other)
            await nothing_left(server, 1)
        assert peak_memory(server) - before <= 3 * COUNT * (UNSENT + tls * TLS_IDLE) + HEAP
        await echoes(other)
