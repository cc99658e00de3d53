from __future__ import annotations

from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safews._deflate import DeflateParameters
from safews._handshake import Handshake, WebSocketScope
from tests.examples import examples

Headers = list[tuple[bytes, bytes]]

GOOD: Headers = [
    (b"host", b"example.org"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
]

# RFC 6455 section 1.3 has this key and its answer.
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)


def request(*more: tuple[bytes, bytes], target: bytes = b"/", headers: Headers = GOOD) -> bytes:
    lines = [b"GET %b HTTP/1.1" % target, *(b"%b: %b" % header for header in (*headers, *more)), b"", b""]
    return b"\r\n".join(lines)


def handshake(*more: tuple[bytes, bytes], target: bytes = b"/") -> Handshake:
    good = Handshake(request(*more, target=target))
    assert good.refusal is None
    return good


def offering(*lines: bytes) -> Handshake:
    return handshake(*((b"sec-websocket-protocol", line) for line in lines))


def accept(
    connection: Handshake, subprotocol: Any = None, headers: Any = (), default_headers: Any = ()
) -> list[tuple[bytes, bytes]]:
    """Accept, and return the headers after our own three."""
    answer = connection.accept(subprotocol=subprotocol, headers=headers, default_headers=default_headers)
    assert answer.startswith(SWITCHING)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=GOOD))
    client.receive_data(answer)
    response = client.next_event()
    assert isinstance(response, h11.InformationalResponse)
    assert client.trailing_data == (b"", False)
    return response.headers.raw_items()[3:]


def parsed(answer: bytes) -> tuple[h11.Response, bytes]:
    """Read a whole HTTP answer as a client does."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.their_state is h11.MUST_CLOSE
    assert client.trailing_data == (b"", False)
    return response, body


class TestRequest:
    def test_headers_are_kept_byte_by_byte_in_order(self) -> None:
        more = [(b"x-b", b"caf\xe9"), (b"x-a", b"a ,\tb"), (b"x-b", b""), (b"cookie", b"\x01=\x80\xff")]
        assert handshake(*more).headers == GOOD + more

    def test_names_are_lower_cased(self) -> None:
        assert (b"x-mixed", b"Value") in handshake((b"X-Mixed", b"Value")).headers

    def test_headers_are_bytes(self) -> None:
        assert {type(part) for header in handshake().headers for part in header} == {bytes}

    def test_target(self) -> None:
        connection = handshake(target=b"/caf%C3%A9/%2F?q=%C3%A9&r")
        assert (connection.path, connection.raw_path) == ("/caf\xe9//", b"/caf%C3%A9/%2F")
        assert connection.query_string == b"q=%C3%A9&r"

    def test_path_that_is_not_utf_8(self) -> None:
        assert handshake(target=b"/%FF%zz").path == "/\ufffd%zz"

    def test_absolute_form_target(self) -> None:
        connection = handshake(target=b"http://example.org/a?b")
        assert (connection.path, connection.raw_path, connection.query_string) == ("/a", b"/a", b"b")

    @pytest.mark.parametrize(
        ("lines", "offered"),
        [
            ((), []),
            ((b"",), []),
            ((b"chat",), ["chat"]),
            ((b"b, a", b"c ,,\td", b",b"), ["b", "a", "c", "d", "b"]),
            ((b"a b, c\xe9, d/e, f\x01, g",), ["g"]),
        ],
    )
    def test_subprotocols_are_the_tokens_of_every_line(self, lines: tuple[bytes, ...], offered: list[str]) -> None:
        assert offering(*lines).subprotocols == offered

    @pytest.mark.parametrize(
        ("lines", "origin"),
        [
            ((), None),
            ((b"",), ""),
            ((b"https://a.example",), "https://a.example"),
            ((b"https://caf\xe9.example",), "https://caf\xe9.example"),
            ((b"https://a.example", b"https://b.example"), "https://a.example, https://b.example"),
        ],
    )
    def test_origin(self, lines: tuple[bytes, ...], origin: str | None) -> None:
        assert handshake(*((b"origin", line) for line in lines)).origin == origin

    @pytest.mark.parametrize(
        ("more", "target"),
        [
            ([(b"cookie", b"c" * 9_000)], b"/"),
            ([(b"x-%d" % number, b"v" * 100) for number in range(200)], b"/"),
            ([], b"/" + b"p" * 60_000),
            ([], b"/?" + b"q" * 60_000),
        ],
    )
    def test_size_is_the_http_layers_to_limit(self, more: Headers, target: bytes) -> None:
        assert handshake(*more, target=target).headers == GOOD + more


class TestRefusal:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\r\n",
            b"\r\n\r\n",
            b"GET",
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 9_000,
            b"GET /\r\n\r\n",
            b"GET /\xe9 HTTP/1.1\r\nhost: x\r\n\r\n",
            b"\x16\x03\x01",
            request((b"x y", b"z")),
            request((b"x", b"a\0b")),
            request((b"content-length", b"-1")),
            request((b"content-length", b"1" * 30)),
            request((b"transfer-encoding", b"gzip")),
            request((b"host", b"second")),
            request(headers=GOOD[1:]),
            request(target=b"*"),
            request(target=b"/a b"),
            request((b"content-length", b"5")) + b"hello",
            request() + b"\x89\x00",
        ],
    )
    def test_400(self, data: bytes) -> None:
        refused = Handshake(data)
        assert refused.refusal is not None
        assert (refused.refusal.status, refused.refusal.headers) == (400, [])
        response, body = parsed(refused.reject(400, body=b"no"))
        assert (response.status_code, response.reason, body) == (400, b"Bad Request", b"no")

    def test_426_says_what_is_spoken(self) -> None:
        refused = Handshake(request(headers=[*GOOD[:-1], (b"sec-websocket-version", b"8")]))
        assert refused.refusal is not None
        response, _ = parsed(refused.reject(refused.refusal.status, headers=refused.refusal.headers))
        assert response.status_code == 426
        assert (b"sec-websocket-version", b"13") in response.headers

    def test_h11s_reason_is_told_on_one_short_line(self) -> None:
        refusal = Handshake(request((b"x\xe9", b"\x1b[31m" * 10_000))).refusal
        assert refusal is not None
        assert refusal.detail.startswith("not an HTTP request: \"illegal header line: bytearray(b'")
        assert refusal.detail.isascii()
        assert refusal.detail.isprintable()
        assert len(refusal.detail) < 200

    def test_nothing_is_known_of_what_is_not_http(self) -> None:
        refused = Handshake(b"\xff\r\n\r\n")
        assert (refused.headers, refused.subprotocols, refused.origin) == ([], [], None)
        assert (refused.path, refused.raw_path, refused.query_string) == ("", b"", b"")

    def test_path_and_headers_of_a_refused_request_are_known(self) -> None:
        headers = [header for header in GOOD if header[0] != b"upgrade"]
        refused = Handshake(request(target=b"/a?b", headers=headers))
        assert refused.refusal is not None
        assert (refused.path, refused.query_string, refused.headers) == ("/a", b"b", headers)

    def test_surplus_is_counted(self) -> None:
        refusal = Handshake(request() + b"12345").refusal
        assert refusal is not None
        assert refusal.detail == "5 bytes after the head of the request"

    def test_refusing_a_head_request_sends_no_body(self) -> None:
        refused = Handshake(request().replace(b"GET", b"HEAD", 1))
        assert refused.reject(400, body=b"no").endswith(b"\r\n\r\n")


class TestScope:
    @staticmethod
    def scope(connection: Handshake, root_path: str = "", state: dict[str, Any] | None = None) -> WebSocketScope:
        return connection.scope(
            scheme="wss",
            server=("127.0.0.1", 80),
            client=("127.0.0.2", 4711),
            root_path=root_path,
            asgi_version="3.0",
            state=state or {},
        )

    def test_every_key(self) -> None:
        protocol = (b"sec-websocket-protocol", b"a, b")
        assert self.scope(handshake(protocol, target=b"/caf%C3%A9?x=1")) == {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.2", 4711),
            "root_path": "",
            "path": "/caf\xe9",
            "raw_path": b"/caf%C3%A9",
            "query_string": b"x=1",
            "headers": [*GOOD, protocol],
            "subprotocols": ["a", "b"],
            "state": {},
            "extensions": {"websocket.http.response": {}},
        }

    @pytest.mark.parametrize(("root_path", "raw"), [("/root", b"/root/a%20b"), ("/\xe9", b"/\xc3\xa9/a%20b")])
    def test_root_path_comes_before_both_paths(self, root_path: str, raw: bytes) -> None:
        scope = self.scope(handshake(target=b"/a%20b"), root_path)
        assert (scope["root_path"], scope["path"], scope["raw_path"]) == (root_path, root_path + "/a b", raw)

    def test_state_is_a_shallow_copy(self) -> None:
        state: dict[str, Any] = {"pool": []}
        scope = self.scope(handshake(), state=state)
        scope["state"]["mine"] = 1
        assert state == {"pool": []}
        assert scope["state"]["pool"] is state["pool"]


class TestAccept:
    def test_bare(self) -> None:
        assert handshake().accept(subprotocol=None, headers=[], default_headers=[]) == SWITCHING + b"\r\n"

    def test_order(self) -> None:
        connection = handshake(
            (b"sec-websocket-protocol", b"chat"), (b"sec-websocket-extensions", b"permessage-deflate")
        )
        connection.negotiate(window_bits=15, context_takeover=True)
        headers = [(b"X-B", b"2"), (b"x-a", b"1"), (b"X-B", b"2"), (b"set-cookie", b"caf\xe9")]
        assert accept(connection, "chat", headers, [(b"date", b"now"), (b"server", b"u")]) == [
            (b"Sec-WebSocket-Protocol", b"chat"),
            (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
            (b"date", b"now"),
            (b"server", b"u"),
            *headers,
        ]

    @pytest.mark.parametrize("chosen", ["a", "b"])
    def test_subprotocol(self, chosen: str) -> None:
        assert accept(offering(b"a", b"b"), chosen) == [(b"Sec-WebSocket-Protocol", chosen.encode())]

    @pytest.mark.parametrize("subprotocol", [None, "", "b"])
    @pytest.mark.parametrize("lines", [[b"b"], [b"b", b"b"]])
    def test_subprotocol_among_the_headers_goes_out_once(self, subprotocol: str | None, lines: list[bytes]) -> None:
        headers = [(b"Sec-WebSocket-Protocol", line) for line in lines]
        assert accept(offering(b"a, b"), subprotocol, headers) == [(b"Sec-WebSocket-Protocol", b"b")]

    def test_empty_subprotocol_is_none(self) -> None:
        assert accept(offering(b"a"), "", [(b"sec-websocket-protocol", b"")]) == []

    def test_default_headers_that_would_break_the_answer_are_left_out(self) -> None:
        names = [b"Connection", b"content-length", b"Sec-WebSocket-Protocol", b"sec-websocket-accept", b"a b"]
        assert accept(offering(b"a"), None, (), [(name, b"1") for name in names]) == []

    @pytest.mark.parametrize("subprotocol", ["c", "A", "a ", "a, b", "caf\xe9", "\u2028", "a\r\nx: y"])
    def test_subprotocol_that_was_not_offered_is_named(self, subprotocol: str) -> None:
        with pytest.raises(ValueError, match="was not offered, only") as caught:
            accept(offering(b"a, b"), subprotocol)
        assert str(caught.value) == f"subprotocol {subprotocol!a} was not offered, only ['a', 'b']"

    def test_so_is_one_among_the_headers(self) -> None:
        with pytest.raises(ValueError, match=r"subprotocol 'c\\xe9' was not offered, only \[\]"):
            accept(handshake(), None, [(b"Sec-WebSocket-Protocol", b"c\xe9")])

    @pytest.mark.parametrize(("subprotocol", "lines"), [("a", [b"b"]), (None, [b"a", b"b"])])
    def test_two_subprotocols_are_named(self, subprotocol: str | None, lines: list[bytes]) -> None:
        with pytest.raises(ValueError, match=r"more than one subprotocol: \['a', 'b'\]"):
            accept(offering(b"a, b"), subprotocol, [(b"sec-websocket-protocol", line) for line in lines])

    @pytest.mark.parametrize("subprotocol", [b"a", 1, ["a"], False])
    def test_subprotocol_of_the_wrong_type_is_named(self, subprotocol: Any) -> None:
        with pytest.raises(TypeError, match="subprotocol must be str or None, not ") as caught:
            accept(offering(b"a"), subprotocol)
        assert repr(subprotocol) in str(caught.value)

    @pytest.mark.parametrize(
        "name",
        [
            b"sec-websocket-accept",
            b"Sec-WebSocket-Extensions",
            b"sec-websocket-key",
            b"sec-websocket-version",
            b"Upgrade",
            b"connection",
            b"Content-Length",
            b"transfer-encoding",
        ],
    )
    def test_forbidden_header_is_named(self, name: bytes) -> None:
        with pytest.raises(ValueError, match="is not the app's to send") as caught:
            accept(handshake(), None, [(b"x", b"y"), (name, b"value")])
        assert f"header {name!r} (b'value')" in str(caught.value)

    @pytest.mark.parametrize("header", [(b"x", b"a\r\ny: b"), (b"x\r\ny", b"a"), (b"x", b"a\0"), (b"", b"a")])
    def test_header_that_would_break_the_answer_is_refused(self, header: tuple[bytes, bytes]) -> None:
        with pytest.raises(ValueError, match="header"):
            accept(handshake(), None, [header])

    @pytest.mark.parametrize(
        ("subprotocol", "headers"),
        [("c", ()), (1, ()), (None, [(b"x", b"\n")]), (None, [("x", "y")]), (None, None), (None, [(b"upgrade", b"x")])],
    )
    def test_a_second_try_works(self, subprotocol: Any, headers: Any) -> None:
        connection = offering(b"a")
        with pytest.raises((TypeError, ValueError)):
            connection.accept(subprotocol=subprotocol, headers=headers, default_headers=())
        assert accept(connection, "a") == [(b"Sec-WebSocket-Protocol", b"a")]


class TestNegotiate:
    def test_every_line_counts_and_the_peer_is_told(self) -> None:
        lines = [b"foo", b"permessage-deflate; client_max_window_bits"]
        connection = handshake(*((b"sec-websocket-extensions", line) for line in lines))
        agreed = DeflateParameters(server_max_window_bits=11, client_max_window_bits=11)
        assert connection.negotiate(window_bits=11, context_takeover=True) == agreed
        answer = b"permessage-deflate; server_max_window_bits=11; client_max_window_bits=11"
        assert accept(connection) == [(b"Sec-WebSocket-Extensions", answer)]

    @pytest.mark.parametrize("line", [b"", b"foo", b"permessage-deflate; x", b"\xe9", b"permessage-deflate; ="])
    def test_without_agreement_there_is_no_header(self, line: bytes) -> None:
        connection = handshake((b"sec-websocket-extensions", line))
        assert connection.negotiate(window_bits=12, context_takeover=True) is None
        assert accept(connection) == []

    def test_nothing_is_agreed_unless_asked(self) -> None:
        assert accept(handshake((b"sec-websocket-extensions", b"permessage-deflate"))) == []


class TestReject:
    def test_whole_answer(self) -> None:
        answer = handshake().reject(
            503, headers=[(b"retry-after", b"5")], default_headers=[(b"server", b"u")], body=b"later"
        )
        assert answer == (
            b"HTTP/1.1 503 Service Unavailable\r\nserver: u\r\nretry-after: 5\r\n"
            b"Content-Length: 5\r\nConnection: close\r\n\r\nlater"
        )

    def test_without_a_body(self) -> None:
        assert handshake().reject(403) == (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def test_after_an_accept_that_failed(self) -> None:
        connection = handshake()
        with pytest.raises(ValueError, match="was not offered"):
            accept(connection, "x")
        response, _ = parsed(connection.reject(500))
        assert response.status_code == 500

    def test_after_a_denial_that_failed(self) -> None:
        connection = handshake()
        with pytest.raises(ValueError, match="not 99"):
            connection.deny_start(99, [], [])
        response, _ = parsed(connection.reject(500))
        assert response.status_code == 500

    def test_before_a_denials_head_is_out(self) -> None:
        connection = handshake()
        connection.deny_start(401, [(b"x", b"y")], [])
        response, _ = parsed(connection.reject(503))
        assert response.status_code == 503


class TestDenial:
    def test_in_parts(self) -> None:
        connection = handshake()
        connection.deny_start(401, [(b"x", b"y")], [(b"server", b"u")])
        response, body = parsed(connection.deny_body(b"one", True) + connection.deny_body(b"two", False))
        assert (response.status_code, body) == (401, b"onetwo")
        assert list(response.headers)[:2] == [(b"server", b"u"), (b"x", b"y")]

    def test_cut(self) -> None:
        connection = handshake()
        connection.deny_start(401, [(b"content-length", b"5")], [])
        assert connection.deny_cut().endswith(b"\r\ncontent-length: 5\r\nConnection: close\r\n\r\n")

    def test_a_second_try_works(self) -> None:
        connection = handshake()
        with pytest.raises(ValueError, match="b'x' has a control character"):
            connection.deny_start(401, [(b"x", b"\r")], [])
        connection.deny_start(402, [], [])
        response, _ = parsed(connection.deny_body(b"", False))
        assert response.status_code == 402


def check_answer(connection: Handshake) -> None:
    """Answer as the protocol does, with the first subprotocol, and read the answer as a client."""
    if connection.refusal is None:
        connection.negotiate(window_bits=12, context_takeover=True)
        subprotocol = next(iter(connection.subprotocols), None)
        answer = connection.accept(subprotocol=subprotocol, headers=(), default_headers=())
        # The key is whatever it has become.
        assert answer.startswith(SWITCHING.partition(b"Sec-WebSocket-Accept")[0])
        return
    refusal = connection.refusal
    assert refusal.detail.isascii()
    assert refusal.detail.isprintable()
    assert len(refusal.detail) < 250
    response, _ = parsed(connection.reject(refusal.status, headers=refusal.headers))
    assert response.status_code in (400, 426)


NAMES = st.sampled_from(
    [
        *(name for name, _ in GOOD),
        b"sec-websocket-extensions",
        b"sec-websocket-protocol",
        b"origin",
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"x",
    ]
)
VALUES = st.one_of(
    st.binary(max_size=20),
    st.text('0123456789abc,;=" \t\\\xe9', max_size=20).map(lambda text: text.encode("latin-1")),
    st.sampled_from([b"", b"0", b"13", b"100-continue", b"close", b"upgrade, close", b"permessage-deflate; x=1"]),
)


class TestAlwaysAnAnswer:
    @examples(300)
    @given(st.binary(max_size=200))
    @example(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    @example(b"CONNECT x:1 HTTP/1.1\r\nhost: x\r\nupgrade: x\r\n\r\n")
    @example(b"GET / HTTP/1.0\r\n\r\n")
    def test_whatever_the_bytes(self, data: bytes) -> None:
        check_answer(Handshake(data))

    @examples(300)
    @given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    def test_whatever_is_added_to_a_good_request(self, more: Headers) -> None:
        check_answer(Handshake(request(*more)))

    @examples(200)
    @given(NAMES, VALUES, st.sampled_from([b"/", b"*", b"/%ff?\xe9", b"http://x", b"x:80", b"//"]))
    def test_whatever_replaces_a_part(self, name: bytes, value: bytes, target: bytes) -> None:
        headers = [(field, value if field == name else good) for field, good in GOOD]
        check_answer(Handshake(request(target=target, headers=headers)))

    @examples(200)
    @given(st.data())
    def test_wherever_a_good_request_is_damaged(self, data: st.DataObject) -> None:
        good = request((b"sec-websocket-protocol", b"a, b"), (b"sec-websocket-extensions", b"permessage-deflate"))
        start = data.draw(st.integers(0, len(good)))
        end = data.draw(st.integers(start, min(start + 5, len(good))))
        check_answer(Handshake(good[:start] + data.draw(st.binary(max_size=3)) + good[end:]))
