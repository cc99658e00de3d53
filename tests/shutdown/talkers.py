"""Clients that send numbered messages through a proxy, and come back when they are told that the server restarts."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import closing

from tests.harness import CLOSE, TEXT, Client, Frame, Wire, frame
from tests.installed import connected_socket
from tests.shutdown.peers import read_frame

BURST = 4
"""Messages that are sent at once, so that some are on their way whenever a server is asked to end."""

PAUSE = 1.0
"""The most seconds between two bursts: many clients are to be there, not to take the machine."""


class Talker:
    """A client. It sends ``name:connection:number`` and counts on when that is acknowledged; else it sends it again."""

    def __init__(self, name: int, port: int) -> None:
        self._name = name
        self._port = port
        self.acknowledged: list[str] = []
        self.connections = 0
        self.ends: Counter[int] = Counter()
        """How often a connection ended with a code, or a handshake was answered with a status."""
        self.stopping = asyncio.Event()

    async def talk(self) -> None:
        """Talk until ``stopping`` is set."""
        while not self.stopping.is_set():
            sock = connected_socket(self._port)
            sock.setblocking(False)
            with closing(Client(Wire(sock))) as client:
                await client.request()
                response = await client.head()
                if response.status == 101:
                    self.connections += 1
                    self.ends[await self._converse(client)] += 1
                else:
                    self.ends[response.status] += 1
                    await asyncio.sleep(random.uniform(0, PAUSE))

    async def _converse(self, client: Client) -> int:
        """Talk on one connection, and return the code of its end."""
        while not self.stopping.is_set():
            first = len(self.acknowledged)
            texts = [f"{self._name}:{self.connections}:{number}" for number in range(first, first + BURST)]
            await client.send(b"".join(frame(TEXT, text.encode()) for text in texts))
            for text in texts:
                got = await read_frame(client)
                if got.opcode == CLOSE:
                    code = int.from_bytes(got.payload, "big")
                    await client.send_close(code)
                    await client.expect_eof()
                    return code
                assert got.payload == text.encode()
                self.acknowledged.append(text)
            await asyncio.sleep(random.uniform(0, PAUSE))
        await client.send_close(1000)
        assert await read_frame(client) == Frame(CLOSE, (1000).to_bytes(2, "big"))
        await client.expect_eof()
        return 1000
