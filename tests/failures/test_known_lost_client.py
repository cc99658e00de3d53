"""Apps that push to clients which leave: plotly's Dash, issue 3790, in the shape that makes each traceback certain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.peers import Leave, by_close, by_fin, by_rst
from tests.failures.server import ServerProcess, uvicorn

APP = "pushes:app"


WAYS: list[Leave] = [by_close, by_fin, by_rst]
TIMES = 5
CLIENTS = TIMES * len(WAYS)


async def clients_come_and_leave(server: ServerProcess, path: str) -> None:
    """Let clients connect and leave in each of the ways, several times."""
    for leave in WAYS * TIMES:
        with server.connect() as client:
            await client.open(path.encode())
            await leave(client)
    server.expect(rf'"WebSocket {path}" \[accepted\]$', CLIENTS)


def records_of_the_closes(server: ServerProcess, path: str) -> None:
    """Expect safews's line about each end of a connection."""
    server.expect(rf'"WebSocket {path}" \[closed\] 1001 going away by peer', TIMES)
    server.expect(rf'"WebSocket {path}" \[closed\] 1006 abnormal closure .* by network', CLIENTS - TIMES)


async def release(server: ServerProcess) -> None:
    """Let the tasks send: to clients of whom the server knows that they have left, as it has looked since."""
    assert (await server.get("/release")).status == 200
    server.expect(r'"GET /release HTTP/1\.1" 200')


async def test_an_endpoint_that_only_sends(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server:
        await clients_come_and_leave(server, "/only-sends")
        server.terminate()
        records_of_the_closes(server, "/only-sends")


async def test_tasks_that_nobody_awaits(tmp_path: Path, ours: str, loop_name: str) -> None:
    """The server adds a line to what asyncio says of the tasks."""
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server:
        await clients_come_and_leave(server, "/in-the-background")
        await release(server)
        records_of_the_closes(server, "/in-the-background")
        server.expect("app failed after the client was gone: .*WebSocket is not connected", CLIENTS)
        server.expect(r"^Task exception was never retrieved.*\.ClientDisconnected: ", CLIENTS)
        server.expect(r'^Task exception was never retrieved.* Cannot call "send" once a close', CLIENTS)


async def test_tasks_that_nobody_awaits_with_drop(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name, SAFEWS_AFTER_DISCONNECT="drop") as server:
        await clients_come_and_leave(server, "/in-the-background")
        await release(server)
        records_of_the_closes(server, "/in-the-background")


def costs(server: ServerProcess, lines: int, tracebacks: int) -> None:
    """The log has at least so much for each client; Python 3.11 and newer writes more lines than 3.10."""
    server.terminate()
    assert server.log.lines >= lines * CLIENTS
    assert server.log.tracebacks >= tracebacks * CLIENTS


@pytest.mark.stock
async def test_stock_with_an_endpoint_that_only_sends(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name) as server:
        await clients_come_and_leave(server, "/only-sends")
        server.expect("Exception in ASGI application\n.*ClientDisconnected.*WebSocketDisconnect", CLIENTS)
        server.expect("connection (open|closed)", least=0)
        costs(server, 35, 2)


@pytest.mark.stock
async def test_stock_with_tasks_that_nobody_awaits(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name) as server:
        await clients_come_and_leave(server, "/in-the-background")
        await release(server)
        server.expect('Exception in ASGI application\n.* WebSocket is not connected. Need to call "accept"', CLIENTS)
        server.expect(r"^Task exception was never retrieved.*\.ClientDisconnected", CLIENTS)
        server.expect(r'^Task exception was never retrieved.* Cannot call "send" once a close', CLIENTS)
        server.expect("connection (open|closed)", least=0)
        costs(server, 45, 4)
