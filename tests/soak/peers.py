"""The clients of the soak: what a life is, and the lives of those who behave well."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.contract.helpers_o import DEFLATE, NO_TAKEOVER, RSV1, Deflate, fragments
from tests.failures.apps.worse_base import Session
from tests.harness import BINARY, CLOSE, PING, PONG, TEXT, Client, Frame, Headers, frame, upgrade_request
from tests.shutdown.peers import read_frame
from tests.soak import served

BURST = 4
"""The most messages that a client sends at once."""

PACE = 0.005
"""Seconds for each part that a slow client reads."""

NOISE = Random(0).randbytes(2**20)
"""What large messages are cut from."""


@dataclass
class Tally:
    """What clients have seen: how often each life was lived, the waits for an echo in seconds, what went wrong."""

    lives: Counter[str] = field(default_factory=Counter)
    waits: array[float] = field(default_factory=lambda: array("d"))
    failures: list[str] = field(default_factory=list)


@dataclass
class Peer:
    """A client in one of its lives, which lasts until ``ends_at``, in seconds of the event loop's clock."""

    client: Client
    path: bytes
    random: Random
    tally: Tally
    ends_at: float

    @property
    def stays(self) -> bool:
        """Whether its time is not over."""
        return asyncio.get_running_loop().time() < self.ends_at

    async def pause(self, least: float, most: float) -> None:
        """Do nothing for a while."""
        await asyncio.sleep(self.random.uniform(least, most))

    async def open(self, headers: Headers = (), *, then: bytes = b"") -> None:
        """Do the handshake."""
        await self.client.open(self.path, headers, then=then)

    async def have_echoed(self, *messages: bytes, opcode: int = TEXT) -> None:
        """Send messages at once, and wait for each to come back."""
        began = asyncio.get_running_loop().time()
        await self.client.send(b"".join(frame(opcode, message) for message in messages))
        await self.expect_echoes(messages, opcode, began)

    async def expect_echoes(self, messages: Sequence[bytes], opcode: int, began: float) -> None:
        """Wait for what was sent when it ``began``."""
        for message in messages:
            assert await read_frame(self.client) == Frame(opcode, message)
            self.tally.waits.append(asyncio.get_running_loop().time() - began)

    def texts(self) -> list[bytes]:
        """Make up some short messages."""
        count = self.random.randint(1, BURST)
        return [b"%d " % number + b"x" * self.random.randint(0, 2000) for number in range(count)]

    async def frame(self) -> Frame:
        """Read the next frame that is no ping; where all takes long, one may come anywhere."""
        while (got := await self.client.frame()).opcode == PING:
            pass
        return got

    async def leave(self, code: int | None = 1000, reason: str = "") -> None:
        """Close, and wait for the answer and the end; messages may still be on their way, and pings."""
        await self.client.send_close(code, reason)
        while (got := await self.client.frame()).opcode != CLOSE:
            self.client.raw = b""
        assert got == Frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode())
        await self.client.expect_eof()


Visit = Callable[[Peer], Awaitable[None]]


@dataclass(frozen=True)
class Life:
    """What a client does, and the session of the application that it is for; ``weight`` is how often it is chosen.

    ``ends`` is what the close record may say: the code and who closed. One without any is not accepted.
    """

    visit: Visit
    session: Session
    weight: int
    ends: frozenset[str]

    @property
    def path(self) -> str:
        """Where it connects to, and how the log names it."""
        return f"/{self.session.__name__}?{self.visit.__name__}"


LIVES: list[Life] = []


def life(session: Session, weight: int, *ends: str) -> Callable[[Visit], Visit]:
    """Make a coroutine function a life."""

    def register(visit: Visit) -> Visit:
        LIVES.append(Life(visit, session, weight, frozenset(ends)))
        return visit

    return register


@life(served.echo, 100, "1000 peer")
@life(served.waits_in_vain, 30, "1000 peer")
async def talks(peer: Peer) -> None:
    """Have a few short messages echoed, again and again."""
    await peer.open()
    while peer.stays:
        await peer.have_echoed(*peer.texts())
        await peer.pause(1, 4)
    await peer.leave()


@life(served.echo, 50, "1000 peer")
async def talks_compressed(peer: Peer) -> None:
    """The same with permessage-deflate, with and without context takeover."""
    takeover = peer.random.random() < 0.5
    deflate = Deflate(takeover=takeover)
    await peer.open(DEFLATE if takeover else NO_TAKEOVER)
    while peer.stays:
        message = peer.random.randbytes(50) * peer.random.randint(1, 400)
        began = asyncio.get_running_loop().time()
        await peer.client.send_frame(BINARY, deflate.deflate(message), rsv=RSV1)
        opcode, payload, fin, rsv1 = await read_frame(peer.client)
        assert (opcode, fin) == (BINARY, True)
        assert (deflate.inflate(payload) if rsv1 else payload) == message
        peer.tally.waits.append(asyncio.get_running_loop().time() - began)
        await peer.pause(1, 4)
    await peer.leave()


@life(served.echo, 12, "1000 peer")
async def talks_at_length(peer: Peer) -> None:
    """Have large messages echoed, some in fragments, with pings between them."""
    await peer.open()
    while peer.stays:
        first = peer.random.randrange(len(NOISE))
        message = NOISE[first : first + peer.random.randint(2**16, 2**20)]
        began = asyncio.get_running_loop().time()
        await peer.client.send(fragments(BINARY, message, peer.random.randint(1, 5)))
        await peer.expect_echoes([message], BINARY, began)
        await peer.pause(2, 4)
    await peer.leave()


@life(served.echo, 20, "1000 peer")
async def is_idle(peer: Peer) -> None:
    """Answer pings, and nothing else."""
    await peer.open()
    while peer.stays:
        got = await peer.client.frame()
        assert got.opcode == PING
        await peer.client.send_frame(PONG, got.payload)
    await peer.leave()


@life(served.echo, 12, "1000 peer")
async def pings(peer: Peer) -> None:
    """Send pings, several at once, and wait for the pongs."""
    await peer.open()
    while peer.stays:
        payloads = [peer.random.randbytes(peer.random.randint(0, 125)) for _ in range(BURST)]
        await peer.client.send(b"".join(frame(PING, payload) for payload in payloads))
        for payload in payloads:
            assert await read_frame(peer.client) == Frame(PONG, payload)
        await peer.pause(1, 4)
    await peer.leave()


@life(served.pushes, 30, "1000 peer")
async def listens(peer: Peer) -> None:
    """Read numbers, and between them what the app acknowledges."""
    await peer.open()
    number, asked = 0, b""
    while peer.stays:
        if not asked and peer.random.random() < 0.2:
            asked = peer.random.randbytes(30)
            await peer.client.send_bytes(asked)
        got = await read_frame(peer.client)
        if got.opcode == TEXT:
            assert got.payload == b"%d" % number
            number += 1
        else:
            assert got == Frame(BINARY, asked)
            asked = b""
    await peer.leave()


@life(served.sends_much, 12, "1000 peer")
async def reads_slowly(peer: Peer) -> None:
    """Read a lot, and not as fast as it is sent."""
    await peer.open()
    while peer.stays:
        await peer.client.send_text("more")
        began = asyncio.get_running_loop().time()
        for number in range(served.PARTS):
            assert await read_frame(peer.client) == Frame(BINARY, served.part(number))
            # Where the machine is slow there is no need to be slower yet.
            await asyncio.sleep(began + number * PACE - asyncio.get_running_loop().time())
        await peer.pause(1, 4)
    await peer.leave()


@life(served.echo, 10, "1000 peer")
async def comes_with_the_request(peer: Peer) -> None:
    """Send messages in the same segment as the request."""
    texts = peer.texts()
    began = asyncio.get_running_loop().time()
    await peer.open(then=b"".join(frame(TEXT, text) for text in texts))
    await peer.expect_echoes(texts, TEXT, began)
    await peer.leave()


@life(served.echo, 5, "1000 peer")
async def comes_piece_by_piece(peer: Peer) -> None:
    """Send the request as a slow line delivers it."""
    request = upgrade_request(peer.path)
    for first in range(0, len(request), 20):
        await peer.client.send(request[first : first + 20])
        await peer.pause(0, 0.1)
    assert (await peer.client.head()).status == 101
    await peer.have_echoed(*peer.texts())
    await peer.leave()
