"""The lives of clients that end in every way: closed from every side, refused, gone without a word."""

from __future__ import annotations

from tests.harness import CLOSE, TEXT, Frame, close_frame, frame
from tests.shutdown.peers import read_frame
from tests.soak import served
from tests.soak.peers import Peer, life

CODES = (1000, 1001, 3000, 4000, 4999)


async def expect_close(peer: Peer, code: int, reason: str = "") -> None:
    """Read a Close."""
    assert await read_frame(peer.client) == Frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


async def expect_end(peer: Peer, code: int, reason: str = "") -> None:
    """Read a Close, answer it, and wait for the end."""
    await expect_close(peer, code, reason)
    await peer.client.send_close(code)
    await peer.client.expect_eof()


@life(served.echo, 20, *(f"{code} peer" for code in CODES))
async def says_goodbye(peer: Peer) -> None:
    """Close with a code and a reason."""
    await peer.open()
    await peer.have_echoed(*peer.texts())
    await peer.leave(peer.random.choice(CODES), peer.random.choice(("", "bye", "\u2603" * 41)))


@life(served.echo, 5, "1005 peer")
async def says_nothing_of_why(peer: Peer) -> None:
    """Close without a code."""
    await peer.open()
    await peer.leave(None)


@life(served.echo, 10, "4000 peer")
async def closes_behind_messages(peer: Peer) -> None:
    """Send messages and Close in one segment, then end the stream; all is echoed before it is answered."""
    await peer.open()
    texts = peer.texts()
    await peer.client.send(b"".join(frame(TEXT, text) for text in texts) + close_frame(4000))
    if peer.random.random() < 0.5:
        peer.client.half_close()
    for text in texts:
        assert await peer.frame() == Frame(TEXT, text)
    assert await peer.frame() == Frame(CLOSE, (4000).to_bytes(2, "big"))
    await peer.client.expect_eof()


@life(served.echo, 10, "1006 network")
@life(served.takes, 5, "1006 network")
@life(served.pushes, 5, "1006 network")
@life(served.fails_late, 5, "1006 network")
async def leaves(peer: Peer) -> None:
    """End the stream without a Close."""
    await peer.open()
    await peer.pause(0, 1)
    peer.client.half_close()
    await peer.client.rest()


@life(served.closes_when_told, 10, "4001 app")
async def is_closed(peer: Peer) -> None:
    """Have the app close."""
    await peer.open()
    await peer.client.send_text("now")
    await expect_end(peer, 4001, "told")


@life(served.returns, 5, "1000 app")
async def is_returned_from(peer: Peer) -> None:
    """Have the app return."""
    await peer.open()
    await peer.client.send_text("now")
    await expect_end(peer, 1000)


@life(served.fails, 5, "1011 app")
async def is_failed(peer: Peer) -> None:
    """Have the app fail."""
    await peer.open()
    await peer.client.send_text("now")
    await expect_end(peer, 1011)


@life(served.closes, 5, "1000 app", "3000 peer")
async def closes_too(peer: Peer) -> None:
    """Close at the same time as the app."""
    await peer.open(then=close_frame(3000))
    got = await read_frame(peer.client)
    assert got.opcode == CLOSE
    await peer.client.expect_eof()


@life(served.closes, 5, "1000 app")
async def never_answers_a_close(peer: Peer) -> None:
    """Read the app's Close, and wait for the server to lose its patience."""
    await peer.open()
    await expect_close(peer, 1000)
    assert await peer.client.rest() == b""


async def expect_answer(peer: Peer, status: int, body: bytes, *, complete: bool = True, origin: bytes = b"") -> None:
    """Be answered with an HTTP response instead of a WebSocket."""
    await peer.client.request(peer.path, [(b"Origin", origin)] if origin else ())
    response = await peer.client.response()
    assert (response.status, response.body, response.complete) == (status, body, complete)
    await peer.client.rest()


@life(served.refuses, 10)
async def is_refused(peer: Peer) -> None:
    await expect_answer(peer, 403, b"")


@life(served.denies, 8)
async def is_denied(peer: Peer) -> None:
    await expect_answer(peer, 401, b"not you")


@life(served.denies_in_part, 5)
async def is_denied_in_part(peer: Peer) -> None:
    await expect_answer(peer, 401, b"not ", complete=False)


@life(served.never_answers, 5)
async def waits_for_an_answer(peer: Peer) -> None:
    await expect_answer(peer, 504, b"")


@life(served.answers_nothing, 5)
@life(served.fails_at_once, 5)
async def gets_an_error(peer: Peer) -> None:
    await expect_answer(peer, 500, b"Internal Server Error")


@life(served.echo, 5)
async def comes_from_elsewhere(peer: Peer) -> None:
    await expect_answer(peer, 403, b"", origin=b"https://elsewhere.example")


@life(served.echo, 5)
async def asks_wrongly(peer: Peer) -> None:
    """Ask for a version of the protocol that there is not."""
    await peer.client.request(peer.path, [(b"Sec-WebSocket-Version", b"12")], omit=[b"sec-websocket-version"])
    assert (await peer.client.response()).status == 426
    await peer.client.rest()


@life(served.echo, 5)
async def asks_by_http(peer: Peer) -> None:
    """Make an HTTP request that is nothing else."""
    await peer.client.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    response = await peer.client.response()
    assert (response.status, response.body) == (200, b"hello")
    await peer.client.rest()
