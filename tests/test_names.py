"""Every way to name safews, tried with the ``uvicorn`` command of an environment into which its wheel was installed."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import textwrap
import time
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trustme
from uvicorn import config
from websockets.sync.client import ClientConnection, connect, unix_connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
DEADLINE = 30.0
"""Seconds until something that should happen counts as missing."""

CODECS = {"safews": "websockets", "safews.websockets": "websockets", "safews.wsproto": "wsproto"}
NAMES = [*CODECS, *(f"{name}:Protocol" for name in CODECS)]

# What the application knows of the protocol that serves it, it finds among the objects of its process.
APP = """
    import gc, json, os

    async def app(scope, receive, send):
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
        await send({"type": "websocket.send", "text": (await receive())["text"]})
"""

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


class Environment(NamedTuple):
    """A virtual environment, a folder with the application, and the wheel."""

    bin: Path
    folder: Path
    wheel: Path


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
                pytest.fail(f"no {pattern!r} in the log of the server, which has {'ended' if ended else 'run'}:\n{text}")
            time.sleep(0.02)

    def port(self) -> int:
        """Return the port that the server has taken."""
        return int(self.wait_for(r"running on https?://127\.0\.0\.1:(\d+)")[1])


def run_pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=120, stdin=subprocess.DEVNULL)


def make_environment(folder: Path) -> Path:
    """Make an empty virtual environment, without even pip, and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run_pip("wheel", ".", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("names")
    python = make_environment(folder / "venv")
    # The versions that the rest of the suite runs with, which may be the oldest.
    libraries = [f"{name}=={version(name)}" for name in ("uvicorn", "h11", "websockets", "wsproto", "httptools")]
    run_pip("--python", python, "install", wheel, *libraries)
    (folder / "app.py").write_text(textwrap.dedent(APP))
    (folder / "serve.py").write_text(textwrap.dedent(SERVE))
    return Environment(python.parent, folder, wheel)


@contextlib.contextmanager
def running(environment: Environment, command: Sequence[str], **variables: str) -> Iterator[Running]:
    """Run a command of the environment, in a process group of its own so that no worker outlives the test."""
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


def uvicorn(*arguments: str) -> list[str]:
    return ["uvicorn", "app:app", "--lifespan", "off", *arguments]


def open_when_listening(address: str, uds: str | None = None, **settings: Any) -> ClientConnection:
    """Connect to a server whose workers may not listen yet."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            if uds is not None:
                return unix_connect(uds, address, **settings)
            return connect(address, proxy=None, **settings)
        except (ConnectionRefusedError, FileNotFoundError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def facts_from(address: str, **settings: Any) -> dict[str, Any]:
    """Connect, have a message echoed, and return what the application said of itself."""
    with open_when_listening(address, **settings) as client:
        facts: dict[str, Any] = json.loads(client.recv(DEADLINE))
        client.send("to and fro")
        assert client.recv(DEADLINE) == "to and fro"
    return facts


@pytest.fixture(scope="module")
def contents(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


class TestWheel:
    def test_nothing_but_the_package_and_its_start_up_hook(self, contents: dict[str, str]) -> None:
        others = {name for name in contents if not re.match(r"safews/|safews-[^/]*\.dist-info/", name)}
        assert others == {"safews_names.py", "safews_names.pth", "safews_names.start"}
        assert not [name for name in contents if name.startswith("safews/_startup/")]

    def test_the_types_are_marked(self, contents: dict[str, str]) -> None:
        assert "safews/py.typed" in contents

    def test_the_licence_is_in_it(self, contents: dict[str, str]) -> None:
        (licence,) = (text for name, text in contents.items() if name.endswith(".dist-info/licenses/docs/LICENSE"))
        assert licence == (ROOT / "docs" / "LICENSE").read_text()
        (metadata,) = (text for name, text in contents.items() if name.endswith(".dist-info/METADATA"))
        assert "\nLicense-Expression: BSD-3-Clause\n" in metadata


class TestCommand:
    @pytest.mark.parametrize("name", NAMES)
    def test_one_process(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--ws", name)) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
        home = name.partition(":")[0]
        assert facts["name"] == f"{home}:Protocol"
        assert facts["codec"] == CODECS[home]
        assert facts["scheme"] == "ws"
        assert facts["client"][0] == "127.0.0.1"
        assert server.process.returncode == 0

    @pytest.mark.parametrize("name", NAMES)
    def test_workers(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--workers", "2", "--ws", name)) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
        assert facts["codec"] == CODECS[name.partition(":")[0]]
        assert facts["pid"] != server.process.pid

    @pytest.mark.parametrize("name", NAMES)
    def test_reload(self, environment: Environment, name: str) -> None:
        with running(environment, uvicorn("--port", "0", "--reload", "--ws", name)) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
        assert facts["codec"] == CODECS[name.partition(":")[0]]
        assert facts["pid"] != server.process.pid


class TestProgram:
    @pytest.mark.parametrize("choice", ["class", "string"])
    @pytest.mark.parametrize("mode", ["", "workers", "reload"])
    def test_config(self, environment: Environment, choice: str, mode: str) -> None:
        with running(environment, ["python", "serve.py", choice, *mode.split()]) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
        assert facts["name"] == "safews:Protocol"
        assert (facts["pid"] != server.process.pid) == bool(mode)

    @pytest.mark.parametrize("mode", ["", "workers", "reload"])
    def test_with_options(self, environment: Environment, mode: str) -> None:
        variables = {"SAFEWS_CLOSE_TIMEOUT": "9"}
        with running(environment, ["python", "serve.py", "options", *mode.split()], **variables) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
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
            facts = facts_from(f"wss://127.0.0.1:{server.port()}", ssl=trusting)
        assert facts["codec"] == CODECS[name]
        assert facts["scheme"] == "wss"

    @pytest.mark.parametrize("name", CODECS)
    def test_unix_socket(self, environment: Environment, name: str) -> None:
        # The path of a socket may have no more than about 100 characters.
        with tempfile.TemporaryDirectory() as short:
            path = f"{short}/socket"
            with running(environment, uvicorn("--uds", path, "--ws", name)):
                facts = facts_from("ws://localhost/", uds=path)
        assert facts["codec"] == CODECS[name]
        assert facts["scheme"] == "ws"
        assert facts["client"] is None

    @pytest.mark.parametrize("name", CODECS)
    def test_proxy_headers(self, environment: Environment, name: str) -> None:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        with running(environment, uvicorn("--port", "0", "--ws", name)) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}", additional_headers=headers)
        assert facts["scheme"] == "wss"
        assert facts["client"] == ["203.0.113.7", 0]


class TestEnvironmentVariables:
    @pytest.mark.parametrize("mode", [[], ["--workers", "2"], ["--reload"]], ids=" ".join)
    def test_options(self, environment: Environment, mode: list[str]) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol", *mode)
        variables = {"SAFEWS_CLOSE_TIMEOUT": "2.5", "SAFEWS_PORT": "tcp://10.0.0.1:80"}
        with running(environment, command, **variables) as server:
            facts = facts_from(f"ws://127.0.0.1:{server.port()}")
            server.wait_for("WARNING:.*ignored: SAFEWS_PORT")
        assert facts["options"]["close_timeout"] == 2.5

    def test_a_malformed_option_stops_the_start(self, environment: Environment) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol")
        with running(environment, command, SAFEWS_CLOSE_TIMEOUT="soon") as server:
            assert server.process.wait(DEADLINE) != 0
            server.wait_for("SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds")

    @pytest.mark.skipif(not hasattr(config, "STARTUP_FAILURE"), reason="this uvicorn restarts its workers for ever")
    def test_a_malformed_option_stops_the_start_of_workers(self, environment: Environment) -> None:
        command = uvicorn("--port", "0", "--ws", "safews:Protocol", "--workers", "2")
        with running(environment, command, SAFEWS_CLOSE_TIMEOUT="soon") as server:
            server.process.wait(DEADLINE)
            server.wait_for("ERROR: .*SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds")


class TestStartUpHook:
    REGISTERED = "import uvicorn.config; print(*sorted(name for name in uvicorn.config.WS_PROTOCOLS if 'safe' in name))"
    SOURCE = ROOT / "safews" / "_startup" / "safews_names.py"

    def ask(self, python: Path, *arguments: str, **variables: str) -> str:
        command = [python, *arguments]
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, check=True, timeout=DEADLINE, cwd=python.parent
        )
        assert done.stderr == ""
        return done.stdout.strip()

    def test_the_names_are_registered_in_a_wheel(self, environment: Environment) -> None:
        python = environment.bin / "python"
        assert self.ask(python, "-c", self.REGISTERED) == "safews safews.websockets safews.wsproto"
        assert "uvicorn --ws safews: registered" in self.ask(python, "-m", "safews").splitlines()

    def test_the_names_are_registered_in_an_editable_installation(self, tmp_path: Path) -> None:
        python = make_environment(tmp_path)
        (packages,) = tmp_path.glob("lib/python*/site-packages")
        # uvicorn and hatchling, but not this environment's safews: of a folder that is put on sys.path so, the own .pth
        # files are not read.
        (packages / "borrowed.pth").write_text(str(Path(config.__file__).parents[1]))
        run_pip("--python", python, "install", "--editable", ".", "--no-deps", "--no-build-isolation")
        assert self.ask(python, "-c", self.REGISTERED) == "safews safews.websockets safews.wsproto"
        assert self.ask(python, "-c", "import safews; print(safews.__file__)") == str(ROOT / "safews" / "__init__.py")

    def test_it_can_be_turned_off(self, environment: Environment) -> None:
        assert self.ask(environment.bin / "python", "-c", self.REGISTERED, SAFEWS_NO_ALIAS="1") == ""

    def test_it_imports_nothing(self, environment: Environment) -> None:
        code = "import sys; print(*sorted(name for name in sys.modules if name.startswith(('safews', 'uvicorn'))))"
        assert self.ask(environment.bin / "python", "-c", code) == "safews_names"

    def test_it_is_short(self) -> None:
        code = [line for line in self.SOURCE.read_text().splitlines() if line and not line.lstrip().startswith('"""')]
        assert len(code) < 15

    @pytest.fixture
    def hook(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Its module, loaded anew, in an interpreter that has not run it."""
        from importlib.util import module_from_spec, spec_from_file_location

        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        monkeypatch.setattr(config, "WS_PROTOCOLS", dict(config.WS_PROTOCOLS))
        monkeypatch.delenv("SAFEWS_NO_ALIAS", raising=False)
        spec = spec_from_file_location("safews_names", self.SOURCE)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_a_uvicorn_that_is_imported_already_gets_the_names_at_once(self, hook: Any) -> None:
        for name in CODECS:
            config.WS_PROTOCOLS.pop(name, None)
        hook.register()
        assert {name: config.WS_PROTOCOLS[name] for name in CODECS} == {name: f"{name}:Protocol" for name in CODECS}

    @pytest.mark.parametrize("value", ["1", "true", "YES"])
    def test_off_means_that_nothing_is_touched(self, hook: Any, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = dict(config.WS_PROTOCOLS), list(sys.meta_path)
        monkeypatch.setenv("SAFEWS_NO_ALIAS", value)
        hook.register()
        assert (config.WS_PROTOCOLS, sys.meta_path) == before

    @pytest.mark.parametrize("protocols", [None, (), {}])
    def test_it_finds_no_module_and_never_raises(
        self, hook: Any, protocols: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "WS_PROTOCOLS", protocols)
        assert hook.ImportWatcher.find_spec("os") is None
        monkeypatch.delitem(sys.modules, "uvicorn.config")
        assert hook.ImportWatcher.find_spec("uvicorn.config", [], None) is None
