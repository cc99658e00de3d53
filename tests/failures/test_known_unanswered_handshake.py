"""An app that does not answer the handshake, but returns, raises or sends too early: uvicorn's issue 920."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.server import uvicorn

APP = "fails_in_handshake:app"

LINES = {
    "/returns": r'"WebSocket /returns" 500: ASGI callable returned without completing handshake\.$',
    "/raises": r"Exception in ASGI application\nTraceback .*ValueError: before the answer$",
    "/sends": r"Exception in ASGI application\nTraceback .*RuntimeError: .*websocket\.send",
}
STOCK_LINES = LINES | {"/returns": r"ASGI callable returned without (completing|sending) handshake\.$"}

AFTERWARDS = b"LifespanOn.main,RequestResponseCycle.run_asgi,Server.serve"
"""uvicorn's own tasks, and the one that tells."""


async def test_it_is_answered_and_no_task_is_left(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server:
        for path, line in LINES.items():
            with server.connect() as client:
                await client.request(path.encode())
                response = await client.response()
                assert (response.status, response.complete) == (500, True)
                await client.expect_eof()
                assert (await server.get()).body == AFTERWARDS
            server.expect(line)
        server.expect(r'"GET / HTTP/1\.1" 200', len(LINES))


@pytest.mark.stock
async def test_stock_leaves_no_task_either(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name) as server:
        for path, line in STOCK_LINES.items():
            with server.connect() as client:
                await client.request(path.encode())
                assert (await client.response()).status == 500
                await client.rest()
                # The older implementation says yes after it has said no.
                says_both = stock == "websockets" and path == "/returns"
                assert (b"HTTP/1.1 101 " in client.raw) is says_both
            server.expect(line)
        while (await server.get()).body != AFTERWARDS:  # Its tasks end, if not at once.
            pass
        server.expect(r'"GET / HTTP/1\.1" 200', least=1)
        server.expect(r"connection (rejected|open|closed)", least=0)
