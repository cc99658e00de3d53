"""Redis, by itself, with nothing kept on disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.installed import Environment, running

COMMAND = shutil.which("redis-server")

MISSING = None if COMMAND else "redis-server is not installed: apt-get install redis-server"


@contextmanager
def redis(folder: Path, port: int) -> Iterator[str]:
    """Run a Redis, and yield its URL."""
    assert COMMAND is not None
    place = Path(COMMAND)
    folder.mkdir()
    command = [place.name, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with running(Environment(place.parent, folder), command) as server:
        server.wait_for("Ready to accept connections")
        yield f"redis://127.0.0.1:{port}"


def cut_subscribers(url: str) -> None:
    """Hang up on everybody who has subscribed."""
    cut = subprocess.run(
        ["redis-cli", "-u", url, "CLIENT", "KILL", "TYPE", "pubsub"], capture_output=True, check=True, timeout=30
    )
    assert int(cut.stdout) > 0
