from __future__ import annotations

import logging
import multiprocessing

import pytest

import safews
from safews import _requirements
from safews._configure import CodecName, codec_class
from safews._lookup import STARTUP_FAILURE, class_from_environ
from safews._options import Options


@pytest.mark.parametrize("name", ["auto", "websockets", "wsproto"])
def test_the_class_has_the_codec_and_the_options_of_the_environment(
    name: CodecName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "7")
    found = class_from_environ(name)
    assert (found.codec, found.options) == (codec_class(name), Options(close_timeout=7))


def test_a_malformed_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "soon")
    with pytest.raises(ValueError, match=r"^SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds$"):
        _ = safews.Protocol


@pytest.mark.parametrize("package", ["uvicorn", "h11"])
def test_a_package_that_is_too_old(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_requirements, "version", {"uvicorn": "1.0", "h11": "1.0", package: "0.1.2"}.__getitem__)
    with pytest.raises(ImportError, match=rf"^safews needs {package} .* or newer, found 0\.1\.2$"):
        _ = safews.Protocol


@pytest.mark.parametrize("too_old", [True, False])
def test_a_worker_process_says_so_and_ends_for_good(
    too_old: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(multiprocessing, "parent_process", multiprocessing.current_process)
    monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "soon")
    if too_old:
        monkeypatch.setattr(_requirements, "version", {"uvicorn": "0.1.2"}.__getitem__)
    with pytest.raises(SystemExit) as caught:
        _ = safews.Protocol
    assert caught.value.code == STARTUP_FAILURE
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("uvicorn.error", logging.ERROR)
    assert record.getMessage() == (
        "safews needs uvicorn 0.36 or newer, found 0.1.2"
        if too_old
        else "SAFEWS_CLOSE_TIMEOUT='soon': must be a number of seconds"
    )
