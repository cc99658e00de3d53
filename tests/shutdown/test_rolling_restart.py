"""Two servers behind nginx are restarted, one after the other, while 200 clients talk to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import eventually
from tests.installed import DEADLINE
from tests.shutdown.acknowledging import ACKNOWLEDGED, KEPT
from tests.shutdown.nginx import MISSING, nginx, reserved_port
from tests.shutdown.restartable import Restartable
from tests.shutdown.talkers import Talker

APP = "tests.shutdown.acknowledging:app"
CLIENTS = 200

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


async def get_on(talkers: list[Talker]) -> None:
    """Wait until each has had more of its messages acknowledged."""
    before = [len(talker.acknowledged) for talker in talkers]
    await eventually(lambda: all(len(t.acknowledged) > had for t, had in zip(talkers, before, strict=True)), DEADLINE)


def lines(file: Path) -> set[str]:
    """The lines of a file; each is there once."""
    found = file.read_text().splitlines()
    assert len(found) == len({*found})
    return {*found}


async def test_nothing_acknowledged_is_lost(tmp_path: Path, ours: str, loop_name: str) -> None:
    with ExitStack() as stack:
        port, *ports = (stack.enter_context(reserved_port()) for _ in range(3))
        servers = [stack.enter_context(Restartable(tmp_path, APP, ours, "/", loop_name, port)) for port in ports]
        stack.enter_context(nginx(tmp_path / "nginx", "shutdown.md", port, (ports[0], ports[1])))
        talkers = [Talker(name, port) for name in range(CLIENTS)]
        talking = asyncio.gather(*(talker.talk() for talker in talkers))
        await get_on(talkers)
        for server in servers:
            await server.restart()
            await get_on(talkers)
        for talker in talkers:
            talker.stopping.set()
        await talking
    acknowledged = {text for talker in talkers for text in talker.acknowledged}
    kept, sent = lines(tmp_path / KEPT), lines(tmp_path / ACKNOWLEDGED)
    ends = sum((talker.ends for talker in talkers), Counter[int]())
    print(f"{len(acknowledged)} acknowledged, {len(kept) - len(acknowledged)} kept and not acknowledged; ends: {ends}")
    assert acknowledged <= kept
    # What the app has sent has arrived, also when its server was asked to end right then.
    assert sent <= acknowledged
    assert ends.keys() == {1012, 1000}
    assert ends[1000] == CLIENTS
