"""Open, row O11: a ``receive`` that is cancelled, and several at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import opened, text_event
from tests.harness import TEXT, App, Call, Message, Server, Start, close_frame, eventually, frame, turns, within


def receive(call: Call) -> asyncio.Task[Message]:
    """Receive in a task of its own."""
    return asyncio.ensure_future(call.receive_event())


def arrive(server: Server, data: bytes) -> None:
    """Hand bytes to the only connection as its transport does: at a moment that the test chooses."""
    protocol = server.protocol
    protocol.get_buffer(-1)[: len(data)] = data
    protocol.buffer_updated(len(data))


async def test_o11_cancelled_receive_loses_nothing(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        for n in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(call.receive_event(), 0.01)
            await client.send_text(str(n))
            assert await call.receive() == text_event(str(n))
        await client.send_close(1000)
        await call.disconnect(1000, "")
        await call.finish()


async def test_o11_cancelled_in_the_moment_of_the_message(start: Start) -> None:
    """The receiver has been woken and has not run yet."""
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = receive(call)
        await turns()
        arrive(server, frame(TEXT, b"kept"))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        assert await call.receive() == text_event("kept")
        await call.finish()


async def test_o11_cancelled_in_the_moment_of_the_disconnect(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = receive(call)
        await turns()
        arrive(server, close_frame(4000, "bye"))
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        await call.disconnect(4000, "bye")
        await client.expect_close(4000, "bye")
        await call.finish()


async def test_o11_what_a_cancelled_receiver_was_woken_for_goes_to_another(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        first, second = receive(call), receive(call)
        await turns()
        arrive(server, frame(TEXT, b"one"))
        first.cancel()
        assert await within(second) == text_event("one")
        assert first.cancelled()
        await call.finish()


async def test_o11_wait_for_in_a_loop_loses_and_doubles_nothing(start: Start) -> None:
    """The usual way to do something every so often beside receiving."""
    app = App(receive_with_timeouts)
    async with start(app) as server, server.open() as client:
        for n in range(300):
            await client.send_text(str(n))
            await turns(n % 7)
        await client.send_close(1000)
        (call,) = app.calls
        assert await call.ended() is None
        texts = [message["text"] for message in call.received if message["type"] == "websocket.receive"]
        assert texts == [str(n) for n in range(300)]


async def receive_with_timeouts(call: Call) -> None:
    await call.receive_event()
    await call.send_event({"type": "websocket.accept"})
    timeout = 0.0
    while True:
        timeout = (timeout + 0.0001) % 0.001
        try:
            message = await asyncio.wait_for(call.receive_event(), timeout)
        except asyncio.TimeoutError:
            continue
        if message["type"] == "websocket.disconnect":
            return


async def test_o11_of_several_each_gets_one_message_in_the_order_of_their_calls(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = [receive(call) for _ in range(5)]
        await turns()
        await client.send(b"".join(frame(TEXT, b"%d" % n) for n in range(5)))
        events = [await within(task) for task in receiving]
        assert events == [text_event(str(n)) for n in range(5)]
        await call.finish()


async def test_o11_one_message_wakes_one(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = [receive(call) for _ in range(3)]
        for n in range(3):
            await client.send_text(str(n))
            await eventually(receiving[n].done)
            await turns()
            assert [task.done() for task in receiving] == [index <= n for index in range(3)]
        assert [task.result() for task in receiving] == [text_event(str(n)) for n in range(3)]
        await call.finish()


async def test_o11_more_messages_than_receivers_stay_for_the_next(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = [receive(call) for _ in range(2)]
        await turns()
        await client.send(b"".join(frame(TEXT, b"%d" % n) for n in range(4)))
        assert [await within(task) for task in receiving] == [text_event("0"), text_event("1")]
        assert [await call.receive(), await call.receive()] == [text_event("2"), text_event("3")]
        await call.finish()


@pytest.mark.parametrize("messages", [0, 2])
@pytest.mark.parametrize("how", ["close", "lost"])
async def test_o11_one_gets_the_disconnect_and_the_others_an_error(start: Start, how: str, messages: int) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = [receive(call) for _ in range(5)]
        await turns()
        data = frame(TEXT, b"x") * messages
        if how == "close":
            await client.send(data + close_frame(4000, "bye"))
            disconnect = {"type": "websocket.disconnect", "code": 4000, "reason": "bye"}
        else:
            await client.send(data)
            client.half_close()
            disconnect = {"type": "websocket.disconnect", "code": 1006}
        results: list[Any] = await within(asyncio.gather(*receiving, return_exceptions=True))
        assert results[:messages] == [text_event("x")] * messages
        assert results[messages] == disconnect
        errors = results[messages + 1 :]
        assert len(errors) == 4 - messages
        assert all(isinstance(error, ClientDisconnected) for error in errors), errors
        assert {error.code for error in errors} == {disconnect["code"]}
        with pytest.raises(ClientDisconnected):
            await call.receive()
        await call.finish()


async def test_o11_all_of_several_cancelled_leaves_everything_to_the_next(start: Start) -> None:
    app = App()
    async with start(app) as server, server.connect() as client:
        call = await opened(app, client)
        receiving = [receive(call) for _ in range(4)]
        await turns()
        arrive(server, frame(TEXT, b"0") + frame(TEXT, b"1"))
        for task in receiving:
            task.cancel()
        await asyncio.gather(*receiving, return_exceptions=True)
        assert [await call.receive(), await call.receive()] == [text_event("0"), text_event("1")]
        await client.send_text("2")
        assert await call.receive() == text_event("2")
        await call.finish()
