"""Dash 4.2.0rc1 with callbacks in flight when their client vanishes: plotly's Dash, issue 3790.

Its tasks send without asking whether the client is still there, and so may its endpoint. Which of its tracebacks
appear is a race, but for the client that leaves as a browser does: a message and the Close in one segment.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.dash_clients import FAILED, INSTALLED, PATH, PRINTED, TICKS, UNAWAITED, WORK, dash
from tests.failures.server import ServerProcess
from tests.harness import Client, close_frame

pytestmark = INSTALLED

TIMES = 5


async def by_close(client: Client) -> None:
    """Leave as a browser does."""
    await client.send(TICKS + close_frame(1001))
    await client.rest()


async def by_fin(client: Client) -> None:
    """Leave without a word."""
    await client.send(TICKS)
    client.half_close()
    await client.rest()


async def by_rst(client: Client) -> None:
    """Vanish."""
    await client.send(TICKS)
    client.reset()


WAYS = [by_close, by_fin, by_rst]
CLIENTS = TIMES * len(WAYS)


async def clients_come_and_leave(server: ServerProcess) -> None:
    """Let clients connect, have callbacks called, and leave in each of the ways, several times."""
    for leave in WAYS * TIMES:
        with server.connect() as client:
            await client.open(PATH.encode(), [(b"Origin", b"http://localhost")])
            await client.send_text(WORK)
            await client.frame()
            await leave(client)
    server.expect(rf'"WebSocket {PATH}" \[accepted\]$', CLIENTS)


async def test_at_most_a_line_for_a_client(tmp_path: Path, ours: str, loop_name: str) -> None:
    with dash(tmp_path, ours, loop_name) as server:
        await clients_come_and_leave(server)
        server.expect(rf'"WebSocket {PATH}" \[closed\] ', CLIENTS)
        server.expect(FAILED, most=CLIENTS - TIMES)  # None for those who have sent a Close.
        # What the app's own tasks make of it, which the server does not see.
        server.expect(UNAWAITED, least=0)
        server.expect(PRINTED, least=0)


async def test_nothing_with_drop(tmp_path: Path, ours: str, loop_name: str) -> None:
    with dash(tmp_path, ours, loop_name, after_disconnect="drop") as server:
        await clients_come_and_leave(server)
        server.expect(rf'"WebSocket {PATH}" \[closed\] ', CLIENTS)


@pytest.mark.stock
async def test_stock_logs_tracebacks(tmp_path: Path, stock: str, loop_name: str) -> None:
    with dash(tmp_path, stock, loop_name) as server:
        await clients_come_and_leave(server)
        server.expect("connection (open|closed)", least=0)
        server.expect(
            "Exception in ASGI application\n.*WebSocket is not connected", least=0 if stock == "websockets" else 1
        )
        server.expect(UNAWAITED, least=TIMES)
        server.expect(PRINTED, least=0)
