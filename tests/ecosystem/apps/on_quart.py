"""Quart: a chat in which one task receives and another sends, with a queue for each client between them."""

import asyncio
import os

from quart import Quart, websocket

app = Quart(__name__)
queues: set[asyncio.Queue[str]] = set()


async def receiving():
    while True:
        message = await websocket.receive()
        for queue in queues:
            await queue.put(message)


@app.websocket("/chat")
async def chat():
    task = asyncio.ensure_future(receiving())
    queue: asyncio.Queue[str] = asyncio.Queue()
    queues.add(queue)
    try:
        while True:
            await websocket.send(f"said: {await queue.get()}")
    finally:
        queues.remove(queue)
        task.cancel()
        await task


@app.websocket("/feed")
async def feed():
    while True:
        await websocket.send("x" * 65_536)


if "QUIET" in os.environ:
    from safews import ClientDisconnected

    @app.errorhandler(ClientDisconnected)
    async def gone(error):
        """Nothing is wrong: the client has left."""
