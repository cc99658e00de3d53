"""Floods of every kind, and bombs: by how many bytes the process grows.

``make floods`` sends floods of full size to the app that takes them: 100 MiB of large messages, ten million small.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path

import pytest

from tests.contract.helpers_o import DEFLATE, RSV1, Deflate, Flood, fragments
from tests.failures.peers import peak_memory, shown_by
from tests.failures.server import OURS, ServerProcess, begin_tls
from tests.harness import BINARY, CONTINUATION, LOOPS, TEXT, Client, eventually, frame
from tests.hostile.attacks import FLOODS, Kind
from tests.hostile.helpers import OVER_TLS, echoes
from tests.hostile.processes import (
    DEADLINE,
    HEAP,
    KIB,
    MARK,
    MIB,
    READ,
    RECEIVE_BUFFER,
    TLS_FLOODED,
    connect,
    facts,
    nothing_left,
    reset_peak,
    serving,
)

pytestmark = pytest.mark.timeout(180)

FULL = bool(os.environ.get("HOSTILE_FULL"))

COUNT = 8
"""Hostile peers at once."""

MAX_SIZE = MIB
ARGUMENTS = ("--ws-max-size", str(MAX_SIZE), "--ws-ping-interval", "0")

PONGS = MARK + 256 * 127
"""Bytes of pongs that a connection holds at most: the transport's mark, and those of the frames read in one turn."""

PER_CONNECTION = RECEIVE_BUFFER + READ + PONGS


EACH = pytest.fixture(scope="module", params=[*product(OURS, LOOPS)], ids="-".join)
"""A server for all tests of this module, one after another: each codec on each event loop."""


@EACH
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One without TLS."""
    with serving(tmp_path_factory.mktemp("server"), *request.param, *ARGUMENTS) as server:
        yield server


@EACH
def tls_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One with TLS."""
    with serving(tmp_path_factory.mktemp("server"), *request.param, *ARGUMENTS, tls=True) as server:
        yield server


@pytest.mark.parametrize("kind", FLOODS.values(), ids=FLOODS)
def test_flood_to_an_app_that_does_not_receive(server: ServerProcess, kind: Kind) -> None:
    """However much there is of it: all of it is held up. The peers read nothing, not even pongs."""
    asyncio.run(flood_those_who_do_not_receive(server, kind.of(12 * MIB), PER_CONNECTION))


@OVER_TLS
@pytest.mark.parametrize("kind", ["messages of 64 KiB", "fragments of no byte", "pings"])
def test_flood_over_tls_to_an_app_that_does_not_receive(tls_server: ServerProcess, kind: str) -> None:
    asyncio.run(flood_those_who_do_not_receive(tls_server, FLOODS[kind].of(12 * MIB), PER_CONNECTION + TLS_FLOODED))


async def flood_those_who_do_not_receive(server: ServerProcess, data: bytes, bound: int) -> None:
    with server.connect() as other:
        await begin_tls(other)
        await other.open(b"/echo")
        async with AsyncExitStack() as stack:
            clients = await connect(stack, server, COUNT, b"/idles")
            before = reset_peak(server)
            await until_held_up(server, [Flood(client, client.wire.sealed(data)) for client in clients])
            await echoes(other)
            assert peak_memory(server) - before <= COUNT * bound + HEAP
            for client in clients:
                client.reset()
            await facts(server, "/release")
            await nothing_left(server, 1)
        await echoes(other)


async def until_held_up(server: ServerProcess, floods: list[Flood]) -> None:
    """Send until the server reads from none of them, and the kernel takes no more."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE
    while loop.time() < end:
        await eventually(lambda: are_held_up(floods), DEADLINE)
        sent = [flood.sent for flood in floods]
        if (
            (await facts(server, "/settle")).unread == len(floods)
            and are_held_up(floods)
            and sent == [flood.sent for flood in floods]
        ):
            return
    raise AssertionError("the floods are not held up")


def are_held_up(floods: list[Flood]) -> bool:
    """Send on with each of them; true if none can."""
    return all([flood.is_held_up() for flood in floods])  # noqa: C419 - all of them, not only up to the first that can


SIZES = {
    "messages of 64 KiB": 100 * MIB if FULL else 8 * MIB,
    "messages of one byte": 70_000_000 if FULL else 700_000,
    "fragments of no byte": 12_000_000 if FULL else 300_000,
    "pings": 100 * MIB if FULL else 4 * MIB,
}
"""Bytes on the wire: ten million messages of one byte are seventy million."""


@pytest.mark.parametrize("kind", SIZES)
def test_flood_to_an_app_that_takes_it(server: ServerProcess, kind: str) -> None:
    asyncio.run(flood_one_that_receives(server, FLOODS[kind], SIZES[kind]))


async def flood_one_that_receives(server: ServerProcess, kind: Kind, size: int) -> None:
    loop = asyncio.get_running_loop()
    with server.connect() as other, server.connect() as client:
        await other.open(b"/echo")
        await client.open(b"/takes")
        before = reset_peak(server)
        await client.send(kind.first)
        piece = kind.again * (64 * KIB // len(kind.again) or 1)
        reading = asyncio.ensure_future(throw_away(client))
        for _ in range(size // len(piece)):
            # The kernel holds more small frames than the server reads in the few seconds that ``send`` waits.
            await asyncio.wait_for(loop.sock_sendall(client.wire.socket, piece), DEADLINE)
        await echoes(other)
        assert peak_memory(server) - before <= PER_CONNECTION + HEAP
        client.half_close()
        await asyncio.wait_for(reading, DEADLINE)
        if kind.again[0] & 0x8F in (0x80 | TEXT, 0x80 | BINARY):
            count = size // len(piece) * (len(piece) // len(kind.again))
            server.running.wait_for(f"app: took {count} messages")
        await echoes(other)
        await nothing_left(server, 1)


async def throw_away(client: Client) -> None:
    """Read to the end of the stream."""
    while await asyncio.get_running_loop().sock_recv(client.wire.socket, 64 * KIB):
        pass


PIECE = 20
PIECES = MAX_SIZE // PIECE
AS_OBJECT = 80
"""Bytes of a small ``str`` that stands in a list. Before Python 3.13 a ``StringIO`` keeps up to 100,000 of them."""


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
def test_fragments_without_end_to_an_app_that_waits_for_them(server: ServerProcess, opcode: int) -> None:
    """They are gathered up to ``ws_max_size``; while they grow, what gathers them has them up to twice."""
    data = frame(opcode, fin=False) + frame(CONTINUATION, b"x" * PIECE, fin=False) * (2 * PIECES)
    objects = min(PIECES, 100_000) * AS_OBJECT if opcode == TEXT else 0
    asyncio.run(end_by_too_much(server, data, 2 * MAX_SIZE + objects + READ + HEAP))


BOMB = 256 * MIB


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """256 MiB in 256 KiB."""
    payload = Deflate(level=9).deflate(bytes(BOMB))
    assert len(payload) * 1000 < BOMB
    return payload


@pytest.mark.parametrize("count", [1, 7], ids=["whole", "fragments"])
def test_bomb(server: ServerProcess, bomb: bytes, count: int) -> None:
    """What is inflated of it stands in memory up to three times: as pieces, joined, and gathered."""
    asyncio.run(end_by_too_much(server, fragments(BINARY, bomb, count, rsv=RSV1), 3 * MAX_SIZE + READ + HEAP))


@pytest.mark.stock
@shown_by("wsproto")
def test_stock_inflates_it_all(tmp_path: Path, stock: str, bomb: bytes) -> None:
    """``--ws websockets-sansio`` stops at the limit."""
    with serving(tmp_path, stock, "asyncio", *ARGUMENTS) as server:
        asyncio.run(grow_by_a_bomb(server, bomb))


async def grow_by_a_bomb(server: ServerProcess, bomb: bytes) -> None:
    with server.connect() as client:
        await client.open(b"/takes", DEFLATE)
        before = reset_peak(server)
        await client.send_frame(BINARY, bomb, rsv=RSV1)
        # Long before it says that this is too big.
        await eventually(lambda: peak_memory(server) - before > BOMB // 4, DEADLINE)


async def end_by_too_much(server: ServerProcess, data: bytes, bound: int) -> None:
    with server.connect() as other, server.connect() as client:
        await other.open(b"/echo")
        await client.open(b"/takes", DEFLATE)
        before = reset_peak(server)
        await client.send(data)
        closing = await client.frame()
        assert int.from_bytes(closing.payload[:2], "big") == 1009
        assert peak_memory(server) - before <= bound
        await client.rest()
        client.close()
        await nothing_left(server, 1)
        await echoes(other)
