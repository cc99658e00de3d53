"""An app that reads a camera in a way that blocks, and awaits nothing but ``send``: then its client leaves.

Where ``send`` does not suspend, nothing suspends such an app. With uvicorn's own classes it goes on sending into a
transport that is gone, and the event loop never has the turn in which it would tell the protocol so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.failures.peers import HANG, PLAIN, ends_on_sigterm, ignores_sigterm, shown_by
from tests.failures.server import ServerProcess, uvicorn
from tests.harness import Client, within

APP = "worse_camera:app"

Leave = Callable[[Client], Awaitable[None]]


@asynccontextmanager
async def watching(server: ServerProcess) -> AsyncIterator[Client]:
    """Connect, and receive some frames."""
    with server.connect() as client:
        await client.open(b"/camera")
        for _ in range(5):
            await client.frame()
        yield client


async def end_tcp(client: Client) -> None:
    """Leave as a program does that is killed."""
    client.close()


async def send_close(client: Client) -> None:
    """Leave as a browser does."""
    await client.send_close(1001)
    await client.rest()


@pytest.mark.parametrize(("leave", "code"), [(end_tcp, 1006), (send_close, 1001)])
async def test_the_app_is_told_and_others_are_served(
    tmp_path: Path, ours: str, loop_name: str, leave: Leave, code: int
) -> None:
    running = uvicorn(tmp_path, APP, ours, loop=loop_name, SAFEWS_CLOSE_GRACE="0.1")
    with running as server, server.connect() as other:
        await other.open(b"/echo")
        async with watching(server) as client:
            assert (await server.get()).status == 204
            await other.send_text("meanwhile")
            await other.expect_text("meanwhile")
            await leave(client)
        server.running.wait_for("app: camera ended with ClientDisconnected")
        assert (await server.get()).status == 204
        await other.send_close(1000)
        await other.expect_close(1000)
        await other.expect_eof()
        ends_on_sigterm(server)
        server.expect("^app: camera ended with ClientDisconnected$")
        server.expect('"GET / HTTP/1.1" 204', 2)
        server.expect(r'"WebSocket /(camera|echo)" \[accepted\]', 2)
        server.expect(rf'"WebSocket /camera" \[closed\] {code} ')
        server.expect(r'"WebSocket /echo" \[closed\] 1000 ')


@pytest.mark.stock
@shown_by("websockets-sansio", "wsproto")
async def test_stock_hangs_as_a_whole(tmp_path: Path, stock: str, loop_name: str) -> None:
    """``--ws websockets`` does not: its ``send`` always gives the event loop a turn."""
    with uvicorn(tmp_path, APP, stock, loop=loop_name, **PLAIN) as server:
        async with watching(server) as client:
            await end_tcp(client)
        server.running.wait_for("app: 100 frames without a turn of the event loop")
        with pytest.raises(asyncio.TimeoutError):
            await within(server.get(), HANG)
        ignores_sigterm(server)
        server.expect("^app: 100 frames without a turn of the event loop$")
        server.expect(r'"WebSocket /camera" \[accepted\]')
        server.expect("connection open", least=0)
        server.expect(r"socket\.send\(\) raised exception\.", least=0)
