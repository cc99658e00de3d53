"""Sec-WebSocket-Extensions (RFC 6455 section 9.1) and the negotiation of permessage-deflate (RFC 7692 section 7.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ._deflate import DeflateParameters
from ._headers import TCHARS

PERMESSAGE_DEFLATE = "permessage-deflate"

_MAX_WINDOW_BITS = 15
# zlib cannot deflate with a window of 256 bytes: it takes 512, which a peer that asked for 256 could not inflate.
_MIN_DEFLATE_BITS = 9

_FLAGS = frozenset(("server_no_context_takeover", "client_no_context_takeover"))
_WINDOWS = frozenset(("server_max_window_bits", "client_max_window_bits"))

# Section 9.1 uses the list and whitespace rules of RFC 2616: empty elements, whitespace between any two lexemes.
_name = re.compile(TCHARS)
_parameter = re.compile(rf'[ \t]*;[ \t]*({TCHARS})(?:[ \t]*=[ \t]*(?:({TCHARS})|"((?:[^"\\]|\\.)*)"))?')
_end_of_element = re.compile(r"[ \t]*(?:,[ \t,]*|\Z)")
_quoted_pair = re.compile(r"\\(.)")
_window_bits = re.compile(r"[89]|1[0-5]")


class Offer(NamedTuple):
    """One element of the list: an extension's name and its parameters, ``None`` where one has no value."""

    name: str
    parameters: list[tuple[str, str | None]]


class Agreement(NamedTuple):
    """What both sides agreed on, and the value of the header that tells the peer."""

    parameters: DeflateParameters
    answer: bytes


def parse_offers(lines: Iterable[bytes]) -> list[Offer]:
    """Read the values of all Sec-WebSocket-Extensions lines, which are one list.

    Text that breaks the grammar is no offer at all: what stands before or after the fault may not be what was meant,
    and a connection without extensions serves the peer better than none.
    """
    text = b",".join(lines).decode("latin-1").lstrip(" \t,")
    offers: list[Offer] = []
    position = 0
    while position < len(text):
        name = _name.match(text, position)
        if name is None:
            return []
        position = name.end()
        parameters: list[tuple[str, str | None]] = []
        while parameter := _parameter.match(text, position):
            key, plain, quoted = parameter.groups()
            parameters.append((key, plain if quoted is None else _quoted_pair.sub(r"\1", quoted)))
            position = parameter.end()
        end = _end_of_element.match(text, position)
        if end is None:
            return []
        offers.append(Offer(name[0], parameters))
        position = end.end()
    return offers


def negotiate_deflate(lines: Iterable[bytes], *, window_bits: int, context_takeover: bool) -> Agreement | None:
    """Agree on permessage-deflate with the first offer that we can meet, or return ``None`` (section 7.1).

    ``window_bits`` (9 to 15) bounds the window of either side: ours always, the peer's where it said that it
    understands such a bound. Without ``context_takeover`` both sides forget their window after every message.
    """
    for name, pairs in parse_offers(lines):
        parameters = dict(pairs)
        # A repeated parameter makes the offer invalid (section 7.1); a dict has lost all but one.
        if name == PERMESSAGE_DEFLATE and len(parameters) == len(pairs) and _can_meet(parameters):
            return _agree(parameters, window_bits, context_takeover)
    return None


def _can_meet(offered: dict[str, str | None]) -> bool:
    return all(_is_valid(key, value) for key, value in offered.items()) and (
        _bits(offered, "server_max_window_bits") >= _MIN_DEFLATE_BITS
    )


def _is_valid(key: str, value: str | None) -> bool:
    """Check one parameter; unknown ones and values out of range decline the offer (section 7.1)."""
    if key in _FLAGS:
        return value is None
    if value is None:
        return key == "client_max_window_bits"
    return key in _WINDOWS and _window_bits.fullmatch(value) is not None


def _bits(offered: dict[str, str | None], key: str) -> int:
    return int(offered.get(key) or _MAX_WINDOW_BITS)


def _agree(offered: dict[str, str | None], window_bits: int, context_takeover: bool) -> Agreement:
    server_bits = min(_bits(offered, "server_max_window_bits"), window_bits)
    # A peer that does not name this parameter need not understand it and may use any window (section 7.1.2.2).
    client_bits = _MAX_WINDOW_BITS
    if "client_max_window_bits" in offered:
        client_bits = min(_bits(offered, "client_max_window_bits"), window_bits)
    agreed = DeflateParameters(
        server_no_context_takeover=not context_takeover or "server_no_context_takeover" in offered,
        client_no_context_takeover=not context_takeover or "client_no_context_takeover" in offered,
        server_max_window_bits=server_bits,
        client_max_window_bits=client_bits,
    )
    answer = [PERMESSAGE_DEFLATE]
    if agreed.server_no_context_takeover:
        answer.append("server_no_context_takeover")
    if agreed.client_no_context_takeover:
        answer.append("client_no_context_takeover")
    if server_bits < _MAX_WINDOW_BITS or "server_max_window_bits" in offered:
        answer.append(f"server_max_window_bits={server_bits}")
    if "client_max_window_bits" in offered:
        answer.append(f"client_max_window_bits={client_bits}")
    return Agreement(agreed, "; ".join(answer).encode())
