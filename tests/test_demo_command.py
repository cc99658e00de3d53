"""``safews demo``, and whom it lets in."""

from __future__ import annotations

import logging
import re
import signal
import socket
from typing import Any

import click.testing
import pytest
import uvicorn

from safews import demo
from safews.__main__ import main
from safews.demo import _serve
from tests.demo_serving import asking, running
from tests.harness import run

FREE_PORT = 43210


class Listener:
    """Stands for a socket that listens."""

    def __init__(self, address: tuple[str, int], family: int) -> None:
        self.host, self.port = address
        self.family = family

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def getsockname(self) -> tuple[str, int]:
        return self.host, self.port or FREE_PORT


class Runs(list[Any]):
    """The configurations of the servers that would have run, and the listener of each."""

    def __init__(self) -> None:
        super().__init__()
        self.listeners: list[Listener] = []

    def run(self, server: uvicorn.Server, sockets: list[Any]) -> None:
        self.append(server.config)
        self.listeners += sockets


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    runs = Runs()
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: runs.run(server, sockets))
    monkeypatch.setattr(socket, "create_server", lambda address, family: Listener(address, family))
    return runs


def status(address: str, path: bytes, origin: str | None) -> int:
    """Ask for a WebSocket as a page from ``origin`` would; returns the status of the answer."""
    with asking(address, path, [] if origin is None else [(b"Origin", origin.encode())]) as answer:
        return int(answer.readline().split()[1])


def invoke(*options: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["demo", *options])


class TestOptions:
    def test_the_defaults(self, runs: Runs) -> None:
        assert invoke().exit_code == 0
        (config,), (listener,) = runs, runs.listeners
        assert (config.app, config.lifespan, config.proxy_headers) == (demo.app, "on", False)
        assert (listener.host, listener.port, listener.family) == ("127.0.0.1", 8000, socket.AF_INET)
        assert listener.closed
        assert set(config.ws.options.allowed_origins) == {
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "http://localhost:8000",
        }

    def test_host_and_port(self, runs: Runs) -> None:
        assert invoke("--host", "2001:db8::1", "--port", "0").exit_code == 0
        (config,), (listener,) = runs, runs.listeners
        assert (listener.host, listener.port, listener.family) == ("2001:db8::1", 0, socket.AF_INET6)
        assert f"http://[2001:db8::1]:{FREE_PORT}" in config.ws.options.allowed_origins
        assert f"http://localhost:{FREE_PORT}" in config.ws.options.allowed_origins

    def test_the_port_that_browsers_leave_out(self, runs: Runs) -> None:
        assert invoke("--port", "80").exit_code == 0
        assert "http://localhost" in runs[0].ws.options.allowed_origins

    def test_further_origins(self, runs: Runs) -> None:
        assert invoke("--origin", "https://demo.example", "--origin", "https://other.example").exit_code == 0
        assert set(runs[0].ws.options.allowed_origins) > {"https://demo.example", "https://other.example"}

    @pytest.mark.parametrize(("option", "value"), [("--port", "65536"), ("--origin", "demo.example/path")])
    def test_what_cannot_be_is_refused(self, runs: Runs, option: str, value: str) -> None:
        result = invoke(option, value)
        assert (result.exit_code, runs) == (2, [])
        assert f"Error: Invalid value for '{option}': " in result.output

    def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            result = invoke("--port", str(port))
        assert result.exit_code == 1
        assert result.output.startswith(f"Error: Cannot listen on http://127.0.0.1:{port}: Address already in use")
        assert result.output.endswith(". --port 0 takes any free port\n")

    def test_an_address_that_is_none(self) -> None:
        result = invoke("--host", "256.0.0.1")
        assert result.exit_code == 1
        assert result.output.startswith("Error: Cannot listen on http://256.0.0.1:8000: ")
        assert "--port" not in result.output

    def test_an_environment_that_is_malformed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "soon")
        result = invoke()
        assert (result.exit_code, result.output) == (
            1,
            "Error: SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds\n",
        )


class TestRunning:
    def test_the_address_is_logged_once_the_server_has_started(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        started: list[object] = []

        async def startup(server: uvicorn.Server, sockets: list[Any]) -> None:
            assert caplog.messages == []
            started.extend(sockets)

        monkeypatch.setattr(uvicorn.Server, "startup", startup)
        listener: Any = Listener(("::1", 0), socket.AF_INET6)
        server = _serve.DemoServer(uvicorn.Config(demo.app, host="::1", log_config=None))
        with caplog.at_level(logging.INFO, "uvicorn.error"):
            run(server.startup([listener]))
        assert started == [listener]
        assert caplog.messages == [f"The demo is at http://[::1]:{FREE_PORT} (press Ctrl+C to end it)"]

    def test_it_prints_its_address_and_ends_on_a_signal(self) -> None:
        with running() as (process, address):
            assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", address)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0

    def test_only_its_own_page_may_connect_and_what_is_no_page(self) -> None:
        with running("--origin", "https://demo.example") as (_, address):
            port = address.rpartition(":")[2]
            for path in (b"/echo", b"/live"):
                for own in (address, f"http://localhost:{port}", "https://demo.example", None):
                    assert status(address, path, own) == 101
                for foreign in ("http://127.0.0.1", f"https://127.0.0.1:{port}", f"http://a.example:{port}", "null"):
                    assert status(address, path, foreign) == 403
