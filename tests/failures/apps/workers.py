"""The gunicorn worker with another WebSocket implementation and event loop: ``GUNICORN_WS`` and ``GUNICORN_LOOP``."""

import os

from safews.workers import Worker as SafewsWorker


class Worker(SafewsWorker):
    CONFIG_KWARGS = SafewsWorker.CONFIG_KWARGS | {"ws": os.environ["GUNICORN_WS"], "loop": os.environ["GUNICORN_LOOP"]}
