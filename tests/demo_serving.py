"""Serving the demo to its tests, and following its live view."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from io import BufferedRWPair
from typing import Any
from urllib.parse import urlsplit

import safews
from safews.demo import Demo
from tests.harness import DEADLINE, TEXT, Client, Headers, Server, serve, upgrade_request


class View:
    """What a page knows that follows the live view."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.connections: dict[str, dict[str, Any]] = {}
        """What is known of each connection, by its path."""
        self.lines: list[dict[str, Any]] = []
        self.totals: dict[str, int] = {}
        self.stats: dict[str, Any] = {}

    async def hear(self) -> dict[str, Any]:
        """Take the next news, and return them; statistics, which come all the time, are none."""
        while "stats" in (news := await self._next()):
            self.stats = news["stats"]
        self.connections |= {seen["path"]: seen for seen in news["connections"]}
        self.lines += news["log"]
        self.totals = news["totals"]
        return news

    async def hear_stats(self) -> None:
        """Take the next statistics; news are none."""
        while "stats" not in (news := await self._next()):
            pass
        self.stats = news["stats"]

    async def _next(self) -> dict[str, Any]:
        received = await self.client.frame()
        assert received.opcode == TEXT, received
        told: dict[str, Any] = json.loads(received.payload)
        return told

    async def until(self, known: Callable[[], object]) -> None:
        """Hear news until something is known."""
        while not known():
            await self.hear()

    async def state(self, path: str, state: str) -> dict[str, Any]:
        """Wait until a connection is in that state; returns all that is known of it."""
        await self.until(lambda: self.connections.get(path, {}).get("state") == state)
        return self.connections[path]


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[Server]:
    """Serve a demo of its own."""
    async with serve(Demo(), ws=safews.Protocol, **{"lifespan": "on", **settings}) as server:
        yield server


@asynccontextmanager
async def following(server: Server) -> AsyncIterator[View]:
    """Follow the live view of a demo."""
    async with server.open(b"/live") as client:
        yield View(client)


@asynccontextmanager
async def viewed(**settings: Any) -> AsyncIterator[tuple[Server, View]]:
    """Serve a demo of its own, and follow its live view."""
    async with served(**settings) as server, following(server) as view:
        yield server, view


@contextmanager
def asking(address: str, target: bytes, headers: Headers = ()) -> Iterator[BufferedRWPair]:
    """Ask the server at ``http://host:port`` for a WebSocket, from outside any event loop."""
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port or 0), DEADLINE) as sock, sock.makefile("rwb") as stream:
        sock.sendall(upgrade_request(target, headers))
        yield stream


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command in a process of its own, on a free port; yields it and its address as it prints it."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    argv = [sys.executable, "-m", "safews", "demo", "--port", "0", *options]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            found = next(filter(None, (re.search(r"http://\S+", line) for line in process.stderr)))
            # It may log more than a pipe has room for.
            threading.Thread(target=process.stderr.read).start()
            yield process, found[0]
        finally:
            process.kill()
