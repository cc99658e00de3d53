"""A protocol driven without a network, for ``instructions`` to count: uvloop is real, the transport is not.

``python -m benchmarks.driven safews.wsproto:Protocol lockstep-32:80`` is run under valgrind. When all is imported it
forks twice for each scenario: one process does a quarter of the rounds as a warm-up, the other does as many more as
asked. What the second has done beyond the first is those rounds alone. The processes' ids are printed, by which
valgrind names what it writes.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import socket
import traceback
from dataclasses import dataclass
from typing import Any

import uvloop
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from tests.fakes import FakeSocket

from . import app
from .scenarios import KIB, SCENARIOS, Scenario

FLOOR = "floor"
"""In place of a protocol: the app with nothing around it."""

READ_SIZE = 256 * KIB
"""Bytes that uvloop reads at most at once."""

QUIET_TURNS = 3
"""Turns of the event loop without output after which all is taken to be answered."""

CLOSE = Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)


@dataclass
class Tally:
    """How many bytes all transports have been given."""

    size: int = 0


class Sink(asyncio.Transport):
    """A transport whose output goes nowhere. While ``kept`` is a list, that has it."""

    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self.tally = tally
        self.kept: list[bytes] | None = None
        self.is_paused = False
        self._is_closing = False
        self._protocol: asyncio.BaseProtocol = asyncio.Protocol()
        self._socket = FakeSocket(socket.AF_INET)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.tally.size += len(data)
        if self.kept is not None:
            self.kept.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.write(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self._is_closing = True

    def abort(self) -> None:
        self._is_closing = True

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default


class Floor(asyncio.Protocol):
    """The app as it runs with nothing around it: what it receives is ready made, and what it sends is only counted."""

    def __init__(self, application: Any, scenario: Scenario) -> None:
        self._application = application
        payload = scenario.payload
        self._payload = {"text": payload.decode()} if scenario.text else {"bytes": payload}
        self._message_size = len(scenario.message())
        self._messages = self._bytes = 0
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        self._first: dict[str, Any] | None = {"type": "websocket.connect"}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the app begin."""
        assert isinstance(transport, Sink)
        self._tally = transport.tally
        scope = {"type": "websocket"}
        self._task = asyncio.get_running_loop().create_task(self._application(scope, self.receive, self.send))

    def data_received(self, data: bytes) -> None:
        """Take the messages for received, whatever they are."""
        self._is_closed = data == CLOSE
        messages, self._bytes = divmod(self._bytes + len(data), self._message_size)
        self._messages += messages
        if self._waiter is not None and (self._messages or self._is_closed):
            self._waiter.set_result(None)
            self._waiter = None

    async def receive(self) -> dict[str, Any]:
        """The app's ``receive``."""
        if self._first is not None:
            event, self._first = self._first, None
            return event
        if not self._messages and not self._is_closed:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self._is_closed:
            return {"type": "websocket.disconnect", "code": 1000}
        self._messages -= 1
        return {"type": "websocket.receive", **self._payload}

    async def send(self, event: dict[str, Any]) -> None:
        """The app's ``send``."""
        self._tally.size += 1


class Driver:
    """A server that is not there, with the connections of a scenario."""

    def __init__(self, config: Config, scenario: Scenario) -> None:
        self._config = config
        self._scenario = scenario
        self._state = ServerState()
        self._is_floor = config.ws == FLOOR
        self._tally = Tally()
        self._sinks: list[Sink] = []
        self._message = scenario.message()

    @property
    def messages(self) -> int:
        """How many are counted in a round."""
        if self._scenario.mode == "echo":
            return self._scenario.connections * self._scenario.window
        return self._scenario.connections

    async def run(self, rounds: int) -> None:
        """Do so many rounds, after a check that all is answered."""
        if self._scenario.mode == "handshake":
            for _ in range(rounds):
                await self._shake_hands()
            return
        await self._open()
        await self._check()
        gc.collect()
        gc.freeze()
        for _ in range(rounds):
            await self._send_messages()
        await self._check()

    async def _open(self) -> None:
        self._sinks = [self._connect() for _ in range(self._scenario.connections)]
        await self._settle()

    def _connect(self) -> Sink:
        sink = Sink(self._tally)
        protocol: asyncio.Protocol
        if self._is_floor:
            protocol = Floor(self._config.loaded_app, self._scenario)
        else:
            protocol = HttpToolsProtocol(self._config, self._state, {}, asyncio.get_running_loop())
        sink.set_protocol(protocol)
        protocol.connection_made(sink)
        if not self._is_floor:
            protocol.data_received(self._scenario.request)
        return sink

    async def _shake_hands(self) -> None:
        await self._open()
        for sink in self._sinks:
            await self._arrive(sink, CLOSE)
        await self._settle()
        for sink in self._sinks:
            sink.get_protocol().connection_lost(None)
            # As a transport lets go of it.
            sink.set_protocol(asyncio.Protocol())
        await self._settle()

    async def _send_messages(self) -> None:
        if self._scenario.mode == "broadcast":
            await self._arrive(self._sinks[0], self._message)
        else:
            for sink in self._sinks:
                await self._arrive(sink, self._message * self._scenario.window)
        await self._settle()

    async def _arrive(self, sink: Sink, data: bytes) -> None:
        """Have bytes arrive, in reads as uvloop does them."""
        protocol = sink.get_protocol()
        assert isinstance(protocol, asyncio.Protocol)
        for at in range(0, len(data), READ_SIZE):
            while sink.is_paused:  # There is nothing to wait for but that the app takes a message.
                assert not sink.is_closing(), "closed by the server"
                await asyncio.sleep(0)
            protocol.data_received(data[at : at + READ_SIZE])

    async def _settle(self) -> None:
        """Wait until no more output comes."""
        quiet, size = 0, -1
        while quiet < QUIET_TURNS:
            await asyncio.sleep(0)
            before, size = size, self._tally.size
            quiet = quiet + 1 if size == before else 0

    async def _check(self) -> None:
        """Do a round, and see that there is an answer to every message."""
        before = self._tally.size
        for sink in self._sinks:
            sink.kept = []
        await self._send_messages()
        if self._is_floor:
            answers = self._tally.size - before
        else:
            answers = sum(count_messages(b"".join(sink.kept or [])) for sink in self._sinks)
        if answers != self.messages:
            raise AssertionError(f"{answers} answers to {self.messages} messages")
        for sink in self._sinks:
            sink.kept = None


def count_messages(data: bytes) -> int:
    """Return how many messages a server's frames hold."""
    found = at = 0
    while at < len(data):
        length, start = data[at + 1], at + 2
        if length >= 126:
            start += 2 if length == 126 else 8
            length = int.from_bytes(data[at + 2 : start], "big")
        found += data[at] & 0x80 and data[at] & 0x0F < 8
        at = start + length
    assert at == len(data)
    return found


def drive(driver: Driver, rounds: int) -> int:
    """Do the rounds in a process of its own, and return the id of that."""

    async def run_and_exit() -> None:
        await driver.run(rounds)
        # At once: ending what is open would cost as well, and be logged.
        os._exit(0)

    pid = os.fork()
    if pid == 0:
        try:
            uvloop.run(run_and_exit())
        finally:
            traceback.print_exc()
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(1)
    return pid


def count(ws: str, name: str, rounds: int) -> dict[str, Any]:
    """Drive a protocol twice, and return the ids of the processes, and in how many messages they differ."""
    scenario = SCENARIOS[name]
    config = Config(
        getattr(app, scenario.settings.app),
        ws=ws,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        # Nobody answers a ping, and under valgrind all takes so long that there would be some.
        ws_ping_interval=3600.0,
    )
    if ws != FLOOR:
        config.load()
    else:
        config.loaded_app = config.app
    driver = Driver(config, scenario)
    warm = max(1, rounds // 4)
    pids = [drive(driver, many) for many in (warm, warm + rounds)]
    return {"pids": pids, "messages": rounds * driver.messages}


def main() -> None:
    """Drive what the command line says, and print a JSON object for each scenario."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.driven", description=__doc__)
    parser.add_argument("ws", help=f"as uvicorn takes it, or {FLOOR}")
    parser.add_argument("scenario", nargs="+", metavar="NAME:ROUNDS")
    arguments = parser.parse_args()
    for text in arguments.scenario:
        name, _, rounds = text.partition(":")
        print(json.dumps({"scenario": name, **count(arguments.ws, name, int(rounds))}), flush=True)


if __name__ == "__main__":
    main()
