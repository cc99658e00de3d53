"""What differs between implementations does not between event loops: one is enough."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["asyncio"])
def loop_name(request: pytest.FixtureRequest) -> str:
    """The event loop."""
    return str(request.param)
