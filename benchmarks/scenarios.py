"""What is done to a server: how many connections, what messages, how many of them on their way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from .servers import Settings

KIB, MIB = 1024, 1024 * 1024

WINDOW_BITS = 12
"""The window that the client asks for, for both sides.

All servers compress with zlib's level 6; safews, uvicorn's websockets-sansio and websockets' own with ``memLevel`` 5,
the others with 8, which takes more memory.
"""

USUAL_OPENING_RATE = 1_500
"""About how many connections a server opens in a second."""

PING_SECONDS = 20
"""uvicorn's own interval of pings."""

_DEFLATE_OFFER = f"permessage-deflate; server_max_window_bits={WINDOW_BITS}; client_max_window_bits={WINDOW_BITS}"


@dataclass(frozen=True)
class Scenario:
    """One load; ``mode`` is one of the load program's. ``window`` is per connection, sizes are in bytes."""

    name: str
    about: str
    mode: str = "echo"
    connections: int = 1
    window: int = 1
    size: int = 32
    text: bool = True
    fragment: int | None = None
    settings: Settings = field(default_factory=Settings)
    figure: str = "rate"
    """The figure that matters most, by its name in ``measure.FIGURES``."""
    needs: str | None = None
    """What a peer may lack."""
    settle: float = 0.0
    """Seconds of warm-up besides the usual: timers that each handshake has left behind run out."""
    seconds: float = 1.0
    """How long a round is measured, unless the command line says otherwise."""
    rate: int | None = None
    """Messages a second in all connections together, in the mode ``paced``."""
    opening_rate: int | None = None
    """Connections opened in a second; None for one as soon as the one before is open."""
    asks_first: bool = False
    """Each connection has a message echoed as soon as it is open."""

    @property
    def opening_seconds(self) -> float:
        """About how long it takes to open the connections."""
        return self.connections / (self.opening_rate or USUAL_OPENING_RATE)

    @property
    def payload(self) -> bytes:
        """What a message holds; text is JSON where it is to be compressed."""
        if self.settings.compression:
            return _json(self.size)
        return (b"0123456789abcdefghijklmnopqrstuv" * (self.size // 32 + 1))[: self.size]

    @property
    def request(self) -> bytes:
        """The upgrade request."""
        lines = [
            "GET / HTTP/1.1",
            "Host: 127.0.0.1",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        ]
        if self.settings.compression:
            takeover = "" if self.settings.context_takeover else "; server_no_context_takeover"
            lines.append(f"Sec-WebSocket-Extensions: {_DEFLATE_OFFER}{takeover}")
        return "\r\n".join([*lines, "", ""]).encode()

    def message(self, *, raw: bool = False) -> bytes:
        """Return what the client sends again and again, as it is on the wire; raw peers get the same bytes."""
        if self.mode == "handshake" and not raw:
            return Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True)
        extensions = []
        if self.settings.compression:
            # Without its window from before a message can be sent again and again.
            extensions.append(PerMessageDeflate(True, True, WINDOW_BITS, WINDOW_BITS))
        return b"".join(frame.serialize(mask=True, extensions=extensions) for frame in self._frames())

    def reply_size(self, *, raw: bool = False) -> int:
        """Return how many bytes of payload each reply has; 0 where that depends on the server."""
        return 0 if raw or self.settings.compression else self.size

    def _frames(self) -> Iterator[Frame]:
        payload = self.payload
        opcode = Opcode.TEXT if self.text else Opcode.BINARY
        step = self.fragment or len(payload)
        for at in range(0, len(payload), step):
            yield Frame(opcode if at == 0 else Opcode.CONT, payload[at : at + step], fin=at + step >= len(payload))


def _json(size: int) -> bytes:
    """Return a JSON document of that size: a record, or a list of them."""
    record = {"id": 4711, "user": "ada", "text": "hello, world!"}
    text = json.dumps(record)
    if size > len(text):
        records = [{**record, "id": 4711 + number, "score": number * 7919 % 1000} for number in range(size // 40)]
        text = json.dumps(records)
    return text[:size].ljust(size).encode()


GROWTH = (1, 10, 100, 1_000, 10_000)
"""So many connections share the same messages."""

_GROWTH = [
    Scenario(
        f"connections-{count}",
        f"32 B text, 2,000 messages a second, to each of {count:,} in its turn",
        mode="paced",
        figure="cpu",
        connections=count,
        rate=2_000,
        settings=Settings(ping_interval=None),
        settle=5.0 if count >= 1_000 else 0.0,
        seconds=3.0,
    )
    for count in GROWTH
]

_ECHOES = [
    Scenario("pipelined-32", "32 B text, 1 connection, 512 messages on their way", window=512),
    Scenario("lockstep-32", "32 B text, 64 connections, 1 message on its way in each", connections=64, figure="cpu"),
    Scenario("pipelined-4k", "4 KiB text, 1 connection, 64 messages on their way", window=64, size=4 * KIB),
    Scenario("pipelined-1m", "1 MiB binary, 1 connection, 4 messages on their way", window=4, size=MIB, text=False),
]

LARGE = (1, 4, 16)
"""Sizes in MiB, to see whether the time a message takes grows as they do."""

_LARGE = [
    Scenario(
        f"{name}-{size}m",
        f"{size} MiB binary {about}, 1 connection, 1 message on its way",
        size=size * MIB,
        text=False,
        fragment=fragment,
    )
    for name, about, fragment in (("large", "in one frame", None), ("fragments", "in fragments of 16 KiB", 16 * KIB))
    for size in LARGE
]

_COMPRESSED = [
    Scenario(
        f"compressed-{size}",
        f"{size} B of JSON, compressed on both sides, 1 connection, 64 messages on their way",
        window=64,
        size=size,
        settings=Settings(compression=True),
        figure="cpu",
        needs="compression",
    )
    for size in (54, 3500)
]

_BROADCASTS = [
    Scenario(
        "broadcast-500",
        "32 B text from 1 client to all of 500; a message is one that arrives, a latency until all have it",
        mode="broadcast",
        connections=500,
        settings=Settings(app="broadcast"),
    ),
    Scenario(
        "broadcast-compressed-500",
        "54 B of JSON from 1 client to all of 500, compressed, with server_no_context_takeover",
        mode="broadcast",
        connections=500,
        size=54,
        settings=Settings(app="broadcast", compression=True, context_takeover=False),
        needs="compression",
    ),
]

_IDLE = [
    Scenario(
        "idle-1000",
        "1,000 connections that say nothing, without pings",
        mode="idle",
        connections=1_000,
        settings=Settings(ping_interval=None),
        figure="per_connection",
        settle=5.0,
    ),
    Scenario(
        "idle-compressed-1000",
        "1,000 connections that have had 3.5 KiB of JSON echoed, compressed, and said nothing for 30 s since",
        mode="idle",
        connections=1_000,
        size=3500,
        settings=Settings(compression=True, ping_interval=None),
        figure="per_connection",
        needs="compression",
        settle=30.0,
        asks_first=True,
    ),
    Scenario(
        "idle-pings-10000",
        f"10,000 connections that say nothing, opened over {PING_SECONDS} s, with a ping every {PING_SECONDS} s",
        mode="idle",
        connections=10_000,
        settings=Settings(ping_interval=PING_SECONDS),
        figure="idle_cpu",
        needs="pings",
        settle=5.0,
        seconds=PING_SECONDS,
        opening_rate=10_000 // PING_SECONDS,
    ),
]

SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        *_ECHOES,
        *_LARGE,
        *_BROADCASTS,
        Scenario(
            "handshake",
            "connect, upgrade, close, 8 at a time; a message is one of these",
            mode="handshake",
            connections=8,
            figure="cpu",
            needs="handshake",
        ),
        *_IDLE,
        *_COMPRESSED,
        *_GROWTH,
    )
}

QUICK = ("pipelined-32", "lockstep-32")
"""The hot path."""
