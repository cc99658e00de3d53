"""Half a minute for each codec. ``make soak`` goes on for as long as one likes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.conftest import CODECS
from tests.harness import LOOPS
from tests.soak.load import Load
from tests.soak.run import Soak

SECONDS, CONNECTIONS = 20, 100


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("codec", "loop"), [*zip(CODECS, LOOPS, strict=True)])
def test_nothing_is_left(tmp_path: Path, codec: str, loop: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    results = Soak(codec, loop, Load(CONNECTIONS, SECONDS, seed)).run(tmp_path)
    print(results["echoes"], results["processor_seconds"])
    assert results["problems"] == []
    assert results["echoes"]["count"] > CONNECTIONS
