from __future__ import annotations

from http import HTTPStatus
from typing import Any

import h11
import pytest

from safews._answer import Answer, reason_phrase

Headers = list[tuple[bytes, bytes]]


def server() -> h11.Connection:
    """An h11 connection that has read a request for a WebSocket."""
    conn = h11.Connection(h11.SERVER)
    conn.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    assert isinstance(conn.next_event(), h11.Request)
    return conn


def started(status: int, headers: Any = (), default_headers: Any = ()) -> Answer:
    return Answer(server(), status, headers, default_headers)


def head(answer: Answer, body: bytes = b"", *, more: bool = False) -> list[bytes]:
    """The lines of the head that goes out with the first part."""
    return answer.body(body, more).partition(b"\r\n\r\n")[0].split(b"\r\n")


class TestReason:
    def test_registered(self) -> None:
        assert reason_phrase(403) == b"Forbidden"

    def test_not_registered(self) -> None:
        assert reason_phrase(599) == b""


class TestStart:
    @pytest.mark.parametrize("status", [200, 299, 404, 499, 599, HTTPStatus.IM_A_TEAPOT])
    def test_status(self, status: int) -> None:
        assert head(started(status))[0] == b"HTTP/1.1 %d %b" % (status, reason_phrase(status))

    @pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 600, 1000])
    def test_bad_status_is_named(self, status: int) -> None:
        with pytest.raises(ValueError, match=f"from 200 to 599, not {status}$"):
            started(status)

    def test_bad_header_is_named(self) -> None:
        with pytest.raises(ValueError, match="b'x-a' has a control character"):
            started(403, [(b"x-a", b"1\r\nx-b: 2")])

    def test_default_headers_come_first_then_the_apps_in_order(self) -> None:
        answer = started(403, [(b"x-b", b"2"), (b"X-A", b"1"), (b"x-b", b"2")], [(b"date", b"now"), (b"server", b"u")])
        assert head(answer)[1:] == [
            b"date: now",
            b"server: u",
            b"x-b: 2",
            b"X-A: 1",
            b"x-b: 2",
            b"Content-Length: 0",
            b"Connection: close",
        ]

    @pytest.mark.parametrize("name", [b"Connection", b"transfer-encoding", b"content-length"])
    def test_default_headers_do_not_frame_the_answer(self, name: bytes) -> None:
        assert head(started(403, (), [(name, b"7")]))[1:] == [b"Content-Length: 0", b"Connection: close"]

    def test_the_apps_connection_and_transfer_encoding_are_ignored(self) -> None:
        headers = [(b"Connection", b"keep-alive"), (b"Transfer-Encoding", b"gzip")]
        assert head(started(403, headers))[1:] == [b"Content-Length: 0", b"Connection: close"]

    def test_upgrade_is_named_in_connection(self) -> None:
        lines = head(started(426, [(b"Upgrade", b"websocket")]))
        assert lines[1:] == [b"Upgrade: websocket", b"Content-Length: 0", b"Connection: close, Upgrade"]

    @pytest.mark.parametrize("length", [b"", b"x", b"-1", b"+1", b"1, 1", b"1.0", b"1" * 21])
    @pytest.mark.parametrize("status", [200, 304])
    def test_bad_content_length_is_named(self, status: int, length: bytes) -> None:
        with pytest.raises(ValueError, match="is not one number") as caught:
            started(status, [(b"content-length", length)])
        assert repr(length) in str(caught.value)

    def test_second_content_length_is_named(self) -> None:
        with pytest.raises(ValueError, match=r"Content-Length \[b'1', b'1'\] is not one number"):
            started(200, [(b"content-length", b"1"), (b"Content-Length", b"1")])

    def test_a_second_try_works(self) -> None:
        conn = server()
        for status, headers in ((99, []), (403, [(b"a b", b"1")]), (403, [(b"content-length", b"x")])):
            with pytest.raises(ValueError, match=r"not 99|is not"):
                Answer(conn, status, headers, ())
        assert Answer(conn, 403, (), ()).body(b"", False).startswith(b"HTTP/1.1 403 Forbidden\r\n")


class TestBody:
    def test_one_part_has_its_length(self) -> None:
        assert started(403).body(b"hello", False) == (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
        )

    def test_several_parts_are_chunks_sent_one_by_one(self) -> None:
        answer = started(403)
        assert answer.body(b"hello", True) == (
            b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
        )
        assert answer.body(b"you", True) == b"3\r\nyou\r\n"
        assert answer.body(b"all", False) == b"3\r\nall\r\n0\r\n\r\n"

    def test_an_empty_part_does_not_end_the_body(self) -> None:
        answer = started(403)
        assert answer.body(b"", True).endswith(b"\r\n\r\n")
        assert answer.body(b"", True) == b""
        assert answer.body(b"", False) == b"0\r\n\r\n"

    def test_parts_of_a_declared_length(self) -> None:
        answer = started(403, [(b"content-length", b"8")])
        assert answer.body(b"hello", True) == (
            b"HTTP/1.1 403 Forbidden\r\ncontent-length: 8\r\nConnection: close\r\n\r\nhello"
        )
        assert answer.body(b"you", True) == b"you"
        assert answer.body(b"", False) == b""

    def test_more_than_declared_is_refused_and_not_sent(self) -> None:
        answer = started(403, [(b"content-length", b"8")])
        answer.body(b"hello", True)
        with pytest.raises(ValueError, match="body of 10 bytes, but Content-Length is 8"):
            answer.body(b"world", True)
        assert answer.body(b"you", False) == b"you"

    def test_less_than_declared_is_no_end(self) -> None:
        answer = started(403, [(b"content-length", b"8")])
        with pytest.raises(ValueError, match="body of 5 bytes, but Content-Length is 8"):
            answer.body(b"hello", False)
        assert answer.body(b"12345678", False).endswith(b"\r\n\r\n12345678")

    @pytest.mark.parametrize("status", [204, 304])
    @pytest.mark.parametrize("more", [True, False])
    def test_204_and_304_have_no_body(self, status: int, more: bool) -> None:
        answer = started(status)
        assert answer.body(b"hello", more) == (
            b"HTTP/1.1 %d %b\r\nConnection: close\r\n\r\n" % (status, reason_phrase(status))
        )

    def test_204_has_no_content_length(self) -> None:
        assert head(started(204, [(b"content-length", b"5")]), b"hello")[1:] == [b"Connection: close"]

    def test_304_may_have_the_content_length_of_the_200(self) -> None:
        answer = started(304, [(b"content-length", b"5")])
        assert answer.body(b"", False).endswith(b"\r\ncontent-length: 5\r\nConnection: close\r\n\r\n")


class TestCut:
    def test_head_goes_out_without_an_end(self) -> None:
        assert started(403).cut() == (
            b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )

    def test_declared_length_is_kept(self) -> None:
        assert started(403, [(b"content-length", b"5")]).cut() == (
            b"HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\nConnection: close\r\n\r\n"
        )

    def test_204_is_complete(self) -> None:
        assert started(204).cut() == b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"

    @pytest.mark.parametrize("more", [True, False])
    def test_nothing_follows_what_has_been_sent(self, more: bool) -> None:
        answer = started(403)
        answer.body(b"hello", more)
        assert answer.cut() == b""

    def test_after_a_refused_part(self) -> None:
        answer = started(403, [(b"content-length", b"1")])
        with pytest.raises(ValueError, match="body of 5 bytes"):
            answer.body(b"hello", False)
        assert answer.cut().endswith(b"content-length: 1\r\nConnection: close\r\n\r\n")
