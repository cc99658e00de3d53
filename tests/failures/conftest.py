"""Each test runs with both of safews's codecs; its twin, which is marked ``stock``, with uvicorn's own classes."""

from __future__ import annotations

import pytest

from tests.contract.helpers_stock import SEEN_IN
from tests.failures.server import OURS, STOCK
from tests.harness import UVICORN_VERSION

_too_old = pytest.mark.skipif(UVICORN_VERSION < SEEN_IN, reason="the own implementations of this uvicorn are older")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", "stock: the same against uvicorn's own implementations, which fail as it says")


@pytest.fixture(params=OURS)
def ours(request: pytest.FixtureRequest) -> str:
    """A codec of safews, as a value for ``--ws``."""
    return str(request.param)


@pytest.fixture(params=[pytest.param(name, marks=_too_old) for name in STOCK])
def stock(request: pytest.FixtureRequest) -> str:
    """One of uvicorn's own implementations, as a value for ``--ws``."""
    return str(request.param)
