"""A chat in any number of processes, on any number of machines. Redis numbers its messages and keeps them.

A client sends ``ID TEXT``. Everybody gets ``NUMBER ID TEXT``, its author too, to whom that is the acknowledgement.
It connects to ``/after/NUMBER``, the last that it has had, and sends again whatever has not come back by then.
"""

import asyncio
import os
from collections import deque
from contextlib import asynccontextmanager, suppress

from anyio import create_task_group
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

# All clients share ten connections and wait for a free one; by default the hundred and first is refused.
URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
redis = Redis.from_pool(BlockingConnectionPool.from_url(URL, max_connections=10, timeout=None, decode_responses=True))

# Redis runs a script as one step: messages are published in the order of their numbers, and each ID once.
keep = redis.register_script("""
if redis.call("HSETNX", KEYS[2], ARGV[1], "") == 1 then
    redis.call("PUBLISH", KEYS[1], redis.call("RPUSH", KEYS[1], ARGV[2]) .. " " .. ARGV[2])
end""")


class Room:
    """What this process has heard: the number of the newest message, and the last of them up to it."""

    def __init__(self):
        self.newest, self.last, self.news = 0, deque(maxlen=1000), asyncio.Condition()

    async def listen(self):
        while True:
            with suppress(RedisError):
                async with redis.pubsub() as pubsub:
                    await pubsub.subscribe("chat")
                    async for event in pubsub.listen():
                        await self.hear(event)
            await asyncio.sleep(1)

    async def hear(self, event):
        if event["type"] == "message":
            number, *new = event["data"].split(" ", 1)
        else:  # Subscribed, perhaps not for the first time: what was published before is in Redis alone.
            number, new = await redis.llen("chat"), []
        async with self.news:
            if int(number) != self.newest + len(new):
                self.last.clear()
            self.newest = int(number)
            self.last.extend(new)
            self.news.notify_all()

    async def after(self, seen):
        async with self.news:
            await self.news.wait_for(lambda: self.newest > seen)
        missing = self.newest - seen
        return list(self.last)[-missing:] if missing <= len(self.last) else await redis.lrange("chat", seen, seen + 999)


async def deliver(websocket, seen):
    while True:
        for message in await room.after(seen):
            seen += 1
            await websocket.send_text(f"{seen} {message}")


async def chat(websocket):
    await websocket.accept()
    async with create_task_group() as tasks:
        tasks.start_soon(deliver, websocket, websocket.path_params["seen"])
        while (event := await websocket.receive())["type"] == "websocket.receive":
            if text := event.get("text"):
                await keep(keys=["chat", "chat:ids"], args=[text.partition(" ")[0], text])
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def lifespan(app):
    async with redis, create_task_group() as tasks:
        tasks.start_soon(room.listen)
        yield
        tasks.cancel_scope.cancel()


room = Room()
app = Starlette(routes=[WebSocketRoute("/after/{seen:int}", chat)], lifespan=lifespan)
