from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from safews._socket import MAX_USER_TIMEOUT, is_gone, peer_has_ended, set_user_timeout, unsent_size, writes_together
from tests.fakes import FakeSocket, FakeTransport
from tests.harness.logs import captured


class LostTransport(FakeTransport):
    """What TLS before Python 3.11 leaves: it does not know that it is closed, and has nothing to ask any more."""

    def get_protocol(self) -> Any:
        return None

    def get_write_buffer_size(self) -> int:
        raise AttributeError("'NoneType' object has no attribute 'get_write_buffer_size'")


class TestTransport:
    def test_one_that_works(self) -> None:
        transport = FakeTransport()
        transport.buffered = 7
        assert not is_gone(transport)
        assert unsent_size(transport) == 7

    def test_one_that_is_closing(self) -> None:
        transport = FakeTransport()
        transport.buffered = 7
        transport.close()
        assert is_gone(transport)
        assert unsent_size(transport) == 0

    def test_one_that_is_lost_and_does_not_say_so(self) -> None:
        assert is_gone(LostTransport())
        assert unsent_size(LostTransport()) == 0


class TestWritesTogether:
    @pytest.mark.parametrize("name", ["asyncio", "uvloop"])
    def test_is_what_uvloop_does(self, name: str) -> None:
        loop = pytest.importorskip(name).new_event_loop()
        ours, theirs = socket.socketpair()
        try:
            transport, _ = loop.run_until_complete(loop.create_connection(asyncio.Protocol, sock=ours))
            assert writes_together(transport) is (name == "uvloop")
            transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
        finally:
            loop.close()
            theirs.close()


class TestUserTimeout:
    """RFC 5482."""

    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
    def test_of_tcp_is_twice_as_many_milliseconds(self, family: int) -> None:
        sock = FakeSocket(family)
        set_user_timeout(FakeTransport(sock=sock), 100)
        assert sock.options == [(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 200_000)]

    def test_is_never_zero_where_it_is_meant(self) -> None:
        sock = FakeSocket(socket.AF_INET)
        set_user_timeout(FakeTransport(sock=sock), 0.0001)
        assert sock.options[0][2] == 1

    def test_is_taken_back_by_zero(self) -> None:
        sock = FakeSocket(socket.AF_INET)
        set_user_timeout(FakeTransport(sock=sock), 0.0)
        assert sock.options[0][2] == 0

    @pytest.mark.parametrize("seconds", [1e9, 1e308])
    def test_of_more_milliseconds_than_the_system_can_count(self, seconds: float) -> None:
        with socket.socket() as sock:
            set_user_timeout(Holder(sock), seconds)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == MAX_USER_TIMEOUT

    def test_of_a_unix_socket_there_is_none(self) -> None:
        sock = FakeSocket(socket.AF_UNIX, "", "/run/socket")
        set_user_timeout(FakeTransport(sock=sock), 100)
        assert sock.options == []

    def test_where_there_is_no_socket(self) -> None:
        set_user_timeout(FakeTransport(), 100)

    def test_where_the_system_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(socket, "TCP_USER_TIMEOUT")
        sock = FakeSocket(socket.AF_INET)
        set_user_timeout(FakeTransport(sock=sock), 100)
        assert sock.options == []

    def test_that_the_socket_refuses(self) -> None:
        sock = FakeSocket(socket.AF_INET)
        sock.error = OSError("no such option")
        with captured(logging.DEBUG) as logs:
            set_user_timeout(FakeTransport(sock=sock), 100)
        assert logs.about("TCP_USER_TIMEOUT", logging.DEBUG)
        assert logs.warnings == []


class Holder:
    """A transport of a socket that there is."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self._sock


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as peer,
        listener.accept()[0] as ours,
    ):
        yield ours, peer


class TestPeerHasEnded:
    def test_one_that_has_not(self, pair: tuple[socket.socket, socket.socket]) -> None:
        assert not peer_has_ended(Holder(pair[0]))

    def test_one_that_has_ended_its_half(self, pair: tuple[socket.socket, socket.socket]) -> None:
        ours, peer = pair
        peer.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        assert peer_has_ended(Holder(ours))

    def test_one_whose_last_bytes_are_unread(self, pair: tuple[socket.socket, socket.socket]) -> None:
        ours, peer = pair
        peer.sendall(b"ab")
        peer.shutdown(socket.SHUT_WR)
        # All has come: a peek that wants more than there is returns at the end of the stream alone.
        assert ours.recv(3, socket.MSG_PEEK | socket.MSG_WAITALL) == b"ab"
        assert peer_has_ended(Holder(ours))

    def test_it_is_unknown_of_a_unix_socket(self) -> None:
        ours, peer = socket.socketpair()
        with ours, peer:
            peer.shutdown(socket.SHUT_WR)
            assert not peer_has_ended(Holder(ours))

    def test_it_is_unknown_where_there_is_no_socket(self) -> None:
        assert not peer_has_ended(FakeTransport())

    def test_it_is_unknown_where_the_system_does_not_tell(
        self, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ours, peer = pair
        peer.shutdown(socket.SHUT_WR)
        assert ours.recv(1) == b""
        monkeypatch.delattr(socket, "TCP_INFO")
        assert not peer_has_ended(Holder(ours))

    def test_it_is_unknown_of_a_socket_that_is_closed(self) -> None:
        sock = socket.socket()
        sock.close()
        assert not peer_has_ended(Holder(sock))
