"""The statistics of a server with several workers, as Prometheus reads them."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.installed import DEADLINE, Environment, Running, connected_socket, running
from tests.test_metrics import Samples, samples

WORKERS = 2
ENOUGH = 200
"""Connections after which every worker should have one: the kernel spreads them."""

APP = """
import os
from safews.metrics import make_asgi_app

metrics = make_asgi_app()

async def app(scope, receive, send):
    if scope["type"] == "http":
        return await metrics(scope, receive, send)
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": str(os.getpid())})
    while (await receive())["type"] != "websocket.disconnect":
        pass
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "metrics").mkdir()
    return Environment(Path(sys.executable).parent, tmp_path)


@pytest.fixture
def port(environment: Environment, codec: str) -> Iterator[int]:
    """The port of a server."""
    command = ["python", "-m", "uvicorn", "app:app", "--port", "0", "--lifespan", "off", "--workers", str(WORKERS)]
    variables = {
        "PROMETHEUS_MULTIPROC_DIR": str(environment.folder / "metrics"),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    server: Running
    with running(environment, [*command, "--ws", f"safews.{codec}:Protocol"], **variables) as server:
        yield server.port()


class Crowd(ExitStack):
    """Connections, and how many of them each worker has."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.workers: Counter[int] = Counter()
        while len(self.workers) < WORKERS:
            assert self.workers.total() < ENOUGH
            sock = connected_socket(port)
            client = self.enter_context(connect("ws://localhost/", sock=sock, open_timeout=DEADLINE))
            self.workers[int(client.recv(DEADLINE))] += 1


def answer(port: int) -> Samples:
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("GET", "/")
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    assert response.status == 200
    return samples(text)


def until(port: int, found: Callable[[Samples], bool]) -> Samples:
    """Ask until the answer is as it should be: what another worker has to say takes its time."""
    deadline = time.monotonic() + DEADLINE
    while not found(last := answer(port)):
        assert time.monotonic() < deadline, last
        time.sleep(0.05)
    return last


def test_the_answer_of_one_is_the_sum_of_all(port: int) -> None:
    with Crowd(port) as crowd:
        total = crowd.workers.total()
        found = until(port, lambda found: found.get("safews_connections{state=open}") == total)
        assert found["safews_handshakes_total{outcome=accepted}"] == total
        for pid in crowd.workers:
            os.kill(pid, 0)
    found = until(port, lambda found: found.get("safews_closes_total{by=peer,code=1000}") == total)
    assert "safews_connections{state=open}" not in found
    assert found["safews_messages_sent_total{}"] == total


def test_what_a_killed_worker_has_counted_stays_but_for_its_connections(port: int) -> None:
    with Crowd(port) as crowd:
        total = crowd.workers.total()
        until(port, lambda found: found.get("safews_connections{state=open}") == total)
        killed, other = crowd.workers
        os.kill(killed, signal.SIGKILL)
        left = crowd.workers[other]
        found = until(port, lambda found: found.get("safews_connections{state=open}") == left)
        assert found["safews_handshakes_total{outcome=accepted}"] == total
