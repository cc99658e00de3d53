"""A shutdown while a peer that reads nothing has sent its Close: the others are to be told all the same."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.failures.peers import PLAIN, deaf_peer, ends_on_sigterm, shown_by
from tests.failures.server import ServerProcess, uvicorn
from tests.harness import Client

APP = "worse_stalled:app"

COUNT = 12
"""Others, and for stock's sake so many stalled ones as well: uvicorn comes to them in the order of a ``set``."""

SERVICE_RESTART = b"\x88\x02" + (1012).to_bytes(2, "big")


@asynccontextmanager
async def others_and_stalled(server: ServerProcess, stalled: int) -> AsyncIterator[list[Client]]:
    """Connect others, whom it gives, and peers that send a Close and take none of what is sent to them."""
    with ExitStack() as stack:
        others = [stack.enter_context(server.connect()) for _ in range(COUNT)]
        for other in others:
            await other.open(b"/echo")
        for _ in range(stalled):
            peer = stack.enter_context(deaf_peer(server))
            await peer.open(b"/waits")
            await peer.send_close(1001)
        server.running.wait_for(rf"(?s)(told of websocket\.disconnect 1001.*){{{stalled}}}")
        yield others
    server.expect(r'"WebSocket /(echo|waits)" \[accepted\]', COUNT + stalled)
    server.expect("^app: told of websocket.disconnect 1001$", stalled)


async def test_others_get_their_close_and_the_process_ends(tmp_path: Path, ours: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, ours, loop=loop_name, SAFEWS_CLOSE_TIMEOUT="0.5") as server:
        async with others_and_stalled(server, 1) as others:
            server.process.send_signal(signal.SIGTERM)
            for other in others:
                await other.expect_close(1012)
                await other.send_close(1012)
                await other.expect_eof()
            ends_on_sigterm(server)
            server.expect(r"Closing 12 WebSocket connection\(s\) with code 1012$")
            server.expect(r'"WebSocket /waits" \[closed\] 1001 ')


@pytest.mark.stock
@shown_by("websockets-sansio", "wsproto")
async def test_stock_fails_in_its_shutdown(tmp_path: Path, stock: str, loop_name: str) -> None:
    with uvicorn(tmp_path, APP, stock, loop=loop_name, **PLAIN) as server:
        async with others_and_stalled(server, COUNT) as others:
            assert server.terminate() == 1
            ends = [await other.rest() for other in others]
            assert b"" in ends
            assert {*ends} <= {b"", SERVICE_RESTART}
        server.expect("connection open", least=0)
        server.expect(
            r"in shutdown\n.*(InvalidState: connection is|LocalProtocolError: Event CloseConnection)", least=1
        )
        # And not "app: lifespan shutdown", which would be an unexpected record: the lifespan's task has been cancelled.
