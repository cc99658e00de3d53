"""Each framework's WebSockets by both codecs: what it and its client say to each other, and clients that leave.

Whatever ends the connection, the log has one line at its beginning and one at its end, and nothing else.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ecosystem.frameworks import FRAMEWORKS, Framework, Talk
from tests.failures.peers import Leave, by_close, by_fin, by_rst
from tests.failures.server import ServerProcess, uvicorn
from tests.harness import CLOSE, TEXT, Client


def _parameter(framework: Framework, *more: str) -> object:
    reason = f"{framework.name} is not installed: make {framework.target}"
    missing = pytest.mark.skipif(not framework.python.exists(), reason=reason)
    return pytest.param(framework, *more, id="-".join((framework.name, *more)), marks=missing)


EVERY = pytest.mark.parametrize("framework", [_parameter(framework) for framework in FRAMEWORKS])

EVERY_END = pytest.mark.parametrize(
    ("framework", "mode"),
    [_parameter(each, mode) for each in FRAMEWORKS for mode in (["plain", "quiet"] if each.noise else ["plain"])],
)
"""As it comes and, where it then has something to say of a client that is gone, with what keeps it from that."""


@contextmanager
def serving(framework: Framework, folder: Path, ws: str, loop: str, mode: str = "plain") -> Iterator[ServerProcess]:
    """Run a framework's app."""
    variables = {**framework.variables, **(framework.quiet if mode == "quiet" else {})}
    python, apps = framework.python, framework.apps
    with uvicorn(folder, framework.app, ws, loop=loop, python=python, apps=apps, **variables) as server:
        yield server
        if mode == "plain":
            for pattern in framework.noise:
                server.expect(pattern, least=0)


async def converse(client: Client, talk: Talk) -> None:
    """Connect, and say what there is to say."""
    await client.open(talk.path.encode(), talk.headers)
    for text, patterns in talk.lines:
        if text is not None:
            await client.send_text(text)
        for pattern in patterns:
            frame = await client.frame()
            assert frame.opcode == TEXT
            assert re.fullmatch(pattern, frame.payload.decode()), frame.payload[:500]


def expect_lines(server: ServerProcess, talk: Talk, closed: str) -> None:
    """Announce the lines of a connection."""
    server.expect(rf"^INFO: .* {logged(talk.path)} \[accepted\]$")
    server.expect(rf"^INFO: .* {logged(talk.path)} \[closed\] {closed}")


def logged(path: str) -> str:
    """How a path stands in the log, as a pattern."""
    return re.escape(f'"WebSocket {path}"')


@EVERY
async def test_what_is_said_is_answered(framework: Framework, tmp_path: Path, ours: str, loop_name: str) -> None:
    with serving(framework, tmp_path, ours, loop_name) as server:
        for talk in framework.talks:
            with server.connect() as client:
                await converse(client, talk)
                await client.send_close(1000)
                await client.rest()
            expect_lines(server, talk, "1000 normal closure by peer")


WAYS: dict[Leave, str] = {
    by_close: "1001 going away by peer",
    by_fin: "1006 .* by network",
    by_rst: "1006 .* by network",
}


@EVERY_END
@pytest.mark.parametrize("leave", WAYS, ids=lambda way: way.__name__)
async def test_a_client_leaves_while_the_app_sends(
    framework: Framework,
    mode: str,
    leave: Leave,
    tmp_path: Path,
    ours: str,
    loop_name: str,
) -> None:
    with serving(framework, tmp_path, ours, loop_name, mode) as server:
        with server.connect() as client:
            await converse(client, framework.feed)
            await leave(client)
        expect_lines(server, framework.feed, WAYS[leave])
        server.running.wait_for(r"\[closed\]")


@EVERY_END
async def test_a_shutdown_closes_with_1012(
    framework: Framework, mode: str, tmp_path: Path, ours: str, loop_name: str
) -> None:
    talk = framework.talks[0]
    with serving(framework, tmp_path, ours, loop_name, mode) as server:
        with server.connect() as idle, server.connect() as busy:
            await converse(idle, talk)
            await converse(busy, framework.feed)
            server.process.send_signal(signal.SIGTERM)
            for client in (idle, busy):
                while (frame := await client.frame()).opcode != CLOSE:
                    pass
                assert frame.payload[:2] == (1012).to_bytes(2, "big")
                await client.send_close(1012)
                await client.expect_eof()
        assert server.process.wait(20) == -signal.SIGTERM
        for path, times in Counter((talk.path, framework.feed.path)).items():
            server.expect(rf"^INFO: .* {logged(path)} \[accepted\]$", times)
        server.expect(r"^INFO: .*Closing 2 WebSocket connection\(s\) with code 1012")
