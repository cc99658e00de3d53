"""``scope["extensions"]["safews"]``: what an app may ask of its connection."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import pytest

import safews
from safews._close import ClosedBy, CloseRecord
from safews._info import ConnectionInfo, Remains
from safews._state import State
from tests.harness import PONG, App, Call, Start, eventually

RECORD = CloseRecord(4000, "bye", ClosedBy.PEER, clean=True)


class Connection:
    """A connection that is open."""

    state = State.OPEN
    buffered = 3
    round_trip = 0.25
    close_record = None


class TestProperties:
    def test_of_a_connection(self) -> None:
        info = ConnectionInfo(Connection())
        assert (info.state, info.buffered, info.round_trip, info.close_record) == ("open", 3, 0.25, None)
        assert repr(info) == "<ConnectionInfo open>"

    def test_of_what_remains_of_it(self) -> None:
        info = ConnectionInfo(Remains(RECORD, 0.25))
        assert (info.state, info.buffered, info.round_trip, info.close_record) == ("closed", 0, 0.25, RECORD)

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
    def test_a_copied_scope_is_about_the_same_connection(self, copied: Any) -> None:
        source = Connection()
        scope = copied({"extensions": {"safews": ConnectionInfo(source)}})
        assert scope["extensions"]["safews"].source is source


def info_of(call: Call) -> ConnectionInfo:
    info = call.scope["extensions"]["safews"]
    assert isinstance(info, safews.ConnectionInfo)
    return info


class TestServer:
    async def test_a_connection_through_its_life(self, start: Start) -> None:
        app = App()
        async with start(app, ws_ping_interval=0.05) as server, server.connect() as client:
            await client.request()
            call = await app.call()
            info = info_of(call)
            assert (info.state, info.round_trip, info.close_record) == ("connecting", None, None)
            await call.accept()
            await client.head()
            assert (info.state, info.buffered) == ("open", 0)
            ping = await client.frame()
            await client.send_frame(PONG, ping.payload)
            await eventually(lambda: info.round_trip is not None)
            await client.send_close(4000, "bye")
            await call.disconnect(4000, "bye")
            record = info.close_record
            assert record is not None
            assert (record.code, record.reason, record.by) == (4000, "bye", safews.ClosedBy.PEER)
            await eventually(lambda: not server.state.connections)
            assert (info.state, info.buffered, info.close_record) == ("closed", 0, RECORD)
            assert info.round_trip is not None

    async def test_what_the_client_does_not_take_is_buffered(self, start: Start) -> None:
        app = App()
        async with start(app) as server, server.connect() as client:
            await client.request()
            call = await app.call()
            await call.accept()
            await call.send("websocket.send", bytes=bytes(16 * 1024 * 1024))
            await eventually(lambda: info_of(call).buffered > 0)
            client.reset()
            await eventually(lambda: not server.state.connections)
            assert info_of(call).buffered == 0

    async def test_it_does_not_keep_the_connection_after_its_end(self, start: Start) -> None:
        kept: list[ConnectionInfo] = []

        async def leave(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            kept.append(scope["extensions"]["safews"])
            await send({"type": "websocket.accept"})

        async with start(leave) as server, server.open() as client:
            connection = weakref.ref(kept[0].source)
            await client.expect_close(1000)
            await client.send_close(1000)
            await server.became_idle()
            await eventually(lambda: (gc.collect(), connection() is None)[1])
        assert [info.state for info in kept] == ["closed"]
