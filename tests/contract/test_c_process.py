"""Closing, rows C13 and C15, in a process of its own: uvicorn as it is run, and signals."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import safews
from tests.contract.helpers_c import until_gone
from tests.harness import CONTINUATION, Client, Wire, eventually

CLOSE_TIMEOUT = 0.5
MARGIN = 10.0
"""Seconds that a slow machine may add."""

APP = """
import asyncio

async def lifespan(receive, send):
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    await receive()
    path = scope["path"]
    if path == "/deny":
        await send({"type": "websocket.http.response.start", "status": 403})
        await send({"type": "websocket.http.response.body", "body": b"part", "more_body": True})
    elif path != "/connect":
        await send({"type": "websocket.accept"})
    if path == "/hold":
        await asyncio.Event().wait()
    if path == "/large":
        await send({"type": "websocket.send", "bytes": b"x" * 20_000_000})
    if path == "/close":
        await send({"type": "websocket.close", "code": 4001})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({**message, "type": "websocket.send"})
"""


class Process:
    """A running uvicorn."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    @property
    def port(self) -> int | None:
        """Where it listens, once it does."""
        found = re.search(r"running on http://127\.0\.0\.1:(\d+)", self.output)
        return found and int(found[1])

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """Connect."""
        with socket.create_connection(("127.0.0.1", self.port or 0)) as sock:
            sock.setblocking(False)
            yield Client(Wire(sock))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def exited(self, seconds: float) -> int:
        """Wait for its end; returns its exit status."""
        await eventually(lambda: self.process.poll() is not None, seconds)
        return int(self.process.returncode)


def start_uvicorn(tmp_path: Path, codec: str, loop_name: str, *arguments: str, **options: float) -> Process:
    """Start uvicorn with options of ours from the environment."""
    (tmp_path / "served.py").write_text(APP)
    log = tmp_path / "log"
    command = f"{sys.executable} -m uvicorn served:app --port 0 --ws safews.{codec}:Protocol --loop {loop_name}"
    environ = {**os.environ, "PYTHONPATH": str(Path(safews.__file__).parent.parent)}
    environ.update({f"SAFEWS_{name.upper()}": str(value) for name, value in options.items()})
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command.split(), *arguments], cwd=tmp_path, env=environ, stdout=output, stderr=subprocess.STDOUT
        )
    return Process(process, log)


@asynccontextmanager
async def uvicorn_process(
    tmp_path: Path, codec: str, loop_name: str, *arguments: str, **options: float
) -> AsyncIterator[Process]:
    """Run uvicorn."""
    server = start_uvicorn(tmp_path, codec, loop_name, *arguments, **options)
    try:
        await eventually(lambda: server.port or server.process.poll() is not None, 20)
        assert server.process.poll() is None, server.output
        yield server
    finally:
        server.process.kill()
        server.process.wait()


async def test_c13_sigterm_in_every_state(tmp_path: Path, codec: str, loop_name: str) -> None:
    loop = asyncio.get_running_loop()
    running = uvicorn_process(tmp_path, codec, loop_name, close_timeout=CLOSE_TIMEOUT, write_timeout=60)
    async with running as server, AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(server.connect())
            for name in ("connect", "deny", "large", "close", "violate", "open")
        }
        for name, client in clients.items():
            await client.request(b"/" + name.encode())
        assert (await clients["deny"].head()).status == 403
        for name in ("large", "close", "violate", "open"):
            assert (await clients[name].head()).status == 101
        await clients["close"].expect_close(4001)
        await clients["violate"].send_frame(CONTINUATION)
        await clients["violate"].frame()
        await clients["open"].send_text("hello")
        await clients["open"].expect_text("hello")
        begun = loop.time()
        server.signal(signal.SIGTERM)
        assert (await clients["connect"].response()).status == 503
        await clients["open"].expect_close(1012)
        assert await server.exited(CLOSE_TIMEOUT + 1 + MARGIN) == -signal.SIGTERM
        assert loop.time() - begun < CLOSE_TIMEOUT + 1 + MARGIN
        for name in ("close", "violate", "open"):
            assert await until_gone(clients[name]) == b""
        assert server.output.count("with code 1012") == 1
        for bad in ("Traceback", "ERROR", "WARNING"):
            assert bad not in server.output


async def test_c13_second_sigint_forces(tmp_path: Path, codec: str, loop_name: str) -> None:
    running = uvicorn_process(tmp_path, codec, loop_name, close_timeout=600)
    async with running as server, server.connect() as holding, server.connect() as client:
        await holding.open(b"/hold")
        await client.open()
        server.signal(signal.SIGINT)
        await holding.expect_close(1012)
        await client.expect_close(1012)
        assert server.process.poll() is None
        server.signal(signal.SIGINT)
        # uvicorn still waits for asyncio's server to close, and that for its connections, since Python 3.12.
        waits_for_connections = loop_name == "asyncio" and sys.version_info >= (3, 12)
        if waits_for_connections:
            holding.close()
            client.close()
        await server.exited(MARGIN)
        if not waits_for_connections:
            assert await until_gone(client) == b""
        assert "Traceback" not in server.output
        assert "was never retrieved" not in server.output


async def test_c13_app_grace_lets_the_process_end(tmp_path: Path, codec: str, loop_name: str) -> None:
    running = uvicorn_process(tmp_path, codec, loop_name, close_timeout=CLOSE_TIMEOUT, app_grace=0.2)
    async with running as server, server.connect() as client:
        await client.open(b"/hold")
        server.signal(signal.SIGTERM)
        await client.expect_close(1012)
        assert await server.exited(CLOSE_TIMEOUT + 0.2 + 1 + MARGIN) == -signal.SIGTERM
        assert server.output.count("WARNING") == 1
        assert "Traceback" not in server.output
        assert "ERROR" not in server.output


async def test_c15_timeout_graceful_shutdown_ends_the_process(tmp_path: Path, codec: str, loop_name: str) -> None:
    arguments = ("--timeout-graceful-shutdown", "1")
    running = uvicorn_process(tmp_path, codec, loop_name, *arguments, close_timeout=600, drain_spread=1e6)
    async with running as server, server.connect() as client:
        await client.open(b"/hold")
        server.signal(signal.SIGTERM)
        await client.expect_close(1012)
        await server.exited(1 + MARGIN)
        assert server.output.count("WARNING") == 1
        assert server.output.count("ERROR") == 1  # uvicorn's own line.
        assert "Traceback" not in server.output
