"""What the clients of a crowd do: one coroutine for each kind, up to the end of a server that is asked to go down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from tests.harness import CLOSE, CONTINUATION, PING, PONG, TEXT, Client, Frame, frame
from tests.shutdown.served import SERVICE_RESTART

PAUSE = 0.5
"""Seconds between what a client sends and what it sends next."""

BURST = 8
"""Messages that a client sends at once, so that some are on their way whenever the server is asked to end."""


async def read_frame(client: Client) -> Frame:
    """Read a frame, and answer a ping before it: on a slow machine there are some."""
    client.raw = b""  # It is of no use here, and to lengthen it costs the more the longer it is.
    while (got := await client.frame()).opcode == PING:
        await client.send_frame(PONG, got.payload)
    return got


@dataclass
class Peer:
    """A client. ``arrived`` says that it has done its part to get where it is meant to be.

    ``received`` is how many numbered messages came, in order, where the app sends such; ``told_at`` is when the Close
    of the shutdown came, in seconds of the event loop's clock.
    """

    path: str
    client: Client
    going_down: asyncio.Event
    received: int | None = None
    told_at: float | None = None
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def request(self) -> None:
        await self.client.request(self.path.encode())

    async def open(self) -> None:
        await self.client.open(self.path.encode())

    async def stay(self) -> None:
        self.arrived.set()
        await self.going_down.wait()

    async def expect_close(self, code: int = SERVICE_RESTART, reason: str = "") -> None:
        """Read a Close."""
        self._closed(await read_frame(self.client), code, reason)

    def _closed(self, got: Frame, code: int = SERVICE_RESTART, reason: str = "") -> None:
        assert got == Frame(CLOSE, code.to_bytes(2, "big") + reason.encode())
        if code == SERVICE_RESTART:
            self.told_at = asyncio.get_running_loop().time()

    async def answer(self, code: int = SERVICE_RESTART) -> None:
        """Answer the server's Close, after which it hangs up."""
        await self.client.send_close(code)
        await self.client.expect_eof()

    async def take_number(self) -> bool:
        """Read the next of the numbered messages; or the Close behind the last, and answer it."""
        self.received = self.received or 0
        got = await read_frame(self.client)
        if got.opcode != CLOSE:
            assert int(got.payload[-9:]) == self.received
            self.received += 1
            return True
        self._closed(got)
        await self.answer()
        return False


async def waits_for_an_answer(peer: Peer) -> None:
    await peer.request()
    await peer.stay()
    response = await peer.client.response()
    assert (response.status, response.complete) == (503, True)
    peer.client.close()


async def is_idle(peer: Peer) -> None:
    await peer.open()
    await peer.stay()
    await peer.expect_close()
    await peer.answer()


async def listens(peer: Peer) -> None:
    await peer.open()
    peer.arrived.set()
    while await peer.take_number():
        pass


async def talks(peer: Peer) -> None:
    """Send numbers on and on, and read their echoes."""
    await peer.open()
    peer.arrived.set()
    while True:
        first = peer.received or 0
        await peer.client.send(b"".join(frame(TEXT, str(first + more).encode()) for more in range(BURST)))
        for _ in range(BURST):
            if not await peer.take_number():
                return
        await asyncio.sleep(PAUSE)


async def reads_late(peer: Peer) -> None:
    """Read what the app had to wait with, when it is nearly too late."""
    await peer.open()
    await peer.stay()
    while await peer.take_number():
        pass


async def is_deaf(peer: Peer) -> None:
    """Read nothing."""
    await peer.open()
    peer.arrived.set()


async def is_mute(peer: Peer) -> None:
    """Answer nothing."""
    await peer.open()
    await peer.stay()
    await peer.expect_close()


async def resets(peer: Peer) -> None:
    """Leave at about that moment, without a word."""
    await peer.open()
    await peer.stay()
    peer.client.reset()


async def resets_when_told(peer: Peer) -> None:
    await is_mute(peer)
    peer.client.reset()


async def reads_a_cut_denial(peer: Peer) -> None:
    await read_denial(peer, b"a part", complete=False)


async def reads_a_denial(peer: Peer) -> None:
    await read_denial(peer, b"a part and the rest", complete=True)


async def read_denial(peer: Peer, body: bytes, *, complete: bool) -> None:
    await peer.request()
    denial = await peer.client.head()
    await peer.client.part(denial)
    await peer.stay()
    while not denial.complete and await peer.client.part(denial):
        pass
    assert (denial.status, denial.body, denial.complete) == (403, body, complete)
    peer.client.close()


async def stays_after_a_refusal(peer: Peer) -> None:
    await peer.request()
    assert (await peer.client.response()).status == 403
    peer.arrived.set()


async def has_closed(peer: Peer) -> None:
    """Close, and wait for the app to come to that."""
    await peer.open()
    await peer.client.send_text("first")
    await peer.client.send_close(4000, "bye")
    await peer.stay()
    await peer.expect_close(4000, "bye")
    await peer.client.expect_eof()


async def answers_late(peer: Peer) -> None:
    """Answer the app's own Close."""
    await peer.open()
    await peer.expect_close(4001)
    await peer.stay()
    await peer.answer(4001)


async def stays_after_a_violation(peer: Peer) -> None:
    await peer.open()
    await peer.client.send_frame(CONTINUATION)
    got = await read_frame(peer.client)
    assert (got.opcode, got.payload[:2]) == (CLOSE, (1002).to_bytes(2, "big"))
    peer.arrived.set()


@dataclass(frozen=True)
class Kind:
    """What a client does, and in which state of ``served.py`` its app is.

    ``codes`` are what the app may be told. ``answer`` is how the log names the answer to the handshake, if it does;
    ``record`` is how the close record begins, of which the log has ``records``, at least and at most, for each of them.
    """

    visit: Callable[[Peer], Awaitable[None]]
    state: str
    codes: Collection[int] = (SERVICE_RESTART,)
    answer: str | None = r"\[accepted\]"
    record: str = ""
    records: tuple[int, int] = (0, 0)

    @property
    def path(self) -> str:
        """Where they connect to, but for a number."""
        return f"/{self.state}/{self.visit.__name__}/"


IDLE = Kind(is_idle, "open")
DEAF = Kind(is_deaf, "filling")
MUTE = Kind(is_mute, "open")
STAYING = Kind(is_idle, "staying")

CROWD = {
    IDLE: 15,
    Kind(listens, "feeding"): 4,
    Kind(talks, "echoing"): 4,
    Kind(reads_late, "filling"): 2,
    DEAF: 1,
    MUTE: 3,
    Kind(resets, "open", (SERVICE_RESTART, 1006), record="1006 .* by network", records=(0, 1)): 2,
    Kind(resets_when_told, "open"): 2,
    Kind(waits_for_an_answer, "connecting", (1006,), None): 4,
    Kind(reads_a_cut_denial, "denying", (1006,), "403$"): 2,
    Kind(reads_a_denial, "denying_on", (1006,), "403$"): 3,
    Kind(has_closed, "receiving_late", (4000,), record="4000 .* by peer", records=(1, 1)): 2,
    # The rest stay for ``close_timeout`` at most, shutdown or not, so they come last.
    Kind(stays_after_a_refusal, "refusing", (1006,), "403$"): 2,
    Kind(answers_late, "closing", (4001,), record="4001 .* by app", records=(1, 1)): 2,
    Kind(stays_after_a_violation, "open", (1002,), record="1002 .* by server", records=(1, 1)): 2,
}
"""How many of each there are among 50."""


def everybody(size: int) -> dict[Kind, int]:
    """How many of each there are among so many."""
    return {kind: count * size // 50 for kind, count in CROWD.items()}
