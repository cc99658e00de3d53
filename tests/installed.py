"""Fresh virtual environments, and servers that run in them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.sync.client import ClientConnection

ROOT = Path(__file__).parent.parent
DEADLINE = 30.0
"""Seconds until something that should happen counts as missing."""

# What the application knows of the protocol that serves it, it finds among the objects of its process.
APP = """
import gc, json, os

async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    (protocol,) = {type(o) for o in gc.get_objects() if type(type(o)).__name__ == "ConfiguredType"}
    await receive()
    await send({"type": "websocket.accept"})
    facts = {
        "name": f"{protocol.__module__}:{protocol.__qualname__}",
        "codec": protocol.codec.name,
        "options": {name: getattr(protocol.options, name) for name in ("close_timeout", "allowed_origins")},
        "scheme": scope["scheme"],
        "client": scope["client"],
        "pid": os.getpid(),
    }
    await send({"type": "websocket.send", "text": json.dumps(facts)})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})
"""


class Environment(NamedTuple):
    """The commands of a virtual environment, and a folder with an application."""

    bin: Path
    folder: Path


class Running(NamedTuple):
    """A server and what it has logged."""

    process: subprocess.Popen[bytes]
    log: Path

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until a pattern is in the log."""
        deadline = time.monotonic() + DEADLINE
        while True:
            ended = self.process.poll() is not None
            text = self.log.read_text()
            match = re.search(pattern, text)
            if match:
                return match
            if ended or time.monotonic() > deadline:
                pytest.fail(f"no {pattern!r} in the log of the server that {'ended' if ended else 'runs'}:\n{text}")
            time.sleep(0.02)

    def port(self) -> int:
        """Return the port that the server has taken."""
        return int(self.wait_for(r"running on https?://127\.0\.0\.1:(\d+)")[1])


def run_pip(*arguments: str | Path, seconds: float = 120) -> None:
    """Run the pip of this environment, in this tree, for so many seconds at most."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=seconds, stdin=subprocess.DEVNULL)


def make_environment(folder: Path) -> Path:
    """Make an empty virtual environment, without even pip, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    return folder / "bin" / "python"


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this tree."""
    run_pip("wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    (path,) = folder.glob("*.whl")
    return path


def answer_of(python: Path, *arguments: str, **variables: str) -> str:
    """Run an interpreter that must succeed without a warning, and return what it prints."""
    done = subprocess.run(
        [str(python), *arguments],
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
        cwd=python.parent,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@contextlib.contextmanager
def running(environment: Environment, command: Sequence[str], **variables: str) -> Iterator[Running]:
    """Run a command of an environment, in a process group of its own so that no worker outlives the test."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "SYSTEMROOT") if name in os.environ}
    with tempfile.NamedTemporaryFile(dir=environment.folder, suffix=".log", delete=False) as log:
        process = subprocess.Popen(
            [environment.bin / command[0], *command[1:]],
            cwd=environment.folder,
            env={**inherited, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Running(process, Path(log.name))
            process.send_signal(signal.SIGINT)
            process.wait(DEADLINE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE)


def facts_from(client: ClientConnection) -> dict[str, Any]:
    """Have a message echoed by ``APP``, and return what it says of itself."""
    facts: dict[str, Any] = json.loads(client.recv(DEADLINE))
    client.send("to and fro")
    assert client.recv(DEADLINE) == "to and fro"
    return facts


def connected_socket(address: int | str) -> socket.socket:
    """Connect to a port, or to the path of a Unix socket, where the workers of a server may not listen yet."""
    deadline = time.monotonic() + DEADLINE
    while True:
        sock = socket.socket(socket.AF_INET if isinstance(address, int) else socket.AF_UNIX)
        sock.settimeout(DEADLINE)
        try:
            sock.connect(("127.0.0.1", address) if isinstance(address, int) else address)
        except (ConnectionRefusedError, FileNotFoundError):
            sock.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return sock
