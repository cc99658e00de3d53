"""A server that is restarted while clients stay."""

from __future__ import annotations

import asyncio
import functools
import signal
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from tests.failures.server import STOP_SECONDS, ServerProcess, uvicorn
from tests.harness import eventually


class Restartable:
    """A server that listens at the same port in each of its lives. ``path`` is a pattern of where clients go."""

    def __init__(
        self, folder: Path, app: str, ours: str, path: str, loop_name: str, port: int, **variables: str
    ) -> None:
        environ = {"SAFEWS_DRAIN_SPREAD": "1", "SAFEWS_CLOSE_TIMEOUT": "5", **variables}
        self._start = functools.partial(uvicorn, folder, app, ours, "--port", str(port), loop=loop_name, **environ)
        self._path = path
        self._stack = ExitStack()
        self._server: ServerProcess

    def __enter__(self) -> Restartable:
        self._server = self._stack.enter_context(self._start())
        self._server.expect(rf'"WebSocket {self._path}" \[accepted\]$', least=0)
        self._server.expect(rf'"WebSocket {self._path}" \[closed\] 1000 normal closure by peer', least=0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        # With what has failed, so that what the log then has besides is not taken for it.
        self._stack.__exit__(kind, error, where)

    async def restart(self) -> None:
        """End as a service manager does it, and start anew, while the event loop goes on."""
        self._server.process.send_signal(signal.SIGTERM)
        await eventually(lambda: self._server.process.poll() is not None, STOP_SECONDS)
        self._server.expect(r"Closing \d+ WebSocket connection\(s\) with code 1012$")
        self._stack.close()
        await asyncio.get_running_loop().run_in_executor(None, self.__enter__)
