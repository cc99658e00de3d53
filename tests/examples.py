"""How many random examples a test runs: so many in every run of the suite, and times as many in a search."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import settings

VARIABLE = "EXAMPLES_TIMES"
TIMES = int(os.environ.get(VARIABLE, "1"))


def examples(count: int, **others: Any) -> settings:
    """Return the settings for a test of ``count`` examples; what else a test sets is the same in both."""
    return settings(max_examples=count * TIMES, **others)
