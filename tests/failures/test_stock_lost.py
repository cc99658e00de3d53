"""What is lost without a word: a request with a large cookie, and a message with a bad frame right behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.failures.peers import HANG, PLAIN, ends_on_sigterm, shown_by
from tests.failures.server import ServerProcess, uvicorn
from tests.harness import TEXT, close_frame, frame, within

APP = "worse_told:app"

COOKIE = [(b"Cookie", b"session=" + b"x" * 9 * 1024)]

BAD = {
    "an unknown opcode": frame(3),
    "no mask": frame(TEXT, b"x", mask=None),
    "a reserved bit": frame(TEXT, b"x", rsv=2),
}


async def send_a_message_and_a_bad_frame(server: ServerProcess) -> None:
    """Send both in one segment, on a connection for each bad frame; each is closed with 1002."""
    for bad in BAD.values():
        with server.connect() as client:
            await client.open(b"/told")
            await client.send(frame(TEXT, b"hello") + bad)
            assert (await client.rest())[2:4] == (1002).to_bytes(2, "big")
    server.expect(r'"WebSocket /told" \[accepted\]', len(BAD))
    server.expect("^app: told of the end by 1002$", len(BAD))


async def test_a_cookie_of_9_kb_is_accepted(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server, server.connect() as client:
        await client.open(b"/told", COOKIE)
        await client.send(frame(TEXT, b"hello") + close_frame(1000))
        await client.expect_close(1000)
        server.expect(r'"WebSocket /told" \[accepted\]')
        server.expect(r'"WebSocket /told" \[closed\] 1000 ')
        server.expect("^app: told of (hello|the end by 1000)$", 2)
        ends_on_sigterm(server)


@pytest.mark.stock
@shown_by("websockets-sansio")
async def test_stock_never_answers_a_cookie_of_9_kb(tmp_path: Path, stock: str, loop_name: str) -> None:
    """``--ws websockets`` answers 400, and ``--ws wsproto`` accepts."""
    with uvicorn(tmp_path, APP, stock, loop=loop_name, **PLAIN) as server, server.connect() as client:
        await client.request(b"/told", COOKIE)
        with pytest.raises(asyncio.TimeoutError):
            await within(client.head(), HANG)
        # And while its client waits, the shutdown fails too.
        assert server.terminate() == 1
        # websockets logs what it has been told to send; before version 17 in other words, and only the second.
        server.expect(r"(HTTP response sent|connection rejected) \((431|500) ", least=1)
        server.expect(r"in shutdown\n.*AssertionError$")


async def test_a_message_ahead_of_a_bad_frame_arrives(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name) as server:
        await send_a_message_and_a_bad_frame(server)
        server.expect(r'"WebSocket /told" \[closed\] 1002 .* by server', len(BAD))
        server.expect("^app: told of hello$", len(BAD))
        ends_on_sigterm(server)


@pytest.mark.stock
@shown_by("websockets-sansio")
async def test_stock_loses_the_message(tmp_path: Path, stock: str, loop_name: str) -> None:
    """``--ws websockets`` does so now and then; ``--ws wsproto`` does not, but it sends no Close."""
    with uvicorn(tmp_path, APP, stock, loop=loop_name, **PLAIN) as server:
        await send_a_message_and_a_bad_frame(server)
        # And not "app: told of hello", which would be an unexpected record.
        server.expect("connection open", least=0)
        ends_on_sigterm(server)
