"""Handshake, rows H15 and H19: requests that are odd but sound, and what the application sees of a request."""

from __future__ import annotations

from typing import Any

import pytest

from safews import websockets, wsproto
from tests.harness import KEY, App, Client, Headers, Start, echo, serve

pytestmark = pytest.mark.every_http


def extension(*values: bytes) -> Headers:
    """One line of Sec-WebSocket-Extensions for each value."""
    return [(b"Sec-WebSocket-Extensions", value) for value in values]


SOUND: dict[str, tuple[bytes, Headers]] = {
    "9 KB of cookie": (b"/", [(b"Cookie", b"c=" + b"x" * 9216)]),
    "9 KB of path": (b"/" + b"p" * 9216, []),
    "9 KB of query": (b"/?" + b"q" * 9216, []),
    "200 headers": (b"/", [(b"X-%d" % number, b"1") for number in range(200)]),
    "200 headers of one name": (b"/", [(b"X-Same", b"%d" % number) for number in range(200)]),
    "Content-Length 0": (b"/", [(b"Content-Length", b"0")]),
    "latin-1 value": (b"/", [(b"X-Name", b"J\xf6rg")]),
    "UTF-8 value": (b"/", [(b"X-Name", "Jörg €".encode())]),
    "empty value": (b"/", [(b"X-Empty", b"")]),
    "empty subprotocol": (b"/", [(b"Sec-WebSocket-Protocol", b"")]),
    "subprotocol that is no token": (b"/", [(b"Sec-WebSocket-Protocol", b"a b, \xe9, ok")]),
    "unknown extension": (b"/", extension(b"x-webkit-deflate-frame")),
    "extension with an unknown parameter": (b"/", extension(b"permessage-deflate; surprise")),
    "repeated parameter": (
        b"/",
        extension(b"permessage-deflate; server_max_window_bits=10; server_max_window_bits=12"),
    ),
    "repeated flag": (b"/", extension(b"permessage-deflate; server_no_context_takeover; server_no_context_takeover")),
    "window of 7 bits": (b"/", extension(b"permessage-deflate; server_max_window_bits=7")),
    "window of 8 bits": (b"/", extension(b"permessage-deflate; server_max_window_bits=8")),
    "window of 16 bits": (b"/", extension(b"permessage-deflate; client_max_window_bits=16")),
    "window without a value": (b"/", extension(b"permessage-deflate; server_max_window_bits")),
    "window that is no number": (b"/", extension(b"permessage-deflate; client_max_window_bits=abc")),
    "window with a leading zero": (b"/", extension(b"permessage-deflate; client_max_window_bits=012")),
    "quoted window": (b"/", extension(b'permessage-deflate; client_max_window_bits="12"')),
    "flag with a value": (b"/", extension(b"permessage-deflate; server_no_context_takeover=1")),
    "extension without a name": (b"/", extension(b"; server_no_context_takeover")),
    "empty extension": (b"/", extension(b"")),
    "extension of commas": (b"/", extension(b",,, ,")),
    "extension that is latin-1": (b"/", extension(b"\xe9xtension")),
    "extension with an open quote": (b"/", extension(b'permessage-deflate; a="')),
    "two offers": (b"/", extension(b"permessage-deflate; server_max_window_bits=10, permessage-deflate")),
    "two lines": (b"/", extension(b"unknown", b"permessage-deflate")),
    "two bad offers and a good one": (
        b"/",
        extension(b"permessage-deflate; a, permessage-deflate; b, permessage-deflate"),
    ),
    "upper case name": (b"/", extension(b"PERMESSAGE-DEFLATE")),
    "every parameter": (
        b"/",
        extension(
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
            b" server_max_window_bits=11; client_max_window_bits=10"
        ),
    ),
}

ANSWERED: dict[str, tuple[bytes, Headers, tuple[bytes, ...]]] = {
    "latin-1 Host": (b"/", [(b"Host", b"b\xfccher.example")], (b"host",)),
    "absent Host": (b"/", [], (b"host",)),
    "two Hosts": (b"/", [(b"Host", b"other")], ()),
    "empty Host": (b"/", [(b"Host", b"")], (b"host",)),
    "Content-Length 5": (b"/", [(b"Content-Length", b"5")], ()),
    "Transfer-Encoding": (b"/", [(b"Transfer-Encoding", b"chunked")], ()),
    "raw latin-1 path": (b"/caf\xe9", [], ()),
    "absolute target": (b"http://localhost/path", [], ()),
    "asterisk target": (b"*", [], ()),
    "target without a slash": (b"path", [], ()),
    "fragment": (b"/path#fragment", [], ()),
    "two versions": (b"/", [(b"Sec-WebSocket-Version", b"8")], ()),
    "same version twice": (b"/", [(b"Sec-WebSocket-Version", b"13")], ()),
    "two upgrades": (b"/", [(b"Upgrade", b"h2c"), (b"Upgrade", b"websocket")], (b"upgrade",)),
    "upper case upgrade": (b"/", [(b"Upgrade", b"WebSocket")], (b"upgrade",)),
    "connection with more": (b"/", [(b"Connection", b"keep-alive, Upgrade")], (b"connection",)),
}


async def answers(http: str, target: bytes, headers: Headers, omit: tuple[bytes, ...] = ()) -> list[bytes]:
    """What each codec answers, up to the end of the headers; a connection that is opened must work."""
    found = []
    for protocol in (wsproto.Protocol, websockets.Protocol):
        settings: dict[str, Any] = {"date_header": False, "warnings": None}
        async with serve(App(echo), ws=protocol, http=http, **settings) as server, server.connect() as client:
            await client.request(target, headers, omit=omit)
            response = await client.head()
            found.append(client.raw.partition(b"\r\n\r\n")[0])
            if response.status == 101:
                await works(client)
            else:
                assert 400 <= response.status < 500
    return found


async def works(client: Client) -> None:
    """Exchange messages; short ones go out uncompressed."""
    for text in ("one", "two"):
        await client.send_text(text)
        await client.expect_text(text)


@pytest.mark.parametrize("case", SOUND)
async def test_h15_sound_request_is_a_101_from_both_codecs(http: str, case: str) -> None:
    if http == "zttp" and case.startswith("200 headers"):
        pytest.skip("zttp takes at most 100 headers: uvicorn answers 400 itself")
    one, other = await answers(http, *SOUND[case])
    assert one == other
    assert one.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("case", ANSWERED)
async def test_h15_odd_request_is_answered_alike_by_both_codecs(http: str, case: str) -> None:
    if http == "zttp" and case == "raw latin-1 path":
        pytest.skip("uvicorn's zttp protocol raises UnicodeDecodeError on such a target and never hands it on")
    one, other = await answers(http, *ANSWERED[case])
    assert one == other


@pytest.mark.parametrize(
    ("target", "path", "raw_path", "query_string"),
    [
        (b"/", "/", b"/", b""),
        (b"/a/b?x=1&y=%20+", "/a/b", b"/a/b", b"x=1&y=%20+"),
        (b"/caf%C3%A9/%2Fx%2f", "/café//x/", b"/caf%C3%A9/%2Fx%2f", b""),
        (b"/%ff%FE", "/\ufffd\ufffd", b"/%ff%FE", b""),
        (b"/%zz%", "/%zz%", b"/%zz%", b""),
        (b"/a?b?c", "/a", b"/a", b"b?c"),
        (b"//double//", "//double//", b"//double//", b""),
        (b"/a;b=c,d", "/a;b=c,d", b"/a;b=c,d", b""),
        (b"/?", "/", b"/", b""),
    ],
)
async def test_h19_target_is_byte_exact(
    start: Start, target: bytes, path: str, raw_path: bytes, query_string: bytes
) -> None:
    app = App(echo)
    async with start(app) as server, server.open(target):
        scope = app.calls[0].scope
        assert (scope["path"], scope["raw_path"], scope["query_string"]) == (path, raw_path, query_string)


async def test_h19_headers_are_byte_exact_in_the_order_received(start: Start) -> None:
    app = App(echo)
    sent: Headers = [
        (b"X-Repeated", b"1"),
        (b"Cookie", b"a=1; b=2"),
        (b"x-repeated", b"2"),
        (b"X-Latin", b"J\xf6rg"),
        (b"X-Empty", b""),
        (b"X-Repeated", b"1"),
        (b"X-Inner", b"a  b\tc"),
    ]
    async with start(app) as server, server.open(headers=sent):
        expected = [
            (b"host", b"localhost"),
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-key", KEY),
            (b"sec-websocket-version", b"13"),
        ]
        assert list(app.calls[0].scope["headers"]) == expected + [(name.lower(), value) for name, value in sent]


async def test_h19_every_line_of_subprotocols_is_read(start: Start) -> None:
    app = App(echo)
    offer = [(b"Sec-WebSocket-Protocol", b"a, b ,c"), (b"X-Between", b"1"), (b"sec-websocket-protocol", b"d,e")]
    async with start(app) as server, server.open(headers=offer):
        assert list(app.calls[0].scope["subprotocols"]) == ["a", "b", "c", "d", "e"]


async def test_h19_root_path_stands_before_the_path(start: Start) -> None:
    app = App(echo)
    async with start(app, root_path="/root") as server, server.open(b"/a%20b"):
        scope = app.calls[0].scope
        assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/root", "/root/a b", b"/root/a%20b")


async def test_h19_the_rest_of_the_scope(start: Start) -> None:
    app = App(echo)
    async with start(app) as server, server.open() as client:
        scope = app.calls[0].scope
        assert scope["type"] == "websocket"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert scope["http_version"] == "1.1"
        assert scope["scheme"] == "ws"
        assert scope["client"] == client.wire.socket.getsockname()
        assert scope["server"] == server.address
        assert scope["subprotocols"] == []
        assert scope["extensions"].keys() == {"websocket.http.response", "safews"}
        assert scope["extensions"]["websocket.http.response"] == {}
        assert scope["state"] == {}
