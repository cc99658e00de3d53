"""Each test runs with both of safews's codecs."""

from __future__ import annotations

import pytest

from tests.failures.server import OURS


@pytest.fixture(params=OURS)
def ours(request: pytest.FixtureRequest) -> str:
    """A codec of safews, as a value for ``--ws``."""
    return str(request.param)
