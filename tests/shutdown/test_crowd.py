"""A server with 500 connections, some in every state, is asked to end."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.failures.peers import PLAIN
from tests.failures.server import ServerProcess, gunicorn, uvicorn
from tests.installed import DEADLINE
from tests.shutdown.crowd import APP, Crowd
from tests.shutdown.peers import DEAF, IDLE, MUTE, STAYING, everybody

Launch = Callable[..., AbstractContextManager[ServerProcess]]

SIZE = 500
CLOSE_TIMEOUT = 3.0
APP_GRACE = 1.0

FORCED = 1.0
"""Seconds within which a second Ctrl-C has its effect."""


def options(**values: float) -> dict[str, str]:
    """Variables for options; a Close of a peer waits for its app until the shutdown."""
    values = {"close_timeout": CLOSE_TIMEOUT, "close_grace": 60, **values}
    return {f"SAFEWS_{name.upper()}": str(value) for name, value in values.items()}


@contextmanager
def two_workers(*arguments: Any, **variables: Any) -> Iterator[ServerProcess]:
    """Run uvicorn with two workers."""
    with uvicorn(*arguments, "--workers", "2", **variables) as server:
        server.running.wait_for(r"(?s)(Application startup complete.*){2}")
        yield server
        # multiprocessing's own process ends after all others, and it is not the server's to wait for it.
        until_gone(server.process.pid)
        server.expect(r"(Started|Stopping) parent process \[\d+\]$", 2)
        server.expect("Received SIGTERM, exiting.$")
        # uvicorn's parent process leaves the listening socket to the interpreter.
        server.expect(rf"<socket\.socket .* laddr=\('127\.0\.0\.1', {server.port}\)>$", least=0)
        server.expect(r"(Terminated|Waiting for) child process \[\d+\]$", 4)


def until_gone(group: int) -> None:
    """Wait until no process of the group is left."""
    deadline = time.monotonic() + DEADLINE
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


@pytest.mark.parametrize(("launch", "processes"), [(uvicorn, 1), (gunicorn, 1), (two_workers, 2)])
async def test_everybody_is_told(tmp_path: Path, ours: str, loop_name: str, launch: Launch, processes: int) -> None:
    with launch(tmp_path, APP, ours, loop=loop_name, **options()) as server, Crowd(server) as crowd:
        await crowd.gather(everybody(SIZE))
        await crowd.shut_down(signal.SIGTERM)
        await crowd.expect_end(CLOSE_TIMEOUT + 1)
        assert server.process.returncode in (0, -signal.SIGTERM)
        crowd.check()
        crowd.expect_log(processes)


async def test_an_app_that_does_not_return_is_cancelled(tmp_path: Path, ours: str, loop_name: str) -> None:
    variables = options(close_timeout=600, app_grace=APP_GRACE)
    with uvicorn(tmp_path, APP, ours, loop=loop_name, **variables) as server, Crowd(server) as crowd:
        await crowd.gather({IDLE: SIZE, STAYING: 20})
        await crowd.shut_down(signal.SIGTERM)
        await crowd.expect_end(APP_GRACE + 1)
        crowd.check()
        crowd.expect_log()
        server.expect(rf'"WebSocket {STAYING.path}\d+" app cancelled$', 20)


async def test_a_second_ctrl_c_forces(tmp_path: Path, ours: str, loop_name: str) -> None:
    """Without Python's development mode: uvloop waits for ever for a transport whose warning is an error."""
    # uvicorn still waits for asyncio's server to close, and that for its connections, since Python 3.12.
    waits_for_connections = loop_name == "asyncio" and sys.version_info >= (3, 12)
    variables = options(close_timeout=CLOSE_TIMEOUT if waits_for_connections else 600)
    with uvicorn(tmp_path, APP, ours, loop=loop_name, **variables, **PLAIN) as server, Crowd(server) as crowd:
        await crowd.gather({IDLE: 200, MUTE: 200, DEAF: 20, STAYING: 20})
        await crowd.shut_down(signal.SIGINT)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGINT)
        await crowd.expect_end(CLOSE_TIMEOUT + 1 if waits_for_connections else FORCED)
        crowd.expect_log()
        server.expect(rf'"WebSocket {STAYING.path}\d+" app cancelled$', 20)
