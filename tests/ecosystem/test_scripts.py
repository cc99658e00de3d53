"""The clients that belong to a framework, for Node.js."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients.drivers.node import NODE, PROGRAM
from tests.ecosystem.frameworks import SOCKETIO, STRAWBERRY, Framework
from tests.failures.server import ServerProcess
from tests.installed import DEADLINE

from .test_ecosystem import serving


def needs(framework: Framework) -> pytest.MarkDecorator:
    """Skip a test where the framework or its client is missing."""
    missing = "make node" if NODE is None or not (PROGRAM / "node_modules").exists() else None
    missing = missing or (None if framework.python.exists() else f"make {framework.target}")
    return pytest.mark.skipif(missing is not None, reason=f"{framework.name} or its client is not installed: {missing}")


def heard(program: str, server: ServerProcess) -> list[Any]:
    """Run a program against a server, and return what it has heard."""
    command = [str(NODE), str(PROGRAM / program), f"http://127.0.0.1:{server.port}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == 0, (done.stdout, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


@needs(SOCKETIO)
async def test_client_of_socketio(tmp_path: Path, ours: str, loop_name: str) -> None:
    with serving(SOCKETIO, tmp_path, ours, loop_name) as server:
        answers = [
            {"transport": "websocket", "welcome": {"count": 0}},
            {"you said": {"text": "grüße", "bytes": [1, 2]}},
            {"bytes": "00ff"},
            {"joined": "lobby"},
            {"ended": "io client disconnect"},
        ]
        assert heard("socketio.mjs", server) == answers * 2
        server.expect(r'"WebSocket /socket\.io/\S+" \[accepted\]$', 2)
        server.expect(r'"WebSocket /socket\.io/\S+" \[closed\] 1005 no status received by peer', 2)
        server.expect(r'"(GET|POST) /socket\.io/\S+ HTTP/1\.1" 200 OK$', least=1)


@needs(STRAWBERRY)
async def test_client_of_strawberry(tmp_path: Path, ours: str, loop_name: str) -> None:
    with serving(STRAWBERRY, tmp_path, ours, loop_name) as server:
        assert heard("graphql.mjs", server) == [
            {"data": {"hello": "world"}},
            *({"data": {"count": number}} for number in range(3)),
            {"news": 65_536},
            {"code": 1000, "wasClean": True},
        ]
        server.expect(r'"WebSocket /" \[accepted\]$')
        server.expect(r'"WebSocket /" \[closed\] 1000 normal closure .*by peer')
