from __future__ import annotations

import importlib
import sys

import pytest
from uvicorn_worker import UvicornWorker

from safews import workers


def test_the_worker_is_uvicorn_s() -> None:
    assert issubclass(workers.Worker, UvicornWorker)


def test_only_the_websocket_protocol_differs() -> None:
    assert workers.Worker.CONFIG_KWARGS == {**UvicornWorker.CONFIG_KWARGS, "ws": "safews:Protocol"}
    assert "ws" not in UvicornWorker.CONFIG_KWARGS


@pytest.mark.parametrize("missing", ["uvicorn_worker", "gunicorn.arbiter"])
def test_what_to_install_where_a_package_is_missing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("uvicorn_worker", "uvicorn_worker._workers", "safews.workers"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install safews\[gunicorn\]"):
        importlib.import_module("safews.workers")
