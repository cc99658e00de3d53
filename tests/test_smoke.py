"""The short check: both codecs in a real uvicorn, spoken to by the ``websockets`` client."""

from __future__ import annotations

import importlib
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

DEADLINE = 10  # seconds


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Echo; ``/reject`` refuses the handshake, ``/close`` closes after the first message."""
    await receive()
    if scope["path"] == "/reject":
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": next(iter(scope["subprotocols"]), None)})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            closes.put((message["code"], message.get("reason")))
            return
        if scope["path"] == "/close":
            await send({"type": "websocket.close", "code": 4321, "reason": "enough"})
        else:
            await send({**message, "type": "websocket.send"})


closes: queue.Queue[tuple[int, str | None]] = queue.Queue()
"""The code and reason of each disconnect that the application was told."""


@pytest.fixture(params=["wsproto", "websockets"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run uvicorn in a thread on a free port of the loopback interface."""
    closes.queue.clear()
    protocol = importlib.import_module(f"safews.{request.param}").Protocol
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws=protocol, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield "ws://{}:{}".format(*listener.getsockname())
    finally:
        server.should_exit = True
        thread.join(DEADLINE)
        assert not thread.is_alive()


def open_client(url: str, **options: Any) -> ClientConnection:
    # With a socket at hand the client asks no proxy, whether or not its version knows any.
    address = urlsplit(url)
    sock = socket.create_connection((address.hostname, address.port), DEADLINE)
    client: ClientConnection = connect(url, sock=sock, open_timeout=DEADLINE, close_timeout=DEADLINE, **options)
    return client


def test_text_is_echoed(url: str) -> None:
    with open_client(url) as client:
        client.send("grüße")
        assert client.recv(timeout=DEADLINE) == "grüße"


def test_binary_is_echoed(url: str) -> None:
    with open_client(url) as client:
        client.send(b"\x00\xff")
        assert client.recv(timeout=DEADLINE) == b"\x00\xff"


def test_one_megabyte_is_echoed(url: str) -> None:
    with open_client(url, max_size=None, compression=None) as client:
        client.send(b"\xa5" * 2**20)
        assert client.recv(timeout=DEADLINE) == b"\xa5" * 2**20


def test_compression_is_agreed_and_used(url: str) -> None:
    with open_client(url, compression="deflate") as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        client.send("compressible " * 1000)
        assert client.recv(timeout=DEADLINE) == "compressible " * 1000


def test_the_clients_close_reaches_the_application(url: str) -> None:
    with open_client(url) as client:
        client.close(4000, "bye")
    assert (client.protocol.close_code, client.protocol.close_reason) == (4000, "bye")
    assert closes.get(timeout=DEADLINE) == (4000, "bye")


def test_the_applications_close_reaches_the_client(url: str) -> None:
    with open_client(url + "/close") as client:
        client.send("anything")
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=DEADLINE)
    assert (client.protocol.close_code, client.protocol.close_reason) == (4321, "enough")


def test_a_refused_handshake_is_a_403(url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        open_client(url + "/reject")
    assert refused.value.response.status_code == 403


def test_the_subprotocol_is_agreed(url: str) -> None:
    with open_client(url, subprotocols=[Subprotocol("chat"), Subprotocol("other")]) as client:
        assert client.subprotocol == "chat"
