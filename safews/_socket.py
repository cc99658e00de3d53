"""What the kernel and the transport are asked and told about a TCP connection, where they can be."""

from __future__ import annotations

import logging
import math
import socket
from typing import Any

MAX_USER_TIMEOUT = 2**31 - 1
"""The most milliseconds that ``TCP_USER_TIMEOUT`` can be."""

_CLOSE_WAIT = 8
"""Linux's number for the state of a TCP connection whose other side has ended, and ours has not."""

logger = logging.getLogger("uvicorn.error")


def is_gone(transport: Any) -> bool:
    """Say whether there is nothing below a transport any more.

    Before Python 3.11 a TLS transport that is lost does not say so, and fails when it is asked anything else. It has
    let go of its protocol by then.
    """
    return transport.is_closing() or transport.get_protocol() is None


def unsent_size(transport: Any) -> int:
    """Return how many bytes a transport has yet to send."""
    return 0 if is_gone(transport) else transport.get_write_buffer_size()


def writes_together(transport: Any) -> bool:
    """Say whether ``writelines`` gives the kernel several pieces in one system call, as uvloop's does.

    asyncio's makes a copy of them before Python 3.12, and some releases after that pause no protocol there.
    """
    return type(transport).__module__.startswith("uvloop.")


def set_user_timeout(transport: Any, seconds: float) -> None:
    """Let the kernel end a connection whose peer acknowledges nothing for twice so long (RFC 5482); 0 is never.

    It is for a peer that is not read: one that has vanished then shows only by not acknowledging our pings. At other
    times the deadlines are ours, for the kernel also gives up a slow peer that has little room now and then.
    """
    sock = _tcp_socket(transport)
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    if option is None or sock is None:
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, option, math.ceil(min(seconds * 2000, MAX_USER_TIMEOUT)))
    except OSError:
        logger.debug("TCP_USER_TIMEOUT cannot be set", exc_info=True)


def peer_has_ended(transport: Any) -> bool:
    """Say whether the kernel knows that the peer has ended its side; ``False`` where it cannot be asked."""
    sock = _tcp_socket(transport)
    option = getattr(socket, "TCP_INFO", None)
    if option is None or sock is None:
        return False
    try:
        # The state is the first byte of the structure.
        return bool(sock.getsockopt(socket.IPPROTO_TCP, option, 1)[0] == _CLOSE_WAIT)
    except OSError:
        return False


def _tcp_socket(transport: Any) -> Any:
    sock = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None
