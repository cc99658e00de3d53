"""After each test no object of a connection may be left in memory."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from safews._connection import Connection
from safews._protocol import WebSocketProtocol
from tests.failures.conftest import ours, pytest_configure, stock

__all__ = ["nothing_survives", "ours", "pytest_configure", "stock"]


def survivors() -> list[object]:
    """Find the objects of connections that the garbage collector cannot free."""
    gc.collect()
    return [found for found in gc.get_objects() if isinstance(found, (Connection, WebSocketProtocol))]


@pytest.fixture(autouse=True)
def nothing_survives() -> Iterator[None]:
    """See that a test leaves no more of them than there were: one that failed before may have left some."""
    before = survivors()
    yield
    known = {id(found) for found in before}
    assert [found for found in survivors() if id(found) not in known] == []
