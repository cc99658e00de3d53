"""A session that Starlette's middleware keeps in a cookie, read in a WebSocket: Starlette's issue 483."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.failures.server import ServerProcess, uvicorn
from tests.harness import TEXT

pytest.importorskip("itsdangerous")

APP = "session:app"


async def what_the_websocket_sees(server: ServerProcess) -> object:
    cookie = (await server.get("/log-in")).one(b"set-cookie").partition(b";")[0]
    server.expect(r'"GET /log-in HTTP/1\.1" 200')
    with server.connect() as client:
        await client.open(b"/who-am-i", [(b"Cookie", b"theme=dark; " + cookie)])
        server.expect(r'"WebSocket /who-am-i" \[accepted\]')
        frame = await client.frame()
        assert frame.opcode == TEXT
        await client.expect_close(1000)
        await client.send_close(1000)
        await client.expect_eof()
        return json.loads(frame.payload)


SEEN = {"session": {"user": "ada"}, "cookies": ["session", "theme"]}


async def test_the_session_is_there(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server:
        assert await what_the_websocket_sees(server) == SEEN
        server.expect(r'"WebSocket /who-am-i" \[closed\] 1000')


@pytest.mark.stock
async def test_stock_has_it_too(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name) as server:
        assert await what_the_websocket_sees(server) == SEEN
        server.expect(r"connection (open|closed)", least=0)
