"""Test coroutines run in the event loops of the matrix; ``start`` serves an application by the codec under test."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib
import importlib.util
import inspect
from collections.abc import Iterator

import pytest
from hypothesis import settings
from uvicorn.config import HTTP_PROTOCOLS

from tests.fakes import FakeLoop
from tests.harness import LOOPS, Start, run, serve

CODECS = ("wsproto", "websockets")
HTTP = [name for name in ("h11", "httptools", "zttp") if name in HTTP_PROTOCOLS and importlib.util.find_spec(name)]


def pytest_configure(config: pytest.Config) -> None:
    """Register the marks."""
    config.addinivalue_line("markers", "every_http: run with each of uvicorn's HTTP protocols, not only httptools")
    config.addinivalue_line("markers", "loop_debug: run with asyncio's debug mode on")
    # The same examples in every run, whatever a test sets besides; ``--hypothesis-profile=search`` looks for new ones.
    settings.register_profile("search", deadline=None)
    settings.register_profile("same", deadline=None, derandomize=True)
    settings.load_profile(config.getoption("--hypothesis-profile") or "same")


LONG_FIRST = ("soak", "conformance", "hostile", "shutdown", "failures", "clients")
"""Folders whose files take long: begun first, none of them is what the others wait for in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of those folders begin."""
    rank = {name: place for place, name in enumerate(LONG_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.parent.name, len(rank)))


def pytest_collection_finish() -> None:
    """Take what has been imported out of the garbage collector's sight: it runs after every test coroutine."""
    freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Do so with what the tests of a file leave in caches, and pytest keeps of them."""
    if nextitem is None or nextitem.path != item.path:
        freeze()


def freeze() -> None:
    """Collect what is garbage by now, and have the collector look at the rest no more."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``http`` with one HTTP protocol, or with each where it is marked ``every_http``."""
    if "http" in metafunc.fixturenames:
        every = metafunc.definition.get_closest_marker("every_http")
        metafunc.parametrize("http", HTTP if every else ["httptools"])


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> None:
    """Give every test coroutine its event loop."""
    if (
        isinstance(collector, (pytest.Module, pytest.Class))
        and inspect.iscoroutinefunction(obj)
        and collector.funcnamefilter(name)
    ):
        pytest.mark.usefixtures("loop_name")(obj)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test coroutine."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(test).parameters}
    debug = pyfuncitem.get_closest_marker("loop_debug") is not None
    run(test(**arguments), str(pyfuncitem.funcargs["loop_name"]), debug=debug)
    return True


def pytest_report_header() -> str:
    return f"safews: {importlib.import_module('safews._fast_lane').__file__}"


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    """An event loop whose time stands still; what a test leaves in it is cancelled."""
    loop = FakeLoop()
    yield loop
    loop.end()


@pytest.fixture(params=LOOPS)
def loop_name(request: pytest.FixtureRequest) -> str:
    """The event loop: asyncio or uvloop."""
    return str(request.param)


@pytest.fixture(params=CODECS)
def codec(request: pytest.FixtureRequest) -> str:
    """The codec: wsproto or websockets."""
    return str(request.param)


@pytest.fixture
def protocol(codec: str) -> type[asyncio.Protocol]:
    """The protocol class of the codec."""
    found: type[asyncio.Protocol] = importlib.import_module(f"safews.{codec}").Protocol
    return found


@pytest.fixture
def start(protocol: type[asyncio.Protocol], http: str) -> Start:
    """``serve`` with the protocol class and the HTTP protocol of the matrix."""
    return functools.partial(serve, ws=protocol, http=http)
