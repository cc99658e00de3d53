"""An app that is slow, so that reading pauses, with a healthy client, whose Pongs then lie unread."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.peers import PLAIN, ends_on_sigterm
from tests.failures.server import ServerProcess, uvicorn
from tests.harness import CLOSE, PING, PONG, TEXT, Client, Frame

APP = "worse_slow:app"

INTERVAL, TIMEOUT = 0.2, 1.2
PINGS = ("--ws-ping-interval", str(INTERVAL), "--ws-ping-timeout", str(TIMEOUT))

MANY = 100
"""Messages, of which the server takes some and leaves the rest in the kernel."""


async def open_and_send(client: Client) -> None:
    """Give the app enough to do."""
    await client.open(b"/slow")
    for number in range(MANY):
        await client.send_text(str(number))


async def answer(client: Client) -> Frame:
    """Answer a Ping, and return it; or another frame."""
    frame = await client.frame()
    if frame.opcode == PING:
        await client.send_frame(PONG, frame.payload)
    return frame


async def let_the_app_go_on(server: ServerProcess) -> None:
    with server.connect() as client:
        await client.open(b"/go")
        await client.send_close(1000)
        await client.rest()


async def test_the_client_survives(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, *PINGS, loop=loop_name) as server, server.connect() as client:
        await open_and_send(client)
        # So many come in no less time than it takes to give a client up.
        for _ in range(2 + int(TIMEOUT / INTERVAL)):
            assert (await answer(client)).opcode == PING
        await let_the_app_go_on(server)
        for number in range(1, MANY):
            while (frame := await answer(client)).opcode == PING:
                pass
            assert frame == Frame(TEXT, str(number).encode())
        await client.send_close(1000)
        await client.rest()
        server.expect(r'"WebSocket /(slow|go)" \[accepted\]', 2)
        server.expect(r'"WebSocket /slow" \[closed\] 1000 .* by peer, .* in 100 messages .* out 99 messages')
        server.expect(r'"WebSocket /go" \[closed\] 1000 ')
        ends_on_sigterm(server)


@pytest.mark.stock
async def test_stock_drops_it(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, *PINGS, loop=loop_name, **PLAIN) as server, server.connect() as client:
        await open_and_send(client)
        while (frame := await answer(client)).opcode == PING:
            pass
        assert frame == Frame(CLOSE, (1011).to_bytes(2, "big") + b"keepalive ping timeout")
        client.close()
        await let_the_app_go_on(server)
        server.expect(r'"WebSocket /(slow|go)" \[accepted\]', 2)
        server.expect("connection (open|closed)", least=0)
        ends_on_sigterm(server)
