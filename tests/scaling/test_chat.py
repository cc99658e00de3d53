"""The chat of docs/scaling.md: nginx before two processes, Redis behind them, 100 clients that talk to each other."""

from __future__ import annotations

import asyncio
import functools
import random
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.harness import eventually, within
from tests.installed import DEADLINE, ROOT
from tests.loading import load
from tests.scaling.redis import MISSING as NO_REDIS
from tests.scaling.redis import cut_subscribers, redis
from tests.shutdown.nginx import MISSING as NO_NGINX
from tests.shutdown.nginx import nginx, reserved_port
from tests.shutdown.restartable import Restartable

EXAMPLES = ROOT / "docs" / "examples"
CLIENTS = 100

PAUSE = 4.0
"""The most seconds between two messages of a client, each of which goes to all."""

MISSING = NO_NGINX or NO_REDIS

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))


class Talker:
    """A client of the documentation, which says numbers until it is told to stop."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.said: list[str] = []
        self._stopping = asyncio.Event()
        self._staying = asyncio.create_task(self.client.stay())
        self._talking = asyncio.create_task(self._talk())

    async def say(self) -> str:
        """Say the next number, and return the ID of the message."""
        message_id = str(await self.client.say(str(len(self.said))))
        self.said.append(message_id)
        return message_id

    async def _talk(self) -> None:
        while not self._stopping.is_set():
            await self.say()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), random.uniform(0, PAUSE))

    async def stop_talking(self) -> None:
        """Say nothing more, but listen on."""
        self._stopping.set()
        await within(self._talking, DEADLINE)

    async def leave(self) -> None:
        """Go."""
        await self.client.leave()
        await within(self._staying, DEADLINE)


async def get_on(talkers: list[Talker]) -> None:
    """Have each say something, and wait until it is acknowledged, and everybody has heard it."""
    said = {*await asyncio.gather(*(talker.say() for talker in talkers))}
    await eventually(lambda: not any(talker.client.unanswered.keys() & said for talker in talkers), DEADLINE)
    heard = max(len(talker.client.heard) for talker in talkers)
    await eventually(lambda: all(len(talker.client.heard) >= heard for talker in talkers), DEADLINE)


class Place(NamedTuple):
    """Where they talk: the URL of nginx, and of Redis, and the servers between them."""

    url: str
    redis_url: str
    servers: list[Restartable]


@pytest.fixture
def place(tmp_path: Path, ours: str, loop_name: str) -> Iterator[Place]:
    with ExitStack() as stack:
        port, redis_port, *ports = (stack.enter_context(reserved_port()) for _ in range(4))
        redis_url = stack.enter_context(redis(tmp_path / "redis", redis_port))
        chat = functools.partial(Restartable, tmp_path, "docs.examples.chat:app", ours, r"/after/\d+", loop_name)
        servers = [stack.enter_context(chat(each, REDIS_URL=redis_url)) for each in ports]
        stack.enter_context(nginx(tmp_path / "nginx", "scaling.md", port, (ports[0], ports[1])))
        yield Place(f"ws://127.0.0.1:{port}", redis_url, servers)


async def test_nothing_acknowledged_is_lost(place: Place) -> None:
    chat_client = load(EXAMPLES / "chat_client.py")
    talkers = [Talker(chat_client.ChatClient(place.url)) for _ in range(CLIENTS)]
    await get_on(talkers)
    for server in place.servers:
        await server.restart()
        await get_on(talkers)
    cut_subscribers(place.redis_url)
    await get_on(talkers)
    await asyncio.gather(*(talker.stop_talking() for talker in talkers))
    said = {message_id for talker in talkers for message_id in talker.said}
    await eventually(lambda: all(len(talker.client.heard) >= len(said) for talker in talkers), DEADLINE)
    await asyncio.gather(*(talker.leave() for talker in talkers))
    heard = talkers[0].client.heard
    print(f"{len(said)} messages said, and heard by each of {CLIENTS}")
    assert [talker.client.heard == heard for talker in talkers] == [True] * CLIENTS
    assert sorted(message_id for message_id, _ in heard) == sorted(said)
    assert not any(talker.client.unanswered for talker in talkers)
