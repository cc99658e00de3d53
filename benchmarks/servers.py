"""The servers that are compared, and how each is started: on one core, with one worker, alike where they can be.

Settings that are the same for all: no compression unless the scenario says so, messages of 16 MiB allowed, no access
log, the event loop uvloop where there is a choice, pings as the scenario says.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

COMPILED = ROOT / ".compiled"
"""Where ``make`` unpacks the compiled build."""

HOST = "127.0.0.1"

STOP_SECONDS = 5.0
"""How long a server may take to end before it is killed."""


class Unavailable(Exception):
    """A peer that cannot take part, and why."""


@dataclass(frozen=True)
class Settings:
    """What a scenario wants of a server; ``ping_interval`` is in seconds, None for no pings."""

    app: str = "echo"
    compression: bool = False
    context_takeover: bool = True
    """Whether the server may refer to earlier messages; if not, the client's offer says so, which all peers heed."""
    ping_interval: int | None = 20


Command = Callable[[int, Settings], list[str]]


@dataclass(frozen=True)
class Peer:
    """A server: how it is started, and the reasons why it cannot do what some scenarios need.

    What ``folder`` has comes before what is installed.
    """

    name: str
    packages: tuple[str, ...]
    command: Command
    lacks: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT

    def versions(self) -> dict[str, str]:
        """Return the versions of what it is made of; raise ``Unavailable`` if a part is missing."""
        if not self.folder.is_dir():
            raise Unavailable(f"there is no {self.folder.name}, which make .compiled/.ready makes")
        try:
            return {package: version(package) for package in self.packages}
        except PackageNotFoundError as exc:
            raise Unavailable(f"the package {exc.name} is not installed") from None

    def shown_command(self, settings: Settings) -> str:
        """Return the command for a reader."""
        return " ".join(["python", *self.command(0, settings)])


NEVER = 86400
"""Seconds between pings where there are to be none: uvicorn's command line has no word for it."""


MANY = 20_000
"""Connections, where a server has a limit of its own: more than any scenario has."""


def _uvicorn(ws: str) -> Command:
    def command(port: int, settings: Settings) -> list[str]:
        pings = NEVER if settings.ping_interval is None else settings.ping_interval
        return [
            *("-m", "uvicorn", f"benchmarks.app:{settings.app}", "--host", HOST, "--port", str(port), "--ws", ws),
            *("--loop", "uvloop", "--http", "httptools", "--lifespan", "off", "--workers", "1"),
            *("--log-level", "warning", "--no-access-log"),
            *("--ws-per-message-deflate", str(settings.compression).lower()),
            *("--ws-ping-interval", str(pings), "--ws-ping-timeout", "20"),
        ]

    return command


def _plain(server: str) -> Command:
    def command(port: int, settings: Settings) -> list[str]:
        flags = ["--compression"] if settings.compression else []
        if settings.ping_interval is not None:
            flags += ["--ping-interval", str(settings.ping_interval)]
        return ["-m", "benchmarks.plain_servers", server, settings.app, "--port", str(port), *flags]

    return command


def _hypercorn(port: int, settings: Settings) -> list[str]:
    pings = [] if settings.ping_interval is None else ["--websocket-ping-interval", str(settings.ping_interval)]
    return [
        *("-m", "hypercorn", f"benchmarks.app:{settings.app}", "--bind", f"{HOST}:{port}"),
        *("--worker-class", "uvloop", "--workers", "1", "--log-level", "warning", *pings),
    ]


def _daphne(port: int, settings: Settings) -> list[str]:
    pings = [] if settings.ping_interval is None else ["--ping-interval", str(settings.ping_interval)]
    return [
        *("-m", "daphne", "--bind", HOST, "--port", str(port), "--verbosity", "0", *pings),
        *("--websocket-max-message-size", "0", "--websocket-max-frame-size", "0", f"benchmarks.app:{settings.app}"),
    ]


def _granian(port: int, settings: Settings) -> list[str]:
    return [
        *("-m", "granian", "--interface", "asginl", "--host", HOST, "--port", str(port), "--ws", "--workers", "1"),
        *("--runtime-threads", "1", "--loop", "uvloop", "--log-level", "warning", "--no-access-log"),
        *("--backpressure", str(MANY)),
        f"benchmarks.app:{settings.app}",
    ]


def _gunicorn(port: int, settings: Settings) -> list[str]:
    return [
        *("-m", "gunicorn", "--worker-class", "asgi", "--asgi-loop", "uvloop", "--asgi-lifespan", "off"),
        *("--workers", "1", "--worker-connections", str(MANY), "--log-level", "warning"),
        *("--bind", f"{HOST}:{port}", f"benchmarks.app:{settings.app}"),
    ]


NO_PINGS = "sends no pings"
NO_COMPRESSION = "has no permessage-deflate"

_UVICORN = ("uvicorn", "uvloop", "httptools")
# safews itself is that of this folder, which the report names by its commit.

PEERS = {
    peer.name: peer
    for peer in (
        Peer("safews-websockets", (*_UVICORN, "websockets"), _uvicorn("safews.websockets:Protocol")),
        Peer("safews-wsproto", (*_UVICORN, "wsproto"), _uvicorn("safews.wsproto:Protocol")),
        Peer(
            "safews-websockets-compiled",
            (*_UVICORN, "websockets"),
            _uvicorn("safews.websockets:Protocol"),
            folder=COMPILED,
        ),
        Peer("safews-wsproto-compiled", (*_UVICORN, "wsproto"), _uvicorn("safews.wsproto:Protocol"), folder=COMPILED),
        Peer("uvicorn-websockets", (*_UVICORN, "websockets"), _uvicorn("websockets")),
        Peer("uvicorn-websockets-sansio", (*_UVICORN, "websockets"), _uvicorn("websockets-sansio")),
        Peer("uvicorn-wsproto", (*_UVICORN, "wsproto"), _uvicorn("wsproto")),
        Peer(
            "raw",
            ("uvloop",),
            _plain("raw"),
            dict.fromkeys(("handshake", "compression", "pings"), "is no WebSocket server"),
        ),
        Peer("picows", ("picows", "uvloop"), _plain("picows"), {"compression": NO_COMPRESSION}),
        Peer("websockets", ("websockets", "uvloop"), _plain("websockets")),
        Peer("hypercorn", ("hypercorn", "wsproto", "uvloop"), _hypercorn),
        Peer("daphne", ("daphne", "twisted", "autobahn"), _daphne, {"compression": NO_COMPRESSION}),
        Peer("granian", ("granian", "uvloop"), _granian, {"compression": NO_COMPRESSION, "pings": NO_PINGS}),
        Peer("gunicorn", ("gunicorn", "uvloop"), _gunicorn, {"compression": NO_COMPRESSION, "pings": NO_PINGS}),
    )
}


class Running(NamedTuple):
    """A server that has been started; it may not be ready yet."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def pids(self) -> list[int]:
        """Return all its processes: those of its session."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold blanks; after it come state, parent, group and session.
                session = int(path.read_text().rpartition(")")[2].split()[3])
                if session == self.process.pid:
                    found.append(int(path.parent.name))
        return found

    def last_words(self) -> str:
        """Return the last line of what it has printed."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@contextlib.contextmanager
def pinned(core: int) -> Iterator[None]:
    """Have what is started meanwhile run on that core alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(peer: Peer, settings: Settings, core: int) -> Iterator[Running]:
    """Start a server on a core and a free port, and end it."""
    peer.versions()
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    if settings.compression:
        # By default safews sends what is shorter than this as it is; here all are to do the same work.
        environ["SAFEWS_DEFLATE_THRESHOLD"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with pinned(core), log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *peer.command(port, settings)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=peer.folder,
                start_new_session=True,
            )
        try:
            yield Running(port, process, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
