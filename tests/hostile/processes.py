"""A server in a process of its own, its memory, and what it has left of its connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.failures.peers import PLAIN, deaf_peer, peak_memory
from tests.failures.server import ServerProcess, begin_tls, uvicorn
from tests.harness import Client
from tests.harness.server import write_certificate

KIB, MIB = 1024, 1024 * 1024

RECEIVE_BUFFER = 64 * KIB
"""The default of ``receive_buffer``."""

READ = 256 * KIB
"""What one read brings at most."""

TLS_IDLE = READ + 32 * KIB
"""What TLS takes for a connection that does nothing: most of it is a buffer of asyncio's to read into."""

TLS_FLOODED = 4 * READ
"""What TLS takes if it is flooded: that buffer, input up to its mark and the read that goes beyond, and output."""

MARK = 64 * KIB
"""The output from which on a transport says that it has too much."""

HEAP = MIB
"""By how much a process grows for reasons of its own: allocators take memory in large pieces."""

DEADLINE = 45.0


class Facts(NamedTuple):
    """What the application counts in its process."""

    connections: int
    unread: int
    tasks: int
    protocols: int


@contextmanager
def serving(
    folder: Path, ws: str, loop: str, *arguments: str, tls: bool = False, **variables: str
) -> Iterator[ServerProcess]:
    """Run the application; the log may have the lines of accepted and closed connections, and nothing else."""
    if tls:
        certificate = folder / "certificate.pem"
        write_certificate(certificate)
        arguments += ("--ssl-certfile", str(certificate), "--ssl-keyfile", str(certificate))
    with uvicorn(folder, "tests.hostile.app:app", ws, *arguments, loop=loop, **PLAIN, **variables) as server:
        server.expect('"GET /[a-z]* HTTP/1.1" 200', least=0)
        server.expect(r'"WebSocket /[a-z]+" \[(accepted|closed)\]', least=0)
        server.expect("^app: (took .*|lifespan shutdown)$", least=0)
        yield server


async def facts(server: ServerProcess, path: str = "/") -> Facts:
    """Ask the application."""
    return Facts(**json.loads((await server.get(path)).body))


async def nothing_left(server: ServerProcess, others: int) -> None:
    """Wait until only so many other connections are left: in the server's books and in memory."""
    last = await facts(server)
    for _ in range(100):
        if last == (others, 0, others, others):
            return
        last = await facts(server)
    raise AssertionError(f"{last} is left, besides {others} others")


def reset_peak(server: ServerProcess) -> int:
    """Forget the most memory that the process has held; returns what it holds now, in bytes."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return peak_memory(server)


async def connect(stack: AsyncExitStack, server: ServerProcess, count: int, path: bytes) -> list[Client]:
    """Open so many connections, whose peers have little room for what they do not read."""
    clients = [stack.enter_context(deaf_peer(server)) for _ in range(count)]
    for client in clients:
        await begin_tls(client)
        await client.open(path)
    return clients
