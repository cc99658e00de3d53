from __future__ import annotations

import importlib
import logging
import signal
import sys

import pytest
from gunicorn.workers.base import Worker as GunicornWorker
from uvicorn_worker import UvicornWorker

from safews import _requirements, workers


@pytest.fixture
def worker() -> workers.Worker:
    """A worker that is not set up: gunicorn would have it take over uvicorn's loggers."""
    worker: workers.Worker = workers.Worker.__new__(workers.Worker)
    worker.log = logging.getLogger("gunicorn")
    return worker


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


def test_well_formed_options_let_it_serve(worker: workers.Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(GunicornWorker, "init_process", lambda self: served.append(self))
    worker.init_process()
    assert served == [worker]


def test_a_malformed_option_ends_it_before_it_serves(
    worker: workers.Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GunicornWorker, "init_process", lambda _: pytest.fail("it serves"))
    monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "soon")
    with pytest.raises(SystemExit) as ended:
        worker.init_process()
    assert ended.value.code == 3
    assert caplog.messages == ["SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds"]


def test_gunicorn_s_quick_shutdown_is_a_sigint_for_uvicorn(
    worker: workers.Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[signal.Signals] = []
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    worker.handle_exit(signal.SIGQUIT, None)
    assert raised == [signal.SIGINT]


def test_a_package_that_is_too_old_ends_it_as_well(
    worker: workers.Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(GunicornWorker, "init_process", lambda _: pytest.fail("it serves"))
    monkeypatch.setattr(_requirements, "version", {"uvicorn": "0.1.2"}.__getitem__)
    with pytest.raises(SystemExit) as ended:
        worker.init_process()
    assert ended.value.code == 3
    assert caplog.messages == ["safews needs uvicorn 0.36 or newer, found 0.1.2"]
