"""A gunicorn worker: ``gunicorn --worker-class safews.workers.Worker``. Needs ``pip install safews[gunicorn]``."""

from __future__ import annotations

from typing import Any

try:
    from uvicorn_worker import UvicornWorker
except ImportError as error:
    raise ImportError("safews.workers needs gunicorn and uvicorn-worker: pip install safews[gunicorn]") from error


class Worker(UvicornWorker):
    """uvicorn in gunicorn, with ``safews:Protocol`` for WebSockets.

    Derive from it and set ``CONFIG_KWARGS`` for any other setting of uvicorn.
    """

    CONFIG_KWARGS: dict[str, Any] = UvicornWorker.CONFIG_KWARGS | {"ws": "safews:Protocol"}
