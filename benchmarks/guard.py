"""What the hot path costs, counted instead of measured, so that a test can hold it: ``python -m benchmarks.guard``.

A connection echoes on an event loop and a transport that are not there. Counted are the calls of Python functions for
each message, those of ``safews`` and of what it calls in the standard library; and the bytes that are allocated, by
``tracemalloc``. Neither depends on the machine. ``guard.json`` has what was counted when it was last recorded, with
``--record``; what depends on the version of Python is recorded for each.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import socket
import sys
import sysconfig
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from safews._protocol import WebSocketProtocol
from tests.fakes import FakeLoop, FakeSocket, FakeTransport
from tests.harness.frames import Frame, parse_frame

from .app import broadcast, echo
from .scenarios import KIB, MIB, Scenario
from .servers import ROOT, Settings

RECORD = Path(__file__).with_suffix(".json")

CODECS = ("websockets", "wsproto")

TOLERANCE = 0.04
"""By what share a figure may differ from what is recorded, to either side: what has become better is to be kept."""

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"

WARM_UP = 3
"""Rounds after which whatever is made once has been made."""

ROUNDS = 10

MAX_HEADER = 10
"""Bytes (RFC 6455 section 5.2)."""

_NOT_COUNTED = (str(ROOT / "tests"), str(ROOT / "benchmarks"), sysconfig.get_path("purelib"))

_PLAIN = Scenario("", "")
_COMPRESSED = Scenario("", "", size=128, settings=Settings(compression=True))
_CLOSE = Scenario("", "", mode="handshake").message()


class Host:
    """A server that is not there, with connections to an app."""

    def __init__(self, codec: str, app: Any = echo, scenario: Scenario = _PLAIN) -> None:
        self.request = scenario.request
        self.protocol: type[WebSocketProtocol] = importlib.import_module(f"safews.{codec}").Protocol
        self.loop = FakeLoop()
        self.state = ServerState()
        self.config = Config(
            app,
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            ws_ping_interval=None,
        )
        self.connections: list[Connection] = []

    def connect(self, count: int = 1) -> None:
        """Open connections, which the app accepts."""
        for _ in range(count):
            self.connections.append(Connection(self))

    def close(self) -> None:
        """Have the clients close, and the apps return."""
        for connection in self.connections:
            connection.arrive(_CLOSE)
            connection.protocol.connection_lost(None)
        self.connections.clear()
        self.loop.run()


class Connection:
    """A connection that an app has accepted."""

    def __init__(self, host: Host) -> None:
        self.loop = host.loop
        self.transport = FakeTransport(sock=FakeSocket(socket.AF_INET))
        self.protocol = host.protocol(host.config, host.state, {}, host.loop)
        self.protocol.connection_made(self.transport)
        self.protocol.data_received(host.request)
        self.transport.set_protocol(self.protocol)
        self.loop.run()
        assert self.transport.taken().startswith(b"HTTP/1.1 101")

    def arrive(self, data: bytes) -> None:
        """Have bytes arrive in reads as large as the protocol takes them, and the loop run after each."""
        rest = memoryview(data)
        while rest:
            buffer = self.protocol.get_buffer(-1)
            size = min(len(buffer), len(rest))
            buffer[:size] = rest[:size]
            self.protocol.buffer_updated(size)
            self.loop.run()
            rest = rest[size:]

    def check_echo(self, messages: int, scenario: Scenario) -> None:
        """See that all has been answered, and forget it."""
        data = self.transport.taken()
        at = count = 0
        while at < len(data):
            frame, size = cast("tuple[Frame, int]", parse_frame(data[at : at + scenario.size + MAX_HEADER]))
            assert bool(frame.rsv1) is scenario.settings.compression
            assert frame.rsv1 or len(frame.payload) == scenario.size
            at += size
            count += 1
        assert count == messages


def count_calls(work: Callable[[], object]) -> int:
    """Return how many Python functions are called; a generator that goes on counts as well."""
    calls = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        if event == "call" and not frame.f_code.co_filename.startswith(_NOT_COUNTED):
            calls += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


class Allocated(NamedTuple):
    """Bytes beyond what was allocated before: at most at once, and in the end."""

    peak: int
    kept: int


def count_bytes(work: Callable[[], object]) -> Allocated:
    """Return what is allocated."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        kept, peak = tracemalloc.get_traced_memory()
        return Allocated(peak - before, kept - before)
    finally:
        tracemalloc.stop()


def _calls(codec: str, app: Any, scenario: Scenario, batch: int, connections: int) -> int:
    """Return the calls while the first of so many connections sends so many messages at once, again and again."""
    host = Host(codec, app, scenario)
    host.connect(connections)
    data = scenario.message() * batch

    def work() -> None:
        for _ in range(ROUNDS):
            host.connections[0].arrive(data)

    work()
    calls = count_calls(work)
    for connection in host.connections:
        connection.check_echo(2 * ROUNDS * batch, scenario)
    host.close()
    return calls


def echo_calls(codec: str, batch: int, scenario: Scenario = _PLAIN) -> float:
    """Return the calls for each message, so many of which arrive in each read."""
    return _calls(codec, echo, scenario, batch, 1) / ROUNDS / batch


def broadcast_calls(codec: str, members: int) -> float:
    """Return the calls for each delivery of a message that is sent to so many."""
    return _calls(codec, broadcast, _PLAIN, 1, members) / ROUNDS / members


def connection_calls(codec: str) -> float:
    """Return the calls for a connection that is opened, and closed by its peer."""
    host = Host(codec)

    def work() -> None:
        for _ in range(ROUNDS):
            host.connect()
            host.close()

    work()
    return count_calls(work) / ROUNDS


def _bytes_at_once(codec: str, scenario: Scenario, batch: int) -> int:
    """Return what is allocated at most while messages that arrive together are echoed."""
    host = Host(codec)
    host.connect()
    connection, data = host.connections[0], scenario.message() * batch
    for _ in range(WARM_UP):
        connection.arrive(data)
    connection.check_echo(WARM_UP * batch, scenario)
    allocated = count_bytes(lambda: connection.arrive(data))
    connection.check_echo(batch, scenario)
    host.close()
    return allocated.peak


def burst_bytes(codec: str, batch: int) -> float:
    """Return the bytes for each message of 32 bytes, so many of which arrive in one read."""
    return _bytes_at_once(codec, _PLAIN, batch) / batch


def large_bytes(codec: str, fragment: int | None) -> float:
    """Return how many times its size a message of 1 MiB takes while it is echoed."""
    return _bytes_at_once(codec, Scenario("", "", size=MIB, text=False, fragment=fragment), 1) / MIB


def idle_bytes(codec: str, connections: int) -> float:
    """Return the bytes of each connection that is open and idle, its app and task included."""
    host = Host(codec)
    host.connect(WARM_UP)
    allocated = count_bytes(lambda: host.connect(connections))
    host.close()
    return allocated.kept / connections


FIGURES: dict[str, Callable[[str], float]] = {
    "calls, 64 messages in a read": lambda codec: echo_calls(codec, 64),
    "calls, 1 message in a read": lambda codec: echo_calls(codec, 1),
    "calls, delivery to one of 50": lambda codec: broadcast_calls(codec, 50),
    "times its size, 1 MiB in one frame": lambda codec: large_bytes(codec, None),
    "times its size, 1 MiB in fragments": lambda codec: large_bytes(codec, 16 * KIB),
    "bytes for each of 64 messages in a read": lambda codec: burst_bytes(codec, 64),
    "bytes of an idle connection": lambda codec: idle_bytes(codec, 50),
    "calls, 64 compressed messages in a read": lambda codec: echo_calls(codec, 64, _COMPRESSED),
    "calls, a connection that is opened and closed": connection_calls,
}

BY_PYTHON = (
    "bytes for each of 64 messages in a read",
    "bytes of an idle connection",
    "calls, a connection that is opened and closed",
)
"""The figures that are recorded for each version of Python: objects differ in size, and its library in calls."""


def read_record() -> dict[str, dict[str, Any]]:
    """Return what was counted when it was last recorded, by codec and figure."""
    found: dict[str, dict[str, Any]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return found


def recorded(codec: str, figure: str) -> float | None:
    """Return one figure; None where it has not been recorded for this Python."""
    value = read_record()[codec].get(figure)
    found: float | None = value.get(PYTHON) if isinstance(value, dict) else value
    return found


def count_all() -> dict[str, dict[str, float]]:
    """Return every figure, by codec."""
    return {codec: {name: round(count(codec), 2) for name, count in FIGURES.items()} for codec in CODECS}


def record(counted: dict[str, dict[str, float]]) -> None:
    """Write down what was counted; what is recorded for other versions of Python stays."""
    found = read_record()
    for codec, figures in counted.items():
        of_pythons = {name: {**found[codec].get(name, {}), PYTHON: figures[name]} for name in BY_PYTHON}
        found[codec] = {**figures, **{name: dict(sorted(values.items())) for name, values in of_pythons.items()}}
    RECORD.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Print what is counted beside what is recorded, or record it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description="Count what the hot path costs.")
    parser.add_argument("--json", action="store_true", help="print what is counted as JSON")
    parser.add_argument("--record", action="store_true", help="write it to guard.json")
    arguments = parser.parse_args()
    counted = count_all()
    if arguments.record:
        record(counted)
    if arguments.json:
        print(json.dumps(counted))
        return
    for codec, figures in counted.items():
        for name, value in figures.items():
            print(f"{codec:12} {name:40} {value:10.2f}  recorded {recorded(codec, name)}")


if __name__ == "__main__":
    main()
