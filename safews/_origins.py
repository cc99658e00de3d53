"""Which origins are let in: how browsers write them (RFC 6454 section 6.2) and what for (RFC 6455 section 10.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable

ANY_SUBDOMAIN = "://*."
"""Stands before a host of which every subdomain is listed, but not the host itself."""

_DEFAULT_PORTS = {"http": ":80", "ws": ":80", "https": ":443", "wss": ":443"}
_LISTED = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:(?:\*\.)?[a-z0-9._~-]+|\[[0-9a-f:.]+\])(?P<port>:[0-9]{1,5})?"
)
_LABELS = re.compile(r"[a-z0-9_~-]+(?:\.[a-z0-9_~-]+)*")


def listed_origin(origin: object) -> str:
    """Return an origin for the list as browsers write it: in lower case, without the default port of its scheme.

    Raises ``TypeError`` and ``ValueError`` for what is none.
    """
    if not isinstance(origin, str):
        raise TypeError(f"must be a list of origins, and {origin!r} is not a str")
    lowered = origin.lower()
    if lowered == "null":
        return lowered
    match = _LISTED.fullmatch(lowered)
    if match is None:
        raise ValueError(f'must be a list of origins such as "https://example.org", and {origin!r} is none')
    if match["port"] is not None and match["port"] == _DEFAULT_PORTS.get(match["scheme"]):
        return lowered[: match.start("port")]
    return lowered


def is_listed(origin: str, allowed: Iterable[str]) -> bool:
    """Say whether an origin that a peer gives is one of a list."""
    origin = origin.lower()
    return any(_is_below(origin, listed) if ANY_SUBDOMAIN in listed else origin == listed for listed in allowed)


def _is_below(origin: str, listed: str) -> bool:
    """Say whether it is a subdomain of what is listed, by the same scheme and at the same port."""
    scheme, _, host = listed.partition(ANY_SUBDOMAIN)
    before, after = f"{scheme}://", f".{host}"
    if not origin.startswith(before) or not origin.endswith(after):
        return False
    return _LABELS.fullmatch(origin, len(before), len(origin) - len(after)) is not None
