"""Header fields: reading the peer's, checking the app's (RFC 9110 section 5)."""

from __future__ import annotations

import re
from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]
"""Name and value of each field line, in the order of the wire."""

Fields = dict[bytes, list[bytes]]
"""The values of all lines with one name, which is lower-cased, in the order of the wire."""

TCHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
"""The pattern of a token: one ``tchar`` or more (RFC 9110 section 5.6.2)."""

_token = re.compile(TCHARS.encode())
FIELD_CHARS = r"[\t\x20-\x7e\x80-\xff]"
"""The pattern of what a value may hold: visible characters, space, tab and obs-text (section 5.5)."""

# h11 alone would let most control characters pass.
_field_value = re.compile(f"{FIELD_CHARS}*".encode("latin-1"))

_MAX_SHOWN = 120


def shown(value: object) -> str:
    """Return a value as it may stand in a log line: one line of ASCII, at most 120 characters."""
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 3]}..."


def is_token(value: bytes) -> bool:
    """Say whether a value is a token (RFC 9110 section 5.6.2)."""
    return _token.fullmatch(value) is not None


def fields_of(headers: Headers) -> Fields:
    """Return headers, whose names are lower-cased, by their names."""
    fields: Fields = {}
    for name, value in headers:
        fields.setdefault(name, []).append(value)
    return fields


def elements(lines: Iterable[bytes]) -> list[bytes]:
    """Return the elements of a comma-separated list over all its lines; empty ones do not count (section 5.6.1)."""
    found = b",".join(lines).split(b",")
    return [stripped for element in found if (stripped := element.strip(b" \t"))]


def checked(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return an app's headers, fit for the wire: whitespace around a value is not part of it (section 5.5).

    Raises ``TypeError`` for what is not pairs of bytes, ``ValueError`` for a name that is not a token and for a value
    with a control character; either names the header.
    """
    if not isinstance(headers, Iterable):
        raise TypeError(f"headers must be pairs of bytes, not {shown(headers)}")
    return [_checked_pair(header) for header in headers]


def _checked_pair(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    try:
        name, value = header
    except (TypeError, ValueError):
        raise TypeError(f"header {shown(header)} is not a pair of name and value") from None
    if not (isinstance(name, bytes) and isinstance(value, bytes)):
        raise TypeError(f"name and value of a header must be bytes: {shown(header)}")
    if not is_token(name):
        raise ValueError(f"header name {shown(name)} is not a token")
    if not _field_value.fullmatch(value):
        raise ValueError(f"value of header {shown(name)} has a control character: {shown(value)}")
    return name, value.strip(b" \t")


def fitting(default_headers: Iterable[tuple[bytes, bytes]], reserved: frozenset[bytes]) -> Headers:
    """Return those of the server's default headers that can go out beside the ``reserved`` names.

    The others are left out: whoever configured them is not the app, which could do nothing about an error, and
    a peer must get its answer in any case.
    """
    return [
        (name, value.strip(b" \t"))
        for name, value in default_headers
        if is_token(name) and _field_value.fullmatch(value) and name.lower() not in reserved
    ]
