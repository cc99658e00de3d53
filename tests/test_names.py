"""Every way to name safews, tried with the ``uvicorn`` command of an environment into which its wheel was installed."""

from __future__ import annotations

import functools
import ssl
import tempfile
import textwrap
from importlib.metadata import version
from typing import Any

import pytest
import trustme
from websockets.sync.client import connect, unix_connect

from tests.harness import UVICORN_VERSION
from tests.installed import (
    APP,
    DEADLINE,
    Environment,
    build_wheel,
    connected_socket,
    facts_from,
    make_environment,
    run_pip,
    running,
)

CODECS = {"safews": "websockets", "safews.websockets": "websockets", "safews.wsproto": "wsproto"}
NAMES = [*CODECS, *(f"{name}:Protocol" for name in CODECS)]

SERVE = """
    import sys
    import safews, safews.wsproto, uvicorn

    CHOICES = {
        "class": safews.Protocol,
        "string": "safews:Protocol",
        "options": safews.wsproto.Protocol.with_options(close_timeout=4).with_options(
            allowed_origins=["https://a.example"]
        ),
    }

    if __name__ == "__main__":
        settings = dict.fromkeys(sys.argv[2:], True)
        if "workers" in settings:
            settings["workers"] = 2
        uvicorn.run("app:app", port=0, ws=CHOICES[sys.argv[1]], lifespan="off", **settings)
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("names")
    wheel = build_wheel(folder)
    python = make_environment(folder / "venv")
    # The versions that the rest of the suite runs with, which may be the oldest.
    libraries = [f"{name}=={version(name)}" for name in ("uvicorn", "h11", "websockets", "wsproto", "httptools")]
    run_pip("--python", python, "install", wheel, *libraries)
    (folder / "app.py").write_text(APP)
    (folder / "serve.py").write_text(textwrap.dedent(SERVE))
    return Environment(python.parent, folder)


def uvicorn(*arguments: str) -> list[str]:
    return ["uvicorn", "app:app", "--lifespan", "off", *arguments]


def facts_at(address: int | str, scheme: str = "ws", **settings: Any) -> dict[str, Any]:
    """Connect, and return what the application says of itself."""
    join = connect if isinstance(address, int) else functools.partial(unix_connect, None)
    with join(f"{scheme}://127.0.0.1/", sock=connected_socket(address), **settings) as client:
        return facts_from(client)


class TestCommand:
    @pytest.mark.parametrize("name", NAMES)
    def test_one_process(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--ws", name)) as server:
            facts = facts_at(server.port())
        home = name.partition(":")[0]
        assert facts["name"] == f"{home}:Protocol"
        assert facts["codec"] == CODECS[home]
        assert facts["scheme"] == "ws"
        assert facts["client"][0] == "127.0.0.1"
        assert server.process.returncode == 0

    @pytest.mark.parametrize("name", NAMES)
    def test_workers(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--workers", "2", "--ws", name)) as server:
            facts = facts_at(server.port())
        assert facts["codec"] == CODECS[name.partition(":")[0]]
        assert facts["pid"] != server.process.pid

    @pytest.mark.parametrize("name", NAMES)
    def test_reload(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--reload", "--ws", name)) as server:
            facts = facts_at(server.port())
        assert facts["codec"] == CODECS[name.partition(":")[0]]
        assert facts["pid"] != server.process.pid


class TestProgram:
    @pytest.mark.parametrize("choice", ["class", "string"])
    @pytest.mark.parametrize("mode", ["", "workers", "reload"])
    def test_config(self, environment: Environment, choice: str, mode: str) -> None:
        with running(environment, ["python", "serve.py", choice, *mode.split()]) as server:
            facts = facts_at(server.port())
        assert facts["name"] == "safews:Protocol"
        assert (facts["pid"] != server.process.pid) == bool(mode)

    @pytest.mark.parametrize("mode", ["", "workers", "reload"])
    def test_with_options(self, environment: Environment, mode: str) -> None:
        variables = {"SAFEWS_CLOSE_TIMEOUT": "9"}
        with running(environment, ["python", "serve.py", "options", *mode.split()], **variables) as server:
            facts = facts_at(server.port())
        assert facts["name"] == "safews.wsproto:Protocol"
        assert facts["options"] == {"close_timeout": 4.0, "allowed_origins": ["https://a.example"]}


class TestTransports:
    @pytest.mark.parametrize("name", CODECS)
    def test_tls(self, environment: Environment, name: str) -> None:
        authority = trustme.CA()
        certificate = environment.folder / "certificate.pem"
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with running(environment, uvicorn("--port", "0", "--ws", name, "--ssl-certfile", str(certificate))) as server:
            facts = facts_at(server.port(), "wss", ssl=trusting)
        assert facts["codec"] == CODECS[name]
        assert facts["scheme"] == "wss"

    @pytest.mark.parametrize("name", CODECS)
    def test_unix_socket(self, environment: Environment, name: str) -> None:
        # The path of a socket may have no more than about 100 characters.
        with tempfile.TemporaryDirectory() as short:
            path = f"{short}/socket"
            with running(environment, uvicorn("--uds", path, "--ws", name)):
                facts = facts_at(path)
        assert facts["codec"] == CODECS[name]
        assert facts["scheme"] == "ws"
        assert facts["client"] is None

    @pytest.mark.parametrize("name", CODECS)
    def test_proxy_headers(self, environment: Environment, name: str) -> None:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        with running(environment, uvicorn("--port", "0", "--ws", name)) as server:
            facts = facts_at(server.port(), additional_headers=headers)
        assert facts["scheme"] == "wss"
        assert facts["client"] == ["203.0.113.7", 0]


class TestEnvironmentVariables:
    @pytest.mark.parametrize("mode", [[], ["--workers", "2"], ["--reload"]], ids=" ".join)
    def test_options(self, environment: Environment, mode: list[str]) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol", *mode)
        variables = {"SAFEWS_CLOSE_TIMEOUT": "2.5", "SAFEWS_PORT": "tcp://10.0.0.1:80"}
        with running(environment, command, **variables) as server:
            facts = facts_at(server.port())
            server.wait_for("WARNING:.*ignored: SAFEWS_PORT")
        assert facts["options"]["close_timeout"] == 2.5

    def test_a_malformed_option_stops_the_start(self, environment: Environment) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol")
        with running(environment, command, SAFEWS_CLOSE_TIMEOUT="soon") as server:
            assert server.process.wait(DEADLINE) != 0
            server.wait_for("SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds")

    def test_a_malformed_option_stops_the_start_of_workers(self, environment: Environment) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol", "--workers", "2")
        with running(environment, command, SAFEWS_CLOSE_TIMEOUT="soon") as server:
            server.wait_for("ERROR: .*SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds")
            if UVICORN_VERSION >= (0, 50):
                server.process.wait(DEADLINE)
            else:  # It starts another worker whatever the status was with which one has ended.
                server.wait_for(r"Child process \[\d+\] died")
        assert "Traceback" not in server.log.read_text()
