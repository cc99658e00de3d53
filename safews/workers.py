"""A gunicorn worker: ``gunicorn --worker-class safews.workers.Worker``. Needs ``pip install safews[gunicorn]``."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Any

from ._lookup import FAILURES, look_up

try:
    from gunicorn.arbiter import Arbiter
    from uvicorn_worker import UvicornWorker
except ImportError as error:
    raise ImportError("safews.workers needs gunicorn and uvicorn-worker: pip install safews[gunicorn]") from error


class Worker(UvicornWorker):
    """uvicorn in gunicorn, with ``safews:Protocol`` for WebSockets.

    Derive from it and set ``CONFIG_KWARGS`` for any other setting of uvicorn.
    """

    CONFIG_KWARGS: dict[str, Any] = UvicornWorker.CONFIG_KWARGS | {"ws": "safews:Protocol"}

    def init_process(self) -> None:
        """Serve, unless an option in the environment is malformed or a package too old.

        Then it exits with the status that stops gunicorn. uvicorn would meet the error too late for that, when the
        worker counts as booted, and gunicorn would start workers for ever.
        """
        try:
            look_up("auto")
        except FAILURES as error:
            self.log.error("%s", error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        super().init_process()  # type: ignore[no-untyped-call]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End on SIGQUIT, gunicorn's quick shutdown, as uvicorn does on SIGINT: at once if it is ending already.

        uvicorn does not know SIGQUIT, so gunicorn would wait for its ``--graceful-timeout`` and kill it.
        """
        signal.raise_signal(signal.SIGINT)
