"""A peer that stops reading: a timeout ends its connection, or the server's end does.

The bounds that a test is not about are longer than it may take.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.failures.peers import HANG, PLAIN, deaf_peer, ends_on_sigterm, ignores_sigterm, open_sockets
from tests.failures.server import uvicorn
from tests.harness import eventually

APP = "worse_stalled:app"
DEADLINE = 10.0
PINGS = ("--ws-ping-interval", "0.3", "--ws-ping-timeout", "0.3")


class Bound(NamedTuple):
    """A bound by itself: what the app does (its path) and says, the close record, the settings."""

    path: str
    says: str
    record: str
    arguments: tuple[str, ...] = ()
    write_timeout: str = "30"
    close_timeout: str = "30"


BOUNDS = {
    "write timeout": Bound(
        "sends", "send raised ClientDisconnected", r"1006 .*slow peer.* by server", write_timeout="0.5"
    ),
    "ping timeout": Bound("waits", "told of websocket.disconnect 1006", r"1006 .*ping timeout.* by server", PINGS),
    "close timeout": Bound("closes", "has closed", "4000 .* by app", close_timeout="0.5"),
}


@pytest.mark.parametrize("bound", BOUNDS.values(), ids=BOUNDS)
async def test_it_is_released(tmp_path: Path, ours: str, loop_name: str, bound: Bound) -> None:
    with uvicorn(
        tmp_path,
        APP,
        ours,
        *bound.arguments,
        loop=loop_name,
        SAFEWS_WRITE_TIMEOUT=bound.write_timeout,
        SAFEWS_CLOSE_TIMEOUT=bound.close_timeout,
    ) as server:
        before = open_sockets(server)
        with deaf_peer(server) as peer:
            await peer.open(f"/{bound.path}".encode())
            server.running.wait_for(f"app: {bound.says}")
            await eventually(lambda: open_sockets(server) == before, DEADLINE)
            assert (await server.get()).status == 204
            ends_on_sigterm(server)
        server.expect('"GET / HTTP/1.1" 204')
        server.expect(rf'"WebSocket /{bound.path}" \[accepted\]')
        server.expect(rf'"WebSocket /{bound.path}" \[closed\] {bound.record}')
        server.expect(f"^app: {bound.says}$")


async def test_it_does_not_keep_the_process(tmp_path: Path, ours: str, loop_name: str) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(uvicorn(tmp_path, APP, ours, loop=loop_name, SAFEWS_CLOSE_TIMEOUT="0.5"))
        for path in (b"/waits", b"/sends"):
            await stack.enter_context(deaf_peer(server)).open(path)
        ends_on_sigterm(server)
        server.expect(r'"WebSocket /(waits|sends)" \[accepted\]', 2)
        server.expect(r"Closing 2 WebSocket connection\(s\) with code 1012$")
        server.expect("^app: send raised ClientDisconnected$")
        server.expect("^app: told of websocket.disconnect 1012$")


@pytest.mark.stock
async def test_stock_keeps_it_for_ever(tmp_path: Path, stock: str, loop_name: str) -> None:
    """No timeout releases it, no app is told, ``websocket.close`` never returns, and the process does not end."""
    with ExitStack() as stack:
        server = stack.enter_context(uvicorn(tmp_path, APP, stock, *PINGS, loop=loop_name, **PLAIN))
        before = open_sockets(server)
        paths = (b"/waits", b"/closes", b"/sends")
        for path in paths:
            await stack.enter_context(deaf_peer(server)).open(path)
        with pytest.raises(AssertionError, match="not so"):
            await eventually(lambda: open_sockets(server) < before + len(paths), HANG)
        server.process.send_signal(signal.SIGTERM)
        server.running.wait_for("Waiting for connections to close")
        ignores_sigterm(server)
        server.expect(r'"WebSocket /(waits|closes|sends)" \[accepted\]', len(paths))
        server.expect("connection open", least=0)
        server.expect("keepalive ping failed", least=0)
