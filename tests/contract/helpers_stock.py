"""What the tests for those who switch share: uvicorn's own classes beside ours.

``SAME`` runs a test with each of them: what it says is true before the switch and after it. A test of what differs on
purpose asks ``is_ours`` and says both.
"""

from __future__ import annotations

import asyncio

import pytest
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.protocols.websockets.wsproto_impl import WSProtocol

import safews.websockets
import safews.wsproto
from tests.harness import UVICORN_VERSION, Client

SEEN_IN = (0, 54)
"""The uvicorn whose own classes were looked at; those of an older one differ, and say nothing about a switch."""

_too_old = pytest.mark.skipif(UVICORN_VERSION < SEEN_IN, reason="the own classes of this uvicorn are older")

STOCK = [
    pytest.param(WebSocketsSansIOProtocol, id="uvicorn-sansio", marks=_too_old),
    pytest.param(WSProtocol, id="uvicorn-wsproto", marks=_too_old),
]
OURS = [
    pytest.param(safews.websockets.Protocol, id="safews-websockets"),
    pytest.param(safews.wsproto.Protocol, id="safews-wsproto"),
]

SAME = pytest.mark.parametrize("protocol", STOCK + OURS)


def is_ours(protocol: type[asyncio.Protocol]) -> bool:
    """Say whether a class is one of safews's."""
    return not issubclass(protocol, (WebSocketsSansIOProtocol, WSProtocol))


def is_sansio(protocol: type[asyncio.Protocol]) -> bool:
    """Say whether a class is uvicorn's own that uses the websockets library, where its two differ from each other."""
    return issubclass(protocol, WebSocketsSansIOProtocol)


def close_of(code: int) -> bytes:
    """A Close of the server without a reason, as it stands on the wire."""
    return b"\x88\x02" + code.to_bytes(2, "big")


async def rest_of(client: Client, code: int) -> bytes:
    """Read what the server sends at the end, and answer its Close if it is one."""
    await client.send_close(code)
    return await client.rest()
