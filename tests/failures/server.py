"""Servers in processes of their own, as their users start them, every line of whose logs is read.

A test says which records it expects, in any order; any other record, or one too many or too few, fails it when the
server has ended::

    with uvicorn(tmp_path, "closes_at_once:app", ws, loop=loop_name) as server, server.connect() as client:
        await client.request()
        assert (await client.response()).status == 403
        server.expect(r'"WebSocket /" 403')                      # once
        server.expect(r"Exception in ASGI application", 2)       # twice; with its traceback it is one record
        server.expect(r"was never retrieved", least=1)           # at least once

Python runs in development mode, with warnings as errors: what is written on standard error because of a resource that
nobody closed or a task that was destroyed is part of the log too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.failures.log import Expectation, Log
from tests.harness import Client, Response, TLSWire, Wire
from tests.harness.server import tls_contexts
from tests.installed import DEADLINE, ROOT, Environment, Running, connected_socket, running

APPS = Path(__file__).parent / "apps"

OURS = ("safews.wsproto:Protocol", "safews.websockets:Protocol")
STOCK = ("websockets-sansio", "wsproto", "websockets")
"""uvicorn's own. The last is deprecated, and says so at its start."""

STOP_SECONDS = 20.0
"""Within how many seconds a server without a client ends. It takes a fraction of one; a slow machine may take more."""

WARNINGS = "error,ignore::DeprecationWarning,ignore:The `websockets` implementation is deprecated:UserWarning"
"""What Python warns of is an error, but for what is deprecated: uvicorn's older implementation is all of it."""


@dataclass
class ServerProcess:
    """A running server. ``port`` is where it listens, on loopback, ``tls`` whether with TLS."""

    running: Running
    port: int
    tls: bool = False
    expectations: list[Expectation] = field(default_factory=list)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process: uvicorn, or gunicorn's master."""
        return self.running.process

    @property
    def log(self) -> Log:
        """What has been logged so far."""
        return Log.parse(self.running.log.read_text())

    @contextmanager
    def connect(self) -> Iterator[Client]:
        """Connect; the handshake of TLS is up to the caller: ``begin_tls``."""
        with connected_socket(self.port) as sock:
            sock.setblocking(False)
            yield Client(TLSWire(sock, tls_contexts()[1], DEADLINE) if self.tls else Wire(sock, DEADLINE))

    async def get(self, path: str = "/") -> Response:
        """Make an HTTP request, on a connection of its own."""
        with self.connect() as client:
            await begin_tls(client)
            await client.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return await client.response()

    def expect(self, pattern: str, count: int = 1, *, least: int | None = None, most: int | None = None) -> None:
        """Announce records that have a pattern in them: so many, or at least so many and at most so many."""
        bounds = (count, count) if least is most is None else (least or 0, most)
        self.expectations.append(Expectation(pattern, *bounds))

    def terminate(self, seconds: float = STOP_SECONDS) -> int:
        """Ask the server to end as a service manager does, and return its exit status; it must end in time."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


async def begin_tls(client: Client) -> None:
    """Do TLS's handshake, if there is TLS."""
    if isinstance(client.wire, TLSWire):
        await client.wire.handshake()


@contextmanager
def uvicorn(
    folder: Path,
    app: str,
    ws: str,
    *arguments: str,
    loop: str = "asyncio",
    python: str | Path = sys.executable,
    apps: str | Path = APPS,
    **variables: str,
) -> Iterator[ServerProcess]:
    """Run an app of ``apps`` under uvicorn; ``variables`` are for its environment."""
    where = ["--app-dir", str(apps), "--port", "0"]
    command = [str(python), "-m", "uvicorn", app, "--ws", ws, "--loop", loop, *where, *arguments]
    with _serving(folder, command, r"Uvicorn running on https?://127\.0\.0\.1:(\d+)", variables) as server:
        yield server


@contextmanager
def gunicorn(
    folder: Path,
    app: str,
    ws: str,
    *arguments: str,
    loop: str = "asyncio",
    **variables: str,
) -> Iterator[ServerProcess]:
    """Run an app of ``apps`` under gunicorn, in one worker of uvicorn-worker's kind."""
    where = ["--worker-class", "workers.Worker", "--bind", "127.0.0.1:0", "--pythonpath", str(APPS)]
    # gunicorn's control socket is in the home directory, where that of another test would be too.
    environ = {"HOME": str(folder), "GUNICORN_WS": ws, "GUNICORN_LOOP": loop, **variables}
    command = [sys.executable, "-m", "gunicorn", app, *where, *arguments]
    with _serving(folder, command, r"Listening at: http://127\.0\.0\.1:(\d+)", environ) as server:
        server.running.wait_for(r"Application startup complete")
        yield server


@contextmanager
def _serving(folder: Path, command: Sequence[str], started: str, variables: dict[str, str]) -> Iterator[ServerProcess]:
    environ = {"PYTHONPATH": str(ROOT), "PYTHONDEVMODE": "1", "PYTHONWARNINGS": WARNINGS, **variables}
    with running(Environment(folder, folder), command, **environ) as running_server:
        try:
            found = running_server.wait_for(started)
            server = ServerProcess(running_server, int(found[1]), tls="https:" in found[0])
            yield server
            if server.process.poll() is None:
                server.terminate()
            assert not _alive(server.process.pid), "a worker has outlived the server"
        except BaseException:
            print(running_server.log.read_text())
            raise
    problems = server.log.problems(server.expectations)
    assert not problems, "\n".join([*problems, "The whole log:", running_server.log.read_text()])


def _alive(group: int) -> bool:
    """Say whether a process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
