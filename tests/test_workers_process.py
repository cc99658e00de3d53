"""gunicorn as it is run, with our worker."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.harness import CLOSE, frame, upgrade_request
from tests.installed import APP, DEADLINE, ROOT, Environment, Running, facts_from, running


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("gunicorn")
    (folder / "app.py").write_text(APP)
    return Environment(Path(sys.executable).parent, folder)


@contextlib.contextmanager
def gunicorn(environment: Environment, *arguments: str, **variables: str) -> Iterator[Running]:
    """Run gunicorn with one worker, and look through its log once it has ended."""
    command = ["gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "safews.workers.Worker", *arguments, "app:app"]
    # gunicorn puts a socket of its own into the home directory.
    variables |= {"PYTHONPATH": str(ROOT), "HOME": str(environment.folder)}
    with running(environment, command, **variables) as server:
        yield server
    assert server.process.returncode is not None
    assert "Traceback" not in server.log.read_text()


def port_of(server: Running) -> int:
    return int(server.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])


def client_of(server: Running) -> ClientConnection:
    port = port_of(server)
    return connect(f"ws://127.0.0.1:{port}/", sock=socket.create_connection(("127.0.0.1", port), DEADLINE))


def close_code_of(client: ClientConnection) -> int | None:
    """Wait for the server's Close."""
    with pytest.raises(ConnectionClosed):
        client.recv(DEADLINE)
    return client.protocol.close_code


def assert_ended_by_itself(server: Running) -> None:
    """Wait until gunicorn has ended, and see that it did not have to kill its worker."""
    assert server.process.wait(DEADLINE) == 0
    log = server.log.read_text()
    assert "Finished server process" in log
    assert "[ERROR]" not in log


def test_a_worker_serves_by_our_protocol(environment: Environment) -> None:
    with gunicorn(environment) as server:
        with client_of(server) as client:
            facts = facts_from(client)
        server.wait_for(r'"WebSocket /" \[closed\] 1000 normal closure by peer')
    assert facts["name"] == "safews:Protocol"
    assert facts["pid"] != server.process.pid


def test_options_come_from_the_environment(environment: Environment) -> None:
    variables = {"SAFEWS_CLOSE_TIMEOUT": "2.5", "SAFEWS_SHUTDOWN_CODE": "1001"}
    with gunicorn(environment, **variables) as server, client_of(server) as client:
        assert facts_from(client)["options"]["close_timeout"] == 2.5
        server.process.terminate()
        assert close_code_of(client) == 1001


def test_options_come_from_gunicorn_s_own_setting(environment: Environment) -> None:
    with gunicorn(environment, "--env", "SAFEWS_CLOSE_TIMEOUT=2.5") as server, client_of(server) as client:
        assert facts_from(client)["options"]["close_timeout"] == 2.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_an_open_connection_is_closed_at_the_end(environment: Environment, number: signal.Signals) -> None:
    with gunicorn(environment) as server, client_of(server) as client:
        facts_from(client)
        server.process.send_signal(number)
        assert close_code_of(client) == 1012
        assert_ended_by_itself(server)


def test_a_client_that_does_not_answer_is_waited_for_no_longer_than_close_timeout(environment: Environment) -> None:
    with gunicorn(environment, SAFEWS_CLOSE_TIMEOUT="0.2") as server:
        with socket.create_connection(("127.0.0.1", port_of(server)), DEADLINE) as sock:
            sock.sendall(upgrade_request())
            server.wait_for(r'"WebSocket /" \[accepted\]')
            server.process.terminate()
            # The worker ends, though this end of the connection stays open.
            assert_ended_by_itself(server)
            received = b"".join(iter(lambda: sock.recv(4096), b""))
        assert received.endswith(frame(CLOSE, (1012).to_bytes(2, "big"), mask=None))


def test_a_reload_moves_clients_to_a_new_worker(environment: Environment) -> None:
    with gunicorn(environment) as server, client_of(server) as before:
        facts = facts_from(before)
        server.process.send_signal(signal.SIGHUP)
        assert close_code_of(before) == 1012
        with client_of(server) as after:
            assert facts_from(after)["pid"] != facts["pid"]
            server.process.terminate()
            assert close_code_of(after) == 1012
        assert_ended_by_itself(server)


def test_a_malformed_option_stops_the_start(environment: Environment) -> None:
    with gunicorn(environment, SAFEWS_CLOSE_TIMEOUT="soon") as server:
        assert server.process.wait(DEADLINE) == 3
        server.wait_for(r"\[ERROR\] SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds")
    assert server.log.read_text().count("Booting worker") == 1
