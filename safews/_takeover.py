"""What uvicorn's HTTP protocol leaves behind when it hands an upgrade request on.

It hands on the request alone. What it has read beyond that, what it has written before, and what it was told about the
transport concern the WebSocket that comes in its place, and are to be asked for while it still stands there.
"""

from __future__ import annotations

import sys
from asyncio import BaseProtocol, Transport
from collections.abc import Callable
from typing import TypeVar, cast

T = TypeVar("T")


def address(transport: Transport, side: str, ask: Callable[[Transport], T]) -> T:
    """Return the address of a side, ``client`` or ``server``, as it was when the client connected.

    uvicorn's HTTP protocol has asked the transport for both, which on asyncio's event loop takes system calls. For a
    protocol that has not, ``ask`` does.
    """
    try:
        return cast("T", getattr(transport.get_protocol(), side))
    except AttributeError:
        return ask(transport)


def surplus_bytes(http_protocol: BaseProtocol) -> bytes:
    """Return what the client has sent behind its request in the same read; empty if unknown.

    RFC 6455 section 4.1 makes a client wait for the 101, but one that does not must not lose what it sent. Each parser
    has it in a place of its own: h11 keeps it as trailing data, httptools raises it as an offset into the read that is
    being handled. zttp keeps nothing that can be asked for.
    """
    trailing = getattr(getattr(http_protocol, "conn", None), "trailing_data", None)
    if isinstance(trailing, tuple):
        return bytes(trailing[0])
    return _behind_upgrade()


def _behind_upgrade() -> bytes:
    """Find the read in the frame that handles httptools' ``HttpParserUpgrade``, whose argument is the offset."""
    exc, trace = sys.exc_info()[1:]
    if type(exc).__name__ != "HttpParserUpgrade" or exc is None or trace is None:
        return b""
    data = trace.tb_frame.f_locals.get("data")
    offset = exc.args[0] if exc.args else None
    return data[offset:] if isinstance(data, bytes) and isinstance(offset, int) else b""


def output_is_paused(http_protocol: BaseProtocol) -> bool:
    """Say whether the transport has told that it has too much output, which it tells but once.

    A client can leave a large response unread and ask for a WebSocket on the same connection. The size of the buffer
    does not tell: between the two marks it depends on where it comes from.
    """
    return getattr(getattr(http_protocol, "flow", None), "write_paused", None) is True


def stop_idle_timer(http_protocol: BaseProtocol) -> None:
    """Stop what would close the transport on a client that asks for nothing more.

    A read stops it, but the end of an answer starts it anew, and the upgrade may have come behind that request in the
    same read: later with h11, at once with httptools if tasks are eager.
    """
    timer = getattr(http_protocol, "timeout_keep_alive_task", None)
    if timer is not None:
        timer.cancel()


def is_answering(http_protocol: BaseProtocol) -> bool:
    """Say whether a request before this one has yet to be answered: its response would land among our frames.

    httptools reads on behind such a request, the others do not.
    """
    return getattr(getattr(http_protocol, "cycle", None), "response_complete", None) is False
