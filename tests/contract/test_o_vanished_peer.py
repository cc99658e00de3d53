"""Open, row O8d: a peer whose host vanishes while we read nothing from it."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from safews import ClientDisconnected
from tests.contract.helpers_o import ending_line, opened, text_event
from tests.harness import LOOPS, App, Server, Start, eventually, frame, run, serve

WRITE_TIMEOUT = 0.5

needs_user_timeout = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="no TCP_USER_TIMEOUT here")


def user_timeout(server: Server) -> int:
    """The socket option of the only connection, in milliseconds."""
    sock = server.protocol.transport.get_extra_info("socket")
    timeout: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return timeout


async def pause_reading(server: Server, client: Any) -> None:
    """Fill the queue of an app that does not receive (``ws_max_queue=2``)."""
    await client.send(b"".join(frame(1, b"%d" % n) for n in range(3)))
    await eventually(lambda: not server.protocol.transport.is_reading())


@needs_user_timeout
@pytest.mark.parametrize("timeout", [0.5, 7, 30])
async def test_o8d_socket_has_the_option_while_reading_is_paused(start: Start, protocol: Any, timeout: float) -> None:
    """Twice ``write_timeout``: to judge a slow peer is not the kernel's part."""
    app = App()
    ws = protocol.with_options(write_timeout=timeout)
    async with start(app, ws=ws, ws_max_queue=2, ws_ping_interval=0.02) as server, server.connect() as client:
        call = await opened(app, client)
        await pause_reading(server, client)
        await eventually(lambda: user_timeout(server) == 2 * timeout * 1000)
        await call.finish()


@needs_user_timeout
async def test_o8d_no_option_without_a_write_timeout(start: Start, protocol: Any) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=None)
    async with start(app, ws=ws, ws_max_queue=2, ws_ping_interval=0.02) as server, server.connect() as client:
        call = await opened(app, client)
        await pause_reading(server, client)
        await client.frame()  # The ping.
        assert user_timeout(server) == 0
        await call.finish()


async def test_o8d_socket_without_the_option_is_served(start: Start, tmp_path: Path) -> None:
    app = App()
    async with start(app, uds=str(tmp_path / "socket"), ws_max_queue=2, ws_ping_interval=0.02) as server:
        async with server.connect() as client:
            call = await opened(app, client)
            await pause_reading(server, client)
            await client.frame()  # The ping.
            assert await call.receive() == text_event("0")
            await call.finish()
        await server.became_idle()
        assert not server.logs.about("TCP_USER_TIMEOUT")


# In a network of its own the loopback interface can go down: no segment arrives from then on, nor any reset.

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1


def set_loopback(up: bool) -> None:
    """Switch the loopback interface of the current network namespace."""
    with socket.socket() as sock:
        request = fcntl.ioctl(sock, SIOCGIFFLAGS, struct.pack("16sh14x", b"lo", 0))
        _, flags = struct.unpack("16sh14x", request)
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | IFF_UP if up else flags & ~IFF_UP))


@contextmanager
def own_network() -> Iterator[Callable[[], None]]:
    """Move this thread to a network of its own; gives what makes every peer vanish. Skips where that is not allowed."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    except OSError as error:
        pytest.skip(f"no network namespaces here: {error}")
    try:
        if libc.unshare(CLONE_NEWNET):
            pytest.skip(f"may not make a network namespace: {os.strerror(ctypes.get_errno())}")
        try:
            set_loopback(True)
            yield lambda: set_loopback(False)
        finally:
            assert libc.setns(before, CLONE_NEWNET) == 0
    finally:
        os.close(before)


@needs_user_timeout
@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("app_sends", [False, True], ids=["app-idle", "app-sends"])
def test_o8d_vanished_peer_is_found_while_reading_is_paused(protocol: Any, loop_name: str, app_sends: bool) -> None:
    with own_network() as vanish:
        run(vanished_peer(protocol, vanish, app_sends), loop_name)


async def vanished_peer(protocol: Any, vanish: Callable[[], None], app_sends: bool) -> None:
    app = App()
    ws = protocol.with_options(write_timeout=WRITE_TIMEOUT)
    async with serve(app, ws=ws, ws_max_queue=2, ws_ping_interval=0.1, ws_ping_timeout=0.3) as server:
        async with server.connect() as client:
            call = await opened(app, client)
            await pause_reading(server, client)
            vanish()
            if app_sends:
                with pytest.raises(ClientDisconnected):
                    await send_on(call)
            await eventually(lambda: not server.state.connections)
            # The third message lay behind the pause; whether it had been read is the network's business.
            assert [await call.receive(), await call.receive()] == [text_event("0"), text_event("1")]
            event = await call.receive()
            if event == text_event("2"):
                event = await call.receive()
            assert event == {"type": "websocket.disconnect", "code": 1006}
            await call.finish()
        line = ending_line(server)
        assert "1006 abnormal closure" in line
        assert "by network" in line


async def send_on(call: Any) -> None:
    """Send now and then, for as long as it works."""
    while True:
        await call.send("websocket.send", text="anybody there?")
        await asyncio.sleep(0.02)
