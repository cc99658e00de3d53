from __future__ import annotations

import pytest

from safews._origins import is_listed, listed_origin

LISTED = [listed_origin(origin) for origin in ("https://example.org", "https://*.example.com:8443", "null")]


@pytest.mark.parametrize("origin", ["https://example.org", "HTTPS://Example.ORG", "null"])
def test_what_is_listed(origin: str) -> None:
    assert is_listed(origin, LISTED)


@pytest.mark.parametrize("origin", ["https://a.example.com:8443", "https://a.b.example.com:8443"])
def test_subdomains_of_what_is_listed(origin: str) -> None:
    assert is_listed(origin, LISTED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "http://example.org",
        "https://a.example.org",
        "https://example.com:8443",
        "https://.example.com:8443",
        "https://*.example.com:8443",
        "https://a.example.com",
        "http://a.example.com:8443",
        "https://a/.example.com:8443",
        "https://.example.com:8443.example.com:8443",
    ],
)
def test_what_is_not(origin: str) -> None:
    assert not is_listed(origin, LISTED)


def test_nothing_is_in_a_list_of_none() -> None:
    assert not is_listed("null", [])
