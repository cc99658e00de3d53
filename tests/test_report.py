from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from uvicorn.logging import TRACE_LOG_LEVEL

from safews import _report
from safews._close import ClosedBy, CloseRecord
from safews._report import Report, Totals
from tests.harness.logs import Logs, captured

WHO = '192.0.2.1:4000 - "WebSocket /chat?room=1"'


@pytest.fixture
def logs() -> Iterator[Logs]:
    with captured(logging.DEBUG) as logs:
        yield logs


def scope(**changes: Any) -> dict[str, Any]:
    return {"client": ("192.0.2.1", 4000), "path": "/chat", "query_string": b"room=1", **changes}


@pytest.fixture
def report() -> Report:
    return Report(scope())


def only(logs: Logs) -> logging.LogRecord:
    """The one record there is."""
    (record,) = logs.records
    assert record.name == "uvicorn.error"
    return record


def line(logs: Logs, level: int) -> str:
    """The text of the one record there is, which has this level and no traceback."""
    record = only(logs)
    assert (record.levelno, record.exc_info) == (level, None)
    return record.getMessage()


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


class TestWho:
    def test_is_whom_a_proxys_header_named(self, logs: Logs) -> None:
        seen = scope()
        report = Report(seen)
        seen["client"] = ("198.51.100.7", 0)
        report.accepted()
        assert line(logs, logging.INFO) == '198.51.100.7:0 - "WebSocket /chat?room=1" [accepted]'

    @pytest.mark.parametrize("client", [["192.0.2.9", 1], ("192.0.2.9",), "192.0.2.9", 9])
    def test_is_the_peer_where_the_app_has_put_something_odd(self, logs: Logs, client: object) -> None:
        seen = scope()
        report = Report(seen)
        seen.update(client=client, path=None)
        report.accepted()
        assert line(logs, logging.INFO) == f"{WHO} [accepted]"

    def test_is_escaped(self, logs: Logs) -> None:
        Report(scope(client=("\x1b[31m\n", 0))).accepted()
        assert line(logs, logging.INFO).startswith("\\x1b[31m\\n:0 - ")


class TestHandshake:
    def test_accepted(self, report: Report, logs: Logs) -> None:
        report.accepted()
        assert line(logs, logging.INFO) == f"{WHO} [accepted]"

    def test_rejected(self, report: Report, logs: Logs) -> None:
        report.rejected(403)
        assert line(logs, logging.INFO) == f"{WHO} 403"

    def test_accept_timeout(self, report: Report, logs: Logs) -> None:
        report.accept_timeout(2.5, answering=False)
        assert line(logs, logging.WARNING) == f"{WHO} 504: the app has not answered within 2.5 s"

    def test_accept_timeout_of_a_response_under_way(self, report: Report, logs: Logs) -> None:
        report.accept_timeout(2.5, answering=True)
        assert line(logs, logging.WARNING) == f"{WHO}: the app has not ended its response within 2.5 s"

    def test_not_answered(self, report: Report, logs: Logs) -> None:
        report.not_answered()
        assert line(logs, logging.ERROR).endswith("returned without completing handshake.")

    def test_denial_cut(self, report: Report, logs: Logs) -> None:
        report.denial_cut()
        assert line(logs, logging.ERROR).endswith("returned without completing its response.")

    def test_a_client_without_an_address(self, logs: Logs) -> None:
        Report(scope(client=None)).accepted()
        assert line(logs, logging.INFO) == ' - "WebSocket /chat?room=1" [accepted]'

    def test_the_path_is_quoted(self, logs: Logs) -> None:
        Report(scope(path="/a\nb\u2028c", query_string=b"")).accepted()
        assert '"WebSocket /a%0Ab%E2%80%A8c"' in line(logs, logging.INFO)

    def test_a_client_that_a_proxys_headers_have_corrected(self, logs: Logs) -> None:
        corrected = scope()
        report = Report(corrected)
        corrected["client"] = ("198.51.100.7", 0)
        report.accepted()
        assert line(logs, logging.INFO).startswith("198.51.100.7:0 - ")

    def test_refused(self, report: Report, logs: Logs) -> None:
        report.refused(400, "no key")
        assert line(logs, logging.WARNING) == f"{WHO} 400 refused: no key"

    def test_handshake_failed(self, logs: Logs) -> None:
        _report.handshake_failed(("192.0.2.1", 4000), LookupError("no\nsuch thing"))
        expected = r"192.0.2.1:4000 - WebSocket handshake failed: LookupError: 'no\nsuch thing'"
        assert logs.warnings == [expected]

    def test_handshake_failed_without_an_address(self, logs: Logs) -> None:
        _report.handshake_failed(None, LookupError("no such thing"))
        assert logs.warnings[0].startswith(" - ")


class TestTransport:
    """The lines that uvicorn's own protocols write at trace, in its words."""

    @pytest.fixture
    def traces(self) -> Iterator[Logs]:
        with captured(TRACE_LOG_LEVEL) as logs:
            yield logs

    @pytest.mark.parametrize(("client", "who"), [(("192.0.2.1", 4000), "192.0.2.1:4000 - "), (None, "")])
    def test_made_and_lost(self, traces: Logs, client: tuple[str, int] | None, who: str) -> None:
        _report.connection_made(client)
        _report.connection_lost(client)
        assert traces.lines(TRACE_LOG_LEVEL) == [
            f"{who}WebSocket connection made",
            f"{who}WebSocket connection lost",
        ]

    def test_at_debug_there_is_nothing(self, logs: Logs) -> None:
        _report.connection_made(None)
        _report.connection_lost(None)
        assert logs.records == []


class TestApp:
    def test_failed(self, report: Report, logs: Logs) -> None:
        error = raised(LookupError("no such thing"))
        report.failed(error)
        assert only(logs).levelno == logging.ERROR
        assert logs.tracebacks() == [error]

    def test_failed_after_the_end_is_one_line(self, report: Report, logs: Logs) -> None:
        report.failed_after_end(raised(LookupError("no\nsuch thing")))
        (warning,) = logs.at(logging.WARNING)
        text = warning.getMessage()
        assert text.startswith(WHO)
        assert r"LookupError: 'no\nsuch thing'" in text
        assert f"({__file__}:" in text
        assert warning.exc_info is None

    def test_failed_after_the_end_has_its_traceback_at_debug(self, report: Report, logs: Logs) -> None:
        error = raised(LookupError("no such thing"))
        report.failed_after_end(error)
        assert logs.tracebacks(logging.DEBUG) == [error]
        assert len(logs.records) == 2

    def test_cancelled(self, report: Report, logs: Logs) -> None:
        report.cancelled()
        assert line(logs, logging.WARNING) == f"{WHO} app cancelled"

    def test_wrong_result(self, report: Report, logs: Logs) -> None:
        report.wrong_result({"line": "\n"})
        assert line(logs, logging.ERROR).count("\n") == 0
        assert "should return None" in logs.errors[0]


TOTALS = Totals(seconds=12.34, messages_in=1, messages_out=2, bytes_in=30, bytes_out=40, round_trip=0.0123)


def closed(report: Report, record: CloseRecord, totals: Totals = TOTALS, level: int = logging.INFO) -> None:
    report.closed(record, totals, level)


class TestCloseRecord:
    def test_it_is_one_line(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(1000, "", ClosedBy.PEER, clean=True))
        assert line(logs, logging.INFO) == (
            f"{WHO} [closed] 1000 normal closure by peer, 12.3 s open, "
            "in 1 messages 30 bytes, out 2 messages 40 bytes, ping 12.3 ms"
        )

    def test_the_reason_is_escaped(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(4000, "a\nb\x1b[31m", ClosedBy.PEER, clean=True))
        assert r"4000 private use 'a\nb\x1b[31m' by peer" in line(logs, logging.INFO)

    def test_the_detail_is_in_parentheses(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(1006, "", ClosedBy.NETWORK, clean=False, detail="end of stream"))
        assert "1006 abnormal closure (end of stream) by network" in line(logs, logging.INFO)

    def test_both(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(1002, "why", ClosedBy.SERVER, clean=False, detail="bad opcode"))
        assert "1002 protocol error 'why' (bad opcode) by server" in line(logs, logging.INFO)

    def test_no_ping_was_answered(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(1000, "", ClosedBy.APP, clean=True), TOTALS._replace(round_trip=None))
        assert line(logs, logging.INFO).endswith(", ping -")

    def test_its_level_is_given(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(1012, "", ClosedBy.SERVER, clean=True), level=logging.DEBUG)
        assert only(logs).levelno == logging.DEBUG

    def test_the_same_as_fields(self, report: Report, logs: Logs) -> None:
        closed(report, CloseRecord(4000, "a\nb", ClosedBy.PEER, clean=True, detail="more"))
        fields = {name: value for name, value in vars(only(logs)).items() if name.startswith("websocket_")}
        assert fields == {
            "websocket_client": "192.0.2.1:4000",
            "websocket_path": "/chat?room=1",
            "websocket_close_code": 4000,
            "websocket_close_name": "private use",
            "websocket_close_reason": "a\nb",
            "websocket_close_detail": "more",
            "websocket_close_clean": True,
            "websocket_closed_by": "peer",
            "websocket_seconds": 12.34,
            "websocket_messages_in": 1,
            "websocket_messages_out": 2,
            "websocket_bytes_in": 30,
            "websocket_bytes_out": 40,
            "websocket_round_trip": 0.0123,
        }


def test_shutting_down(logs: Logs) -> None:
    _report.shutting_down(3, 1012)
    assert line(logs, logging.INFO) == "Closing 3 WebSocket connection(s) with code 1012"
