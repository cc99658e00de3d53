"""What the tests of the worst failures share: peers that do not read, and what is seen of a server from outside."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypedDict

import pytest

from tests.contract.helpers_stock import SEEN_IN
from tests.failures.server import STOP_SECONDS, ServerProcess
from tests.harness import UVICORN_VERSION, Client

HANG = 1.0
"""Seconds after which what has not happened is said not to happen; where it does it takes some milliseconds."""

RECEIVE_BUFFER = 16 * 1024


class Environ(TypedDict):
    """Variables of a server's environment."""

    PYTHONDEVMODE: str
    PYTHONWARNINGS: str


PLAIN = Environ(PYTHONDEVMODE="", PYTHONWARNINGS="ignore")
"""Python as in production: where memory is measured, and where uvicorn's own classes fail."""


def shown_by(*implementations: str) -> pytest.MarkDecorator:
    """Run a test, as its argument ``stock``, with those of uvicorn's own that fail so."""
    too_old = pytest.mark.skipif(UVICORN_VERSION < SEEN_IN, reason="the own implementations of this uvicorn are older")
    return pytest.mark.parametrize("stock", [pytest.param(name, marks=too_old) for name in implementations])


@contextmanager
def deaf_peer(server: ServerProcess) -> Iterator[Client]:
    """Connect, with little room in the kernel for what the test does not read."""
    with server.connect() as client:
        narrow(client)
        yield client


def narrow(client: Client, size: int = RECEIVE_BUFFER) -> None:
    """Leave little room in the kernel, ``size`` bytes, for what the client does not read."""
    client.wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def open_sockets(server: ServerProcess) -> int:
    """How many sockets the process has open."""
    found = 0
    for descriptor in Path(f"/proc/{server.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # It has been closed meanwhile.
            found += str(descriptor.readlink()).startswith("socket:")
    return found


def peak_memory(server: ServerProcess) -> int:
    """The most bytes of memory that the process has held."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (peak,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(peak) * 1024


def ends_on_sigterm(server: ServerProcess) -> None:
    """Ask the server to end: it must, by that signal, and end the app's lifespan before."""
    assert server.terminate() == -signal.SIGTERM
    server.expect("^app: lifespan shutdown$")


def ignores_sigterm(server: ServerProcess) -> None:
    """Ask the server to end, see that it has not after ``HANG`` seconds, and kill it."""
    with pytest.raises(subprocess.TimeoutExpired):
        server.terminate(HANG)
    server.process.kill()
    server.process.wait(STOP_SECONDS)


Leave = Callable[[Client], Coroutine[None, None, None]]
"""A way to leave a server."""


async def by_close(client: Client) -> None:
    """Leave as a browser does, whose Close stands behind what it has still to read: the end has come on return."""
    await client.send_close(1001)
    await client.rest()


async def by_fin(client: Client) -> None:
    """Leave without a word."""
    client.half_close()
    await client.rest()


async def by_rst(client: Client) -> None:
    """Vanish, with unread messages if there are any."""
    client.reset()
