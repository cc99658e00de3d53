"""The clients for Node.js: ws, and the WebSocket of Node itself, which is undici's."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any, ClassVar

from tests.harness import Server
from tests.harness.server import tls_contexts

from .base import ALL, Can, Driver, Session, url
from .javascript import FOLDER, JavaScriptSession, Remote

NODE = shutil.which("node")
PROGRAM = FOLDER / "node"


class NodeProcess(Remote):
    """A process of Node, started for the first command."""

    def __init__(self, client: str, options: Sequence[str]) -> None:
        self._client = client
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._resources = ExitStack()

    async def call(self, command: str, *values: Any) -> Any:
        answer = json.loads(await asyncio.to_thread(self._ask, json.dumps([command, *values])))
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def end(self) -> None:
        """End the process."""
        self._resources.close()

    def _ask(self, line: str) -> str:
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        print(line, file=process.stdin, flush=True)
        answer = process.stdout.readline()
        assert answer, "Node has ended"
        return answer

    def _started(self) -> subprocess.Popen[str]:
        authority = self._resources.enter_context(authority_file())
        process = subprocess.Popen(
            [str(NODE), *self._options, PROGRAM / "main.mjs", self._client],
            env={**os.environ, "NODE_EXTRA_CA_CERTS": authority},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._resources.enter_context(process)
        self._resources.callback(process.kill)
        return process


@functools.cache
def takes(options: Sequence[str]) -> bool:
    """Say whether Node knows these options."""
    return subprocess.run([str(NODE), *options, "--eval", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0


@contextmanager
def authority_file() -> Iterator[str]:
    """Put the certificate that signed the server's where Node takes it from."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.writelines(map(ssl.DER_cert_to_PEM_cert, tls_contexts()[1].get_ca_certs(binary_form=True)))
        file.flush()
        yield file.name


class Ws(Driver):
    """The client that most programs for Node use."""

    name = "ws"
    can = ALL - {Can.LEAVE}
    loops = ("uvloop",)
    options: ClassVar[Sequence[str]] = ()

    def __init__(self) -> None:
        self._process = NodeProcess(self.name, self.options)

    def missing(self) -> str | None:
        if NODE is None:
            return "there is no node: install Node.js, then run make node"
        return None if (PROGRAM / "node_modules").exists() else "run make node"

    @asynccontextmanager
    async def connect(self, server: Server, subprotocols: Sequence[str]) -> AsyncIterator[Session]:
        session = JavaScriptSession(self._process)
        await session.open(url(server), subprotocols)
        yield session

    def end(self) -> None:
        self._process.end()


class Undici(Ws):
    """Node's own: the interface of the browsers, and no more."""

    name = "undici"
    can = frozenset({Can.DEFLATE, Can.SEND_BARE_CLOSE, Can.SHOW_ECHO_REASON})
    # Node 20 has it behind a flag, and warns of it; later ones need no flag, and take it.
    options = ("--experimental-websocket", "--disable-warning=ExperimentalWarning")

    def missing(self) -> str | None:
        return super().missing() or (None if takes(self.options) else "this Node has no WebSocket")
