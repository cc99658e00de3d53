"""A client of chat.py that says and hears everything once, whatever becomes of its connections."""

import asyncio
import random
from contextlib import suppress
from uuid import uuid4

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException


class ChatClient:
    """``heard`` are all messages so far, by ID and text; ``unanswered`` are ours that are not among them yet."""

    def __init__(self, url):
        self.url, self.heard, self.unanswered, self.websocket, self.leaving = url, [], {}, None, False

    async def say(self, text):
        message_id = uuid4().hex
        self.unanswered[message_id] = text
        if self.websocket:
            with suppress(ConnectionClosed):
                await self.websocket.send(f"{message_id} {text}")
        return message_id

    async def stay(self):
        """Connect, and again after each end but our own."""
        while not self.leaving:
            with suppress(OSError, WebSocketException):
                async with connect(f"{self.url}/after/{len(self.heard)}") as websocket:
                    await self.converse(websocket)
            await asyncio.sleep(random.uniform(0, 2))  # Everybody else is coming back as well.

    async def leave(self):
        self.leaving = True
        if self.websocket:
            await self.websocket.close()

    async def converse(self, websocket):
        self.websocket = websocket
        for message_id, text in list(self.unanswered.items()):
            await websocket.send(f"{message_id} {text}")
        async for message in websocket:
            _, message_id, text = message.split(" ", 2)
            self.heard.append((message_id, text))
            self.unanswered.pop(message_id, None)
