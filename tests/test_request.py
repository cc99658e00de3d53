from __future__ import annotations

import pytest

from safews._headers import fields_of
from safews._request import HandshakeRefused, parse_target, refusal_of

Headers = list[tuple[bytes, bytes]]

GOOD: Headers = [
    (b"host", b"example.org"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]


def replaced(name: bytes, *lines: bytes) -> Headers:
    return [header for header in GOOD if header[0] != name] + [(name, line) for line in lines]


def refusal(
    headers: Headers, method: bytes = b"GET", target: bytes = b"/", version: bytes = b"1.1"
) -> HandshakeRefused | None:
    parsed = parse_target(target)
    return refusal_of(method, target, parsed[0] if parsed else b"", version, fields_of(headers))


def refused(
    headers: Headers, method: bytes = b"GET", target: bytes = b"/", version: bytes = b"1.1"
) -> HandshakeRefused:
    found = refusal(headers, method, target, version)
    assert found is not None
    return found


class TestTarget:
    """RFC 9112 section 3.2."""

    @pytest.mark.parametrize(
        ("target", "raw_path", "query_string"),
        [
            (b"/", b"/", b""),
            (b"/a%20b?x=%20?&y", b"/a%20b", b"x=%20?&y"),
            (b"/?", b"/", b""),
            (b"//host/a", b"//host/a", b""),
            (b"/http://host/a", b"/http://host/a", b""),
            (b"http://host/a?b", b"/a", b"b"),
            (b"HTTPS://user@[::1]:80/a?b=http://x/", b"/a", b"b=http://x/"),
            (b"ws://host", b"/", b""),
            (b"wss://host?x", b"/", b"x"),
        ],
    )
    def test_path_and_query(self, target: bytes, raw_path: bytes, query_string: bytes) -> None:
        assert parse_target(target) == (raw_path, query_string)

    @pytest.mark.parametrize("target", [b"*", b"host:80", b"a", b"?a", b"http:///a", b"http:/a", b"ftp://host/a"])
    def test_other_forms_have_no_path(self, target: bytes) -> None:
        assert parse_target(target) is None


class TestGood:
    def test_request(self) -> None:
        assert refusal(GOOD) is None

    @pytest.mark.parametrize(
        ("name", "lines"),
        [
            (b"upgrade", (b"WebSocket",)),
            (b"upgrade", (b"h2c, websocket",)),
            (b"upgrade", (b"h2c", b"websocket")),
            (b"connection", (b"keep-alive, UPGRADE",)),
            (b"connection", (b"keep-alive", b",upgrade ,")),
            (b"sec-websocket-version", (b"13", b"13")),
            (b"sec-websocket-key", (b"+/+/+/+/+/+/+/+/+/+/+/==",)),
            (b"content-length", (b"0",)),
            (b"content-length", (b"000",)),
            (b"host", (b"caf\xe9",)),
            (b"host", (b"",)),
            (b"expect", (b"100-continue",)),
        ],
    )
    def test_variant(self, name: bytes, lines: tuple[bytes, ...]) -> None:
        assert refusal(replaced(name, *lines)) is None


class TestRefused:
    """RFC 6455 section 4.2.1: 400."""

    @pytest.mark.parametrize("method", [b"POST", b"HEAD", b"CONNECT", b"get", b"OPTIONS"])
    def test_method(self, method: bytes) -> None:
        found = refused(GOOD, method=method)
        assert (found.status, found.detail) == (400, f"method is {method!r}, not GET")

    def test_http_version(self) -> None:
        assert refused(GOOD, version=b"1.0").detail == "HTTP version is b'1.0', not 1.1"

    def test_target(self) -> None:
        assert refused(GOOD, target=b"*").detail == "target b'*' has no path"

    @pytest.mark.parametrize("lines", [(), (b"",), (b"h2c",), (b"websocket/13",), (b"web", b"socket")])
    def test_upgrade(self, lines: tuple[bytes, ...]) -> None:
        found = refused(replaced(b"upgrade", *lines))
        assert (found.status, found.detail) == (400, f"upgrade {list(lines)} does not name websocket")

    @pytest.mark.parametrize("lines", [(), (b"keep-alive",), (b"not-upgrade",)])
    def test_connection(self, lines: tuple[bytes, ...]) -> None:
        found = refused(replaced(b"connection", *lines))
        assert (found.status, found.detail) == (400, f"connection {list(lines)} does not name upgrade")

    @pytest.mark.parametrize(
        "lines",
        [
            (),
            (b"",),
            (b"dGhlIHNhbXBsZSBub25jZQ",),
            (b"dGhlIHNhbXBsZSBub25j",),
            (b"dGhlIHNhbXBsZSBub25jZSE=",),
            (b"dGhlIHNhbXBsZSBub25jZSEh",),
            (b"dGhlIHNhbXBsZSBub25jZ-==",),
            (b"dGhlIHNhbXBsZSBub25jZQ== x",),
            (b"\xe9" * 22 + b"==",),
            (b"dGhlIHNhbXBsZSBub25jZQ==", b"dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    )
    def test_key(self, lines: tuple[bytes, ...]) -> None:
        found = refused(replaced(b"sec-websocket-key", *lines))
        assert (found.status, found.detail) == (400, f"sec-websocket-key {list(lines)} is not the base64 of 16 bytes")

    @pytest.mark.parametrize("lines", [(), (b"13", b"8"), (b"8", b"7")])
    def test_websocket_version_is_not_one_value(self, lines: tuple[bytes, ...]) -> None:
        found = refused(replaced(b"sec-websocket-version", *lines))
        assert (found.status, found.detail) == (400, f"sec-websocket-version {sorted(lines)} is not one value")

    @pytest.mark.parametrize(("name", "value"), [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")])
    def test_body(self, name: bytes, value: bytes) -> None:
        found = refused(replaced(name, value))
        assert (found.status, found.detail) == (400, "request has a body")

    def test_detail_is_one_short_line_of_ascii(self) -> None:
        found = refused(replaced(b"upgrade", b"\xe9\x1b[31m" * 10_000))
        assert found.detail.isascii()
        assert found.detail.isprintable()
        assert len(found.detail) < 200

    def test_it_is_an_exception_that_says_why(self) -> None:
        assert str(HandshakeRefused(403, "why", [(b"a", b"b")])) == "why"


class TestOtherVersions:
    """RFC 6455 section 4.4: 426 with what is supported."""

    @pytest.mark.parametrize("version", [b"8", b"14", b"0", b"", b"013", b"13, 8", b"x"])
    def test_one_other_version(self, version: bytes) -> None:
        found = refused(replaced(b"sec-websocket-version", version))
        assert (found.status, found.detail) == (426, f"sec-websocket-version is {version!r}, not 13")
        assert found.headers == [(b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")]
