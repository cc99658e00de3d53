"""The lives of clients that mean harm, or are out of luck: resets, silence, floods, bombs, violations."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.contract.helpers_o import DEFLATE, RSV1, Deflate, fragments
from tests.failures.peers import narrow
from tests.harness import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Client,
    close_frame,
    frame,
    upgrade_request,
    within,
)
from tests.hostile.attacks import ATTACKS, ENDLESS, FLOODS, NO_PONG, PLACES, SNEAKED
from tests.soak import served
from tests.soak.peers import Peer, life

ROOM = 2**17
"""Bytes of room for what a client does not read. Where there is little the kernel drops, and sends again ever later."""

PATIENCE = 60.0
"""Seconds within which the server has given up a peer. Its timeouts are a few seconds; a slow machine may take more."""

BUFFERS = 2**23
"""More bytes than there are on the way to a client that has not read."""

SIZE = 128 * 1024
"""Bytes of a flood. It is held up, or handled, while hundreds of others go on."""

PRESSING = 1.5
"""Seconds after which a flood that is held up ends."""


async def until_given_up(peer: Peer) -> None:
    """Read nothing for so long that the server gives up; then see what is left, and whether it has an end."""
    while True:
        await peer.pause(6, 9)
        if await ends_within(peer.client, BUFFERS):
            return


async def ends_within(client: Client, size: int) -> bool:
    """Read so many bytes, and say whether the stream has ended before."""
    try:
        while size > 0:
            data = await client.wire.receive()
            if not data:
                return True
            size -= len(data)
    except ConnectionError:
        return True
    return False


async def until_hung_up(peer: Peer) -> bytes:
    """Read to the end, and answer nothing."""
    return await within(peer.client.rest(), PATIENCE)


@life(served.sends, 8, "1006 server")
@life(served.fills, 5, "1000 app", "1006 server")
async def is_deaf(peer: Peer) -> None:
    """Read nothing."""
    narrow(peer.client, ROOM)
    await peer.open()
    await until_given_up(peer)


@life(served.echo, 5, "1006 server")
async def is_mute(peer: Peer) -> None:
    """Read everything and answer no ping."""
    await peer.open()
    await until_hung_up(peer)


@life(served.echo, 8, "1006 server")
async def never_ends_a_frame(peer: Peer) -> None:
    await peer.open()
    await peer.client.send(peer.random.choice(list(ENDLESS.values())))
    await until_hung_up(peer)


@life(served.takes, 3, "1006 server")
async def drips(peer: Peer) -> None:
    """Send a frame byte by byte; that something comes is no reason to wait longer."""
    await send_on(peer, *(bytes((byte,)) for byte in frame(BINARY, bytes(10**4))))


@life(served.takes, 5, "1006 server")
async def says_anything_but_the_pong(peer: Peer) -> None:
    await send_on(peer, *[peer.random.choice(list(NO_PONG.values()))] * 1000)


async def send_on(peer: Peer, *pieces: bytes) -> None:
    """Send one after the other until the server has had enough; nothing is answered."""
    await peer.open()
    reading = asyncio.ensure_future(until_hung_up(peer))
    with suppress(ConnectionError):
        for piece in pieces:
            await peer.client.send(piece)
            await peer.pause(0.1, 0.3)
            if reading.done():
                break
    await reading


@life(served.echo, 5)
async def never_ends_the_request(peer: Peer) -> None:
    """Nothing but the peer ends that: uvicorn's HTTP layer has no timeout for it."""
    request = upgrade_request(peer.path)
    await peer.client.send(request[: peer.random.randrange(1, len(request))])
    await peer.pause(1, 4)
    peer.client.close()


@life(served.echo, 10, "1006 network", "4000 peer")
async def resets(peer: Peer) -> None:
    """Reset at some moment: in the request, in a frame, in a message, behind messages, behind a Close."""
    request = upgrade_request(peer.path)
    moments = [frame(TEXT, b"x"), frame(TEXT, b"x", fin=False), close_frame(4000), *ENDLESS.values(), b""]
    if peer.random.random() < 0.2:
        await peer.client.send(request[: peer.random.randrange(len(request))])
    else:
        await peer.open()
        await peer.client.send(peer.random.choice(moments))
    await peer.pause(0, 0.2)
    peer.client.reset()


@life(served.sends, 5, "1006 network", "1006 server")
@life(served.closes, 5, "1000 app")
@life(served.fills, 3, "1000 app", "1006 network")
@life(served.naps, 5, "1006 network")
async def resets_meanwhile(peer: Peer) -> None:
    """Reset while the app sends without end, after its Close, behind a Close that waits, while it does not receive."""
    narrow(peer.client, ROOM)
    await peer.open()
    await peer.client.send(frame(TEXT, b"x") * 50)
    await peer.pause(0, 1)
    peer.client.reset()


@life(served.never_answers, 5)
@life(served.denies, 5)
async def resets_before_the_answer(peer: Peer) -> None:
    await peer.client.request(peer.path)
    await peer.pause(0, 0.5)
    peer.client.reset()


@life(served.naps, 12, "1006 network")
@life(served.echo, 6, "1006 network")
async def floods(peer: Peer) -> None:
    """Press on with floods of every kind, read nothing, and reset."""
    narrow(peer.client, ROOM)
    await peer.open()
    flood = peer.random.choice(list(FLOODS.values())).of(SIZE)
    with suppress(asyncio.TimeoutError, ConnectionError):
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(peer.client.wire.socket, flood), PRESSING)
    peer.client.reset()


@life(served.takes, 6, "4000 peer")
async def floods_and_reads(peer: Peer) -> None:
    """Send floods to an app that takes them, and close."""
    await peer.open()
    reading = asyncio.ensure_future(until_hung_up(peer))
    await peer.client.send(peer.random.choice(list(FLOODS.values())).of(SIZE) + close_frame(4000))
    assert (await reading).endswith(frame(CLOSE, (4000).to_bytes(2, "big"), mask=None))


BOMB = Deflate(level=9).deflate(bytes(2**24))
"""16 MiB in 16 KiB."""

VIOLATIONS = {
    frame(TEXT, b"\xff"): 1007,
    frame(TEXT, b"x", mask=None): 1002,
    frame(TEXT, b"x", rsv=2): 1002,
    frame(3): 1002,
    frame(CONTINUATION, b"x"): 1002,
    frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"): 1002,
    frame(PING, bytes(126)): 1002,
    frame(PING, fin=False): 1002,
    close_frame(999): 1002,
    b"\x82\xff" + (2**63).to_bytes(8, "big") + b"mask": 1002,
    b"\x82\xff" + (2**63 - 1).to_bytes(8, "big") + b"mask": 1009,
    frame(BINARY, bytes(2**20 + 1)): 1009,
    fragments(BINARY, BOMB, 1, rsv=RSV1): 1009,
    fragments(BINARY, BOMB, 7, rsv=RSV1, between=frame(PING)): 1009,
    frame(BINARY, b"\xff" * 50, rsv=RSV1): 1002,
}


@life(served.takes, 15, "1002 server", "1007 server", "1009 server")
async def breaks_the_rules(peer: Peer) -> None:
    """Violations of the protocol, messages that are too large, bombs."""
    await peer.open(DEFLATE)
    data, code = peer.random.choice(list(VIOLATIONS.items()))
    with suppress(ConnectionError):
        await peer.client.send(data)
    while (got := await peer.client.frame()).opcode != CLOSE:
        assert got.opcode in (PING, PONG)
    assert got.payload[:2] == code.to_bytes(2, "big")
    await until_hung_up(peer)


@life(served.refuses, 10)
async def smuggles(peer: Peer) -> None:
    """Send what would pass for something else, in some place of a request; it is answered and taken up by nothing."""
    place, attack = peer.random.choice(list(PLACES.values())), peer.random.choice(list(ATTACKS.values()))
    await peer.client.send(place(attack))
    answer = await peer.client.wire.receive()
    with suppress(OSError):
        peer.client.half_close()
    answer += await peer.client.rest()
    assert answer.startswith(b"HTTP/1.1 "), answer
    assert SNEAKED not in answer, answer
