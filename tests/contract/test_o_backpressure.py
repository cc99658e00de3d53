"""Open, rows O5 and O8b: a peer that reads slowly, and one or a hundred tasks that send to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import MARK, expect_filling, fill, narrow, opened, text_event, unsent
from tests.harness import App, Start, turns

GATHERED = 64 * 1024
"""What is gathered at most before it is handed to the transport, in bytes, besides one message."""


def send(call: Any, data: bytes) -> asyncio.Task[None]:
    """Send a binary message in a task of its own."""
    task: asyncio.Task[None] = asyncio.ensure_future(call.send_event({"type": "websocket.send", "bytes": data}))
    return task


async def test_o5_send_waits_and_nothing_is_lost(start: Start) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        await turns(100)
        assert not waiting.done()
        assert unsent(server.protocol) <= MARK + GATHERED + 8200
        await expect_filling(client, count + 1)
        await waiting
        await call.finish()


@pytest.mark.parametrize("size", [1, 1000, 50_000])
async def test_o5_memory_is_bounded_for_messages_of_any_size(start: Start, size: int) -> None:
    held: list[int] = []

    async def stream(call: Any) -> None:
        await call.receive_event()
        await call.send_event({"type": "websocket.accept"})
        (protocol,) = server.state.connections
        for _ in range(total):
            await call.send_event({"type": "websocket.send", "bytes": b"m" * size})
            held.append(unsent(protocol))

    total = 8 * 2**20 // size if size > 1 else 100_000
    async with narrow(start, App(stream)) as (server, client):
        await client.open()
        for _ in range(total):
            await client.expect_bytes(b"m" * size)
    assert max(held) <= MARK + GATHERED + 2 * size


async def test_o5_message_above_every_buffer_arrives_whole(start: Start) -> None:
    app = App()
    data = bytes(range(256)) * 8192
    async with narrow(start, app) as (_, client):
        call = await opened(app, client)
        await call.send("websocket.send", bytes=data)
        behind = send(call, b"behind")
        await turns()
        assert not behind.done()
        await client.expect_bytes(data)
        await client.expect_bytes(b"behind")
        await behind
        await call.finish()


async def test_o5_receive_works_while_a_send_waits(start: Start) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        await client.send_text("meanwhile")
        assert await call.receive() == text_event("meanwhile")
        assert not waiting.done()
        await expect_filling(client, count + 1)
        await waiting
        await call.finish()


async def test_o8b_hundred_tasks_wait_and_go_in_the_order_of_their_calls(start: Start) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        before = unsent(server.protocol)
        tasks = [send(call, b"%d" % n) for n in range(100)]
        await turns(30)
        assert not any(task.done() for task in (waiting, *tasks))
        assert unsent(server.protocol) == before
        await expect_filling(client, count + 1)
        for n in range(100):
            await client.expect_bytes(b"%d" % n)
        await asyncio.gather(waiting, *tasks)
        await call.finish()


async def test_o8b_on_waking_each_checks_again(start: Start) -> None:
    """One that is let through may fill the transport anew; the others stay where they are."""
    app = App()
    size = 40_000
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        tasks = [send(call, bytes([n]) * size) for n in range(100)]
        await expect_filling(client, count + 1)
        held = [unsent(server.protocol)]
        for n in range(100):
            await client.expect_bytes(bytes([n]) * size)
            held.append(unsent(server.protocol))
        await asyncio.gather(waiting, *tasks)
        assert max(held) <= MARK + GATHERED + 2 * size
        await call.finish()


async def test_o8b_gathered_bytes_count_as_buffered(start: Start) -> None:
    """The tasks begin in one turn of the event loop, in which the transport is told of nothing yet."""
    app = App()
    size = 16_000
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        await fill_kernel(call, server.protocol)
        tasks = [send(call, bytes([n]) * size) for n in range(100)]
        held = [unsent(server.protocol)]
        for _ in range(30):
            await turns(1)
            held.append(unsent(server.protocol))
        assert max(held) <= MARK + GATHERED + 2 * size
        assert sum(not task.done() for task in tasks) > 80
        await skip_filling(client)
        for n in range(100):
            await client.expect_bytes(bytes([n]) * size)
        await asyncio.gather(*tasks)
        await call.finish()


async def fill_kernel(call: Any, protocol: Any) -> None:
    """Send until something stays in the transport; a text ends it."""
    while not protocol.transport.get_write_buffer_size():
        await call.send("websocket.send", bytes=b"f" * 4096)
        await turns()
    await call.send("websocket.send", text="end")


async def skip_filling(client: Any) -> None:
    """Read what ``fill_kernel`` has sent."""
    while (await client.frame()).payload != b"end":
        pass


async def test_o8b_close_stands_behind_those_who_wait(start: Start) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        tasks = [send(call, b"%d" % n) for n in range(100)]
        await turns(1)
        closing = asyncio.ensure_future(call.send("websocket.close", code=4000))
        await expect_filling(client, count + 1)
        for n in range(100):
            await client.expect_bytes(b"%d" % n)
        await client.expect_close(4000)
        await asyncio.gather(waiting, *tasks, closing)
        await client.send_close(4000)
        await call.disconnect(4000)
        await call.finish()


async def test_o8b_newcomer_stands_behind_those_who_wait(start: Start) -> None:
    """Also one that comes after output has resumed and before they have run."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        server.protocol.pause_writing()
        tasks = [send(call, b"%d" % n) for n in range(5)]
        await turns()
        server.protocol.resume_writing()
        await call.send_event({"type": "websocket.send", "bytes": b"newcomer"})
        for n in range(5):
            await client.expect_bytes(b"%d" % n)
        await client.expect_bytes(b"newcomer")
        await asyncio.gather(*tasks)
        await call.finish()


async def test_o8b_output_that_pauses_again_before_they_have_run_holds_all(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        server.protocol.pause_writing()
        tasks = [send(call, b"%d" % n) for n in range(5)]
        await turns()
        server.protocol.resume_writing()
        server.protocol.pause_writing()
        await turns()
        assert client.pending() == b""
        assert not any(task.done() for task in tasks)
        server.protocol.resume_writing()
        for n in range(5):
            await client.expect_bytes(b"%d" % n)
        await asyncio.gather(*tasks)
        await call.finish()


@pytest.mark.parametrize("index", [0, 3, 9])
async def test_o8b_cancelled_sender_sends_nothing_and_holds_up_nobody(start: Start, index: int) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        count, waiting = await fill(call, server.protocol)
        tasks = [send(call, b"%d" % n) for n in range(10)]
        await turns()
        tasks[index].cancel()
        waiting.cancel()
        await expect_filling(client, count)
        for n in range(10):
            if n != index:
                await client.expect_bytes(b"%d" % n)
        results = await asyncio.gather(waiting, *tasks, return_exceptions=True)
        assert [isinstance(result, asyncio.CancelledError) for result in results[1:]].index(True) == index
        assert isinstance(results.pop(0), asyncio.CancelledError)
        assert results.count(None) == 9
        await call.finish()


async def test_o8b_sender_cancelled_in_the_moment_of_its_turn_passes_it_on(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        server.protocol.pause_writing()
        tasks = [send(call, b"%d" % n) for n in range(3)]
        await turns()
        server.protocol.resume_writing()
        tasks[0].cancel()
        await client.expect_bytes(b"1")
        await client.expect_bytes(b"2")
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [None, None]
        await call.finish()


async def test_o8b_all_learn_that_the_peer_is_gone(start: Start) -> None:
    app = App()
    async with narrow(start, app) as (server, client):
        call = await opened(app, client)
        _, waiting = await fill(call, server.protocol)
        tasks = [send(call, b"%d" % n) for n in range(100)]
        await turns(3)
        client.reset()
        results = await asyncio.gather(waiting, *tasks, return_exceptions=True)
        assert all(isinstance(result, ClientDisconnected) for result in results)
        await call.disconnect(1006)
        await call.finish()
