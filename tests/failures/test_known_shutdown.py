"""A shutdown while a handshake is under way, under uvicorn and under gunicorn: uvicorn's issue 596."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.failures.server import STOP_SECONDS, ServerProcess, gunicorn, uvicorn
from tests.harness import Client, upgrade_request

Launch = Callable[..., AbstractContextManager[ServerProcess]]

APP = "accepts_late:app"
UNDER = pytest.mark.parametrize("launch", [uvicorn, gunicorn], ids=["uvicorn", "gunicorn"])


async def called(server: ServerProcess, client: Client, path: str) -> None:
    """Have the app called, and expect that it says so."""
    await client.request(path.encode())
    line = f"^called for {path}$"
    server.running.wait_for(f"(?m){line}")
    server.expect(line)


def ended(server: ServerProcess) -> None:
    """Wait for the end, which must come in time; gunicorn's status is 0, uvicorn's the signal."""
    assert server.process.wait(STOP_SECONDS) in (0, -signal.SIGTERM)


@UNDER
async def test_before_the_accept(tmp_path: Path, ours: str, loop_name: str, launch: Launch) -> None:
    with launch(tmp_path, APP, ours, loop=loop_name) as server, server.connect() as client:
        await called(server, client, "/late")
        server.process.send_signal(signal.SIGTERM)
        response = await client.response()
        assert (response.status, response.complete) == (503, True)
        await client.expect_eof()
        client.close()
        ended(server)


@UNDER
async def test_at_other_moments(tmp_path: Path, ours: str, loop_name: str, launch: Launch) -> None:
    """Half a request is here; a denial is under way; the app has accepted."""
    with (
        launch(tmp_path, APP, ours, loop=loop_name, SAFEWS_CLOSE_TIMEOUT="0.1") as server,
        server.connect() as half,
        server.connect() as denied,
        server.connect() as accepted,
    ):
        await half.send(upgrade_request(b"/half")[:-20])
        await called(server, denied, "/deny")
        denial = await denied.head()
        await called(server, accepted, "/accept")
        assert (await accepted.head()).status == 101
        server.process.send_signal(signal.SIGTERM)
        await accepted.expect_close(1012)
        accepted.close()
        assert await half.rest() == b""
        while await denied.part(denial):
            pass
        assert (denial.status, denial.body, denial.complete) == (403, b"a part", False)
        ended(server)
        server.expect(r'"WebSocket /deny" 403$')
        server.expect(r'"WebSocket /accept" \[accepted\]$')
        server.expect(r"Closing 1 WebSocket connection\(s\) with code 1012$")


@UNDER
async def test_request_and_signal_at_once(tmp_path: Path, ours: str, loop_name: str, launch: Launch) -> None:
    """The app has not been called when the signal arrives: the event loop is held, and finds both when it goes on."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    with (
        launch(tmp_path, APP, ours, loop=loop_name, GATE=str(gate)) as server,
        server.connect() as holder,
        server.connect() as client,
    ):
        await holder.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        server.running.wait_for("the event loop is held")
        await client.request(b"/late")
        server.process.send_signal(signal.SIGTERM)
        gate.write_bytes(b"go on")
        # uvicorn may also close the connection before it has read the request.
        assert re.match(rb"HTTP/1\.1 503 |$", await client.rest())
        client.close()
        ended(server)
        server.expect("^the event loop is held$")
        server.expect(r'^called for /late$|"GET / HTTP/1\.1" 200', least=0)


async def test_an_app_that_sleeps_on(tmp_path: Path, ours: str, loop_name: str) -> None:
    bounded = ("--timeout-graceful-shutdown", "1")
    with uvicorn(tmp_path, APP, ours, *bounded, loop=loop_name) as server, server.connect() as client:
        await called(server, client, "/sleep")
        server.process.send_signal(signal.SIGTERM)
        assert (await client.response()).status == 503
        client.close()
        ended(server)
        server.expect(r"Cancel 1 running task\(s\), timeout graceful shutdown exceeded$")
        # uvicorn may be gone before the app has noticed.
        server.expect(r'"WebSocket /sleep" app cancelled$', least=0)


@UNDER
@pytest.mark.stock
async def test_stock_answers_500(tmp_path: Path, stock: str, loop_name: str, launch: Launch) -> None:
    """The exception out of the shutdown is mended; the older implementation has another one in its place."""
    with launch(tmp_path, APP, stock, loop=loop_name) as server, server.connect() as client:
        await called(server, client, "/late")
        server.process.send_signal(signal.SIGTERM)
        response = await client.response()
        assert (response.status, response.body) == (500, b"Internal Server Error")
        assert await client.rest() == b""
        client.close()
        ended(server)
        server.expect(r"connection (rejected|open|closed)", least=0)
        server.expect(
            r"Exception in ASGI application\nTraceback .*RuntimeError: Expected ASGI message 'websocket\.send'",
            1 if stock == "websockets" else 0,
        )
