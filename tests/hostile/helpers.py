"""What the tests in the event loop of the server share: an app with an echo beside it, and what is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safews._protocol import WebSocketProtocol
from tests.harness import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    UVLOOP_VERSION,
    App,
    Call,
    Client,
    Frame,
    Server,
    Start,
    echo,
)
from tests.harness.app import Script

OTHER = b"/other"

OVER_TLS = pytest.mark.skipif(UVLOOP_VERSION < (0, 17), reason="uvloop 0.16 holds on to the last connection over TLS")

TCP_AND_TLS = pytest.mark.parametrize(
    "tls", [pytest.param(False, id="TCP"), pytest.param(True, id="TLS", marks=OVER_TLS)]
)


def beside_echo(script: Script) -> App:
    """Make an app that runs the script, and an echo for those who connect to ``/other``."""

    async def choose(call: Call) -> object:
        return await (echo if call.scope["path"] == OTHER.decode() else script)(call)

    return App(choose)


@asynccontextmanager
async def under_attack(start: Start, script: Script, **settings: Any) -> AsyncIterator[tuple[Server, Client]]:
    """Serve a script, and beside it an echo, which is served before and afterwards; gives the client of the echo too.

    At the end, and before a shutdown, every call is over, and neither connections nor tasks are left.
    """
    app = beside_echo(script)
    async with start(app, **settings) as server:
        async with server.open(OTHER) as other:
            await echoes(other)
            yield server, other
            await echoes(other)
            await leaves(other)
        await server.became_idle()
        for call in app.calls:
            await call.ended()


async def echoes(client: Client) -> None:
    """Have a message echoed."""
    await client.send_text("meanwhile")
    assert await past_pings(client) == Frame(TEXT, b"meanwhile")


async def leaves(client: Client) -> None:
    """Close as a healthy peer does, which sends nothing after it, not even what answers a Ping."""
    await client.send_close(1000)
    while (received := await client.frame()).opcode == PING:
        pass
    assert received.opcode == CLOSE
    await client.expect_eof()


async def past_pings(client: Client) -> Frame:
    """Read the next frame that is no Ping; those before it are answered."""
    while (received := await client.frame()).opcode == PING:
        await client.send_frame(PONG, received.payload)
    return received


async def turns_until(happened: Callable[[], object], most: int) -> int:
    """Count the turns of the event loop until something has happened; more than ``most`` are an error."""
    for turn in range(most + 1):
        if happened():
            return turn
        await asyncio.sleep(0)
    raise AssertionError(f"not within {most} turns of the event loop")


class Ticks:
    """Counts the calls of a method by the object whose it is, for as long as ``monkeypatch`` holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self._counts: Counter[int] = Counter()
        original = getattr(owner, name)

        def counting(instance: object, *args: object) -> object:
            self._counts[id(instance)] += 1
            return original(instance, *args)

        monkeypatch.setattr(owner, name, counting)

    def of(self, instance: object) -> int:
        """Say how many there have been since the last ``forget``."""
        return self._counts[id(instance)]

    def forget(self) -> None:
        """Begin anew."""
        self._counts.clear()


class PingBeats:
    """For how many beats an unanswered Ping was waited for, by the protocol object that gave its peer up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._beats: dict[int, int] = {}
        original = WebSocketProtocol._ping_timed_out

        def counting(protocol: WebSocketProtocol) -> None:
            keepalive: Any = protocol._keepalive
            self._beats[id(protocol)] = keepalive._pulse.number - keepalive._sent
            original(protocol)

        monkeypatch.setattr(WebSocketProtocol, "_ping_timed_out", counting)

    def are_all(self, protocol: Any) -> bool:
        """Say whether there were just as many as the ping timeout has."""
        return self._beats[id(protocol)] == protocol._keepalive._timeout


def protocol_of(server: Server, client: Client) -> Any:
    """Find the protocol object that a client is connected to."""
    address = client.wire.socket.getsockname()
    connections: set[Any] = set(server.state.connections)
    (protocol,) = (found for found in connections if found._client == address)
    return protocol
