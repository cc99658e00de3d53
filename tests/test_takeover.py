from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import h11
import pytest
from uvicorn.protocols.utils import get_local_addr, get_remote_addr

from safews._takeover import address, is_answering, output_is_paused, stop_idle_timer, surplus_bytes
from tests.fakes import FakeLoop
from tests.harness import TEXT, App, echo, frame, serve, upgrade_request


class Http(asyncio.Protocol):
    """An HTTP protocol with the parser that uvicorn's has: as ``conn`` for h11, out of sight for the others."""

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


class HttpParserUpgrade(Exception):
    """httptools' way to say where in the data the request ended."""


def while_handling(error: Exception, data: object) -> bytes:
    """Ask as uvicorn's httptools protocol does: where the exception of its parser is handled."""
    try:
        raise error
    except Exception:
        return surplus_bytes(Http())


def test_h11_keeps_what_came_behind_the_request() -> None:
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(upgrade_request() + b"\x81\x00")
    assert isinstance(parser.next_event(), h11.Request)
    assert surplus_bytes(Http(conn=parser)) == b"\x81\x00"


def test_h11_that_has_nothing_more() -> None:
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(upgrade_request())
    assert isinstance(parser.next_event(), h11.Request)
    assert surplus_bytes(Http(conn=parser)) == b""


def test_h11_gives_bytes_whatever_it_keeps_them_in() -> None:
    surplus = surplus_bytes(Http(conn=SimpleNamespace(trailing_data=(bytearray(b"\x81\x00"), False))))
    assert (surplus, type(surplus)) == (b"\x81\x00", bytes)


def test_httptools_says_where_the_request_ended() -> None:
    assert while_handling(HttpParserUpgrade(7), b"requestframes") == b"frames"


def test_httptools_with_nothing_more() -> None:
    assert while_handling(HttpParserUpgrade(7), b"request") == b""


@pytest.mark.parametrize(
    ("error", "data"),
    [
        (LookupError(7), b"requestframes"),
        (HttpParserUpgrade(), b"requestframes"),
        (HttpParserUpgrade("7"), b"requestframes"),
        (HttpParserUpgrade(7), "requestframes"),
        (HttpParserUpgrade(7), None),
    ],
    ids=["another exception", "no offset", "no number", "a text", "no data"],
)
def test_anything_else_is_not_touched(error: Exception, data: object) -> None:
    assert while_handling(error, data) == b""


def test_data_of_another_name_is_not_found() -> None:
    def handle(read: bytes) -> bytes:
        try:
            raise HttpParserUpgrade(7)
        except HttpParserUpgrade:
            return surplus_bytes(Http())

    assert handle(b"requestframes") == b""


@pytest.mark.parametrize(
    "attributes", [{}, {"conn": None}, {"conn": object()}, {"conn": SimpleNamespace(trailing_data=b"")}]
)
def test_a_parser_that_tells_nothing(attributes: dict[str, Any]) -> None:
    assert surplus_bytes(Http(**attributes)) == b""


@pytest.mark.parametrize("parser", ["h11", "httptools"])
async def test_uvicorns_protocols_give_it(protocol: type[asyncio.Protocol], parser: str) -> None:
    async with serve(App(echo), ws=protocol, http=parser) as server, server.connect() as client:
        await client.open(then=frame(TEXT, b"early"))
        await client.expect_text("early")


@pytest.mark.parametrize("paused", [True, False])
def test_whether_output_is_paused(paused: bool) -> None:
    assert output_is_paused(Http(flow=SimpleNamespace(write_paused=paused))) is paused


@pytest.mark.parametrize(
    "attributes", [{}, {"flow": None}, {"flow": object()}, {"flow": SimpleNamespace(write_paused=1)}]
)
def test_where_it_cannot_be_told_output_is_not_paused(attributes: dict[str, Any]) -> None:
    assert output_is_paused(Http(**attributes)) is False


CLIENT, SERVER = ("192.0.2.1", 1234), ("192.0.2.2", 80)


class Network(asyncio.Transport):
    """A transport that knows its addresses by itself."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": CLIENT, "sockname": SERVER})
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol


def addresses(transport: asyncio.Transport) -> tuple[object, object]:
    return address(transport, "client", get_remote_addr), address(transport, "server", get_local_addr)


def test_the_http_protocol_is_asked_for_the_addresses() -> None:
    client, server = ("198.51.100.1", 1), ("/run/a.sock", None)
    network = Network(Http(client=client, server=server))
    assert addresses(network) == (client, server)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [({}, (CLIENT, SERVER)), ({"client": None}, (None, SERVER)), ({"server": None}, (CLIENT, None))],
)
def test_where_it_does_not_know_them_the_transport_does(
    attributes: dict[str, Any], expected: tuple[object, object]
) -> None:
    assert addresses(Network(Http(**attributes))) == expected


@pytest.mark.parametrize("complete", [True, False])
def test_whether_a_request_is_being_answered(complete: bool) -> None:
    assert is_answering(Http(cycle=SimpleNamespace(response_complete=complete))) is not complete


@pytest.mark.parametrize("attributes", [{}, {"cycle": None}, {"cycle": object()}])
def test_where_there_was_none_before_it_is_none_that_is_answered(attributes: dict[str, Any]) -> None:
    assert is_answering(Http(**attributes)) is False


def test_the_timer_of_an_idle_client_is_stopped() -> None:
    loop = FakeLoop()
    stop_idle_timer(Http(timeout_keep_alive_task=loop.call_later(5, print)))
    assert loop.timers == []


@pytest.mark.parametrize("attributes", [{}, {"timeout_keep_alive_task": None}])
def test_where_no_timer_runs_none_is_stopped(attributes: dict[str, Any]) -> None:
    stop_idle_timer(Http(**attributes))
