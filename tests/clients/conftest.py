"""``driver`` is every client that can do what a test needs; ``connected`` connects it to an application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.clients.drivers.aiohttp import Aiohttp
from tests.clients.drivers.base import Driver
from tests.clients.drivers.chromium import Chromium
from tests.clients.drivers.node import Undici, Ws
from tests.clients.drivers.picows import Picows
from tests.clients.drivers.websockets import PicowsWebsockets, Websockets, WebsocketsSync
from tests.clients.drivers.wsproto import Wsproto
from tests.clients.exchange import Connected, Exchange
from tests.harness import App, Start
from tests.harness.app import Script

DRIVERS: Sequence[Driver] = (
    Websockets(),
    WebsocketsSync(),
    Aiohttp(),
    Wsproto(),
    Picows(),
    PicowsWebsockets(),
    Ws(),
    Undici(),
    Chromium(),
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "needs(*abilities): run with the clients that can do all of this")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with every driver that can do what it needs, on the driver's event loops."""
    needs = {need for mark in metafunc.definition.iter_markers("needs") for need in mark.args}
    drivers = [driver for driver in DRIVERS if needs <= driver.can]
    metafunc.parametrize("driver_and_loop", [combined(driver, loop) for driver in drivers for loop in driver.loops])


def combined(driver: Driver, loop: str) -> Any:
    """A driver and an event loop as a parameter of a test."""
    missing = driver.missing()
    skip = [pytest.mark.skip(reason=missing)] if missing else []
    return pytest.param((driver, loop), id=f"{driver.name}-{loop}", marks=skip)


@pytest.fixture
def driver(driver_and_loop: tuple[Driver, str]) -> Driver:
    """The client of the test."""
    return driver_and_loop[0]


@pytest.fixture
def loop_name(driver_and_loop: tuple[Driver, str]) -> str:
    """The event loop of the server, and of the client if it uses asyncio."""
    return driver_and_loop[1]


@pytest.fixture(scope="session", autouse=True)
def _processes() -> Iterator[None]:
    """End in the end what was started for the drivers."""
    yield
    for driver in DRIVERS:
        driver.end()


@pytest.fixture
def connected(driver: Driver, start: Start) -> Connected:
    """Serve an application, and connect."""

    @asynccontextmanager
    async def connect(script: Script, *, subprotocols: Sequence[str] = (), **settings: Any) -> AsyncIterator[Exchange]:
        app = App(script)
        async with start(app, **settings) as server, driver.connect(server, subprotocols) as client:
            yield Exchange(server, app, client)

    return connect
