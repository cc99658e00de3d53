"""Bytes that a client sent right behind its upgrade request.

RFC 6455 section 4.1 makes a client wait for the 101, but one that does not must not lose what it sent. uvicorn hands on
the request alone; what came behind it in the same read is still with its HTTP parser, in a place for each: h11 keeps it
as trailing data, httptools raises it as an offset into the read that is being handled. zttp keeps nothing that can be
asked for.
"""

from __future__ import annotations

import sys
from asyncio import BaseProtocol


def surplus_bytes(http_protocol: BaseProtocol) -> bytes:
    """Return what uvicorn's HTTP protocol has read beyond the request that it is handing on; empty if unknown."""
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
