"""An app that closes during the handshake and calls ``receive`` again: uvicorn's issue 244."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.failures.server import uvicorn

APP = "closes_at_once:app"


async def test_it_is_refused_and_ends(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server, server.connect() as client:
        await client.request()
        response = await client.response()
        assert (response.status, response.complete) == (403, True)
        server.expect(r'"WebSocket /" 403$')


@pytest.mark.stock
async def test_stock_logs_a_traceback(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name) as server, server.connect() as client:
        await client.request()
        assert (await client.response()).status == 403
        server.expect(r'"WebSocket /" 403$')
        server.expect(r"connection (rejected|closed)", least=0)
        server.expect(r"Exception in ASGI application\nTraceback .*RuntimeError: .* 'websocket\.close'")
