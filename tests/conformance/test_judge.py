from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.expectations import Expectation
from tests.conformance.judge import MOST_LINES, problems_of_case, problems_of_log, problems_of_run
from tests.conformance.samples import ECHOED, REFUSED, log_of, passed, refused


class TestCase:
    @pytest.mark.parametrize(("case", "expectation"), [(passed(), ECHOED), (refused(), REFUSED)])
    def test_nothing_is_off(self, case: dict[str, Any], expectation: Expectation) -> None:
        assert list(problems_of_case(case, expectation)) == []

    def test_neither_code_nor_reason_is_an_echo_of_neither(self) -> None:
        assert list(problems_of_case(passed(localCloseCode=None, remoteCloseCode=None), ECHOED)) == []

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"behavior": "NON-STRICT"}, "NON-STRICT: the result"),
            ({"behavior": "INFORMATIONAL"}, "INFORMATIONAL: the result"),
            ({"behaviorClose": "UNCLEAN"}, "close UNCLEAN: the result of the close"),
            ({"closedByMe": False}, "closed by the server"),
            ({"remoteCloseCode": None}, "Close (None, None), not an echo of (1000, None)"),
            ({"remoteCloseReason": "why"}, "Close (1000, 'why'), not an echo of (1000, None)"),
            ({"wasClean": False, "wasNotCleanReason": "dropped"}, "not clean: dropped"),
            ({"wasCloseHandshakeTimeout": True}, "wasCloseHandshakeTimeout"),
            ({"wasServerConnectionDropTimeout": True}, "wasServerConnectionDropTimeout"),
            ({"failedByMe": True}, "the suite has given up"),
            ({"droppedByMe": True}, "the suite has given up"),
        ],
    )
    def test_what_is_off_in_an_echo(self, changes: dict[str, Any], problem: str) -> None:
        assert list(problems_of_case(passed(**changes), ECHOED)) == [problem]

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"closedByMe": True}, "closed by the suite"),
            ({"remoteCloseCode": None}, "Close None, not 1002"),
            ({"remoteCloseCode": 1007}, "Close 1007, not 1002"),
        ],
    )
    def test_what_is_off_in_a_refusal(self, changes: dict[str, Any], problem: str) -> None:
        assert list(problems_of_case(refused(**changes), REFUSED)) == [problem]


class TestRun:
    def test_nothing_is_off(self) -> None:
        assert problems_of_run({"1.1": passed(), "1.2": refused()}, {"1.1": ECHOED, "1.2": REFUSED}) == {}

    def test_each_case_is_judged_by_its_own_row(self) -> None:
        found = problems_of_run({"1.1": passed(), "1.2": passed()}, {"1.1": ECHOED, "1.2": REFUSED})
        assert found == {"1.2": ["closed by the suite", "Close 1000, not 1002"]}

    def test_missing_and_unknown_cases_in_the_order_of_the_suite(self) -> None:
        found = problems_of_run({"2.9": passed()}, {"2.10": ECHOED, "2.8": ECHOED})
        assert list(found.items()) == [
            ("2.8", ["was not run"]),
            ("2.9", ["is not in the table"]),
            ("2.10", ["was not run"]),
        ]


class TestLog:
    def test_nothing_is_off(self) -> None:
        cases = {"1": passed(), "2": refused(), "3": passed(remoteCloseCode=None)}
        assert list(problems_of_log(log_of(1000, 1002, 1005), cases)) == []

    @pytest.mark.parametrize(
        "line",
        [
            "Traceback (most recent call last):",
            'WARNING:  127.0.0.1:50000 - "WebSocket /" 400 refused: bad',
            'WARNING:  127.0.0.1:50000 - "WebSocket /" [accepted]',
            "INFO:     Waiting for connections to close. (CTRL+C to force quit)",
            "/usr/lib/x.py:1: ResourceWarning: unclosed transport",
        ],
    )
    def test_any_other_line(self, line: str) -> None:
        assert list(problems_of_log(f"{log_of(1000)}{line}\n", {"1": passed()})) == [f"unexpected: {line}"]

    def test_not_every_line_of_a_flood_is_shown(self) -> None:
        *shown, rest = problems_of_log(log_of(1000) + "x\n" * (MOST_LINES + 3), {"1": passed()})
        assert shown == ["unexpected: x"] * MOST_LINES
        assert rest == "3 more unexpected lines"

    def test_a_connection_that_is_missing_or_too_many(self) -> None:
        assert list(problems_of_log(log_of(), {"1": passed()})) == [
            "0 connections accepted, not 1",
            "close records of {} that the suite has not seen, none of {1000: 1}",
        ]

    def test_a_close_record_with_another_code(self) -> None:
        assert list(problems_of_log(log_of(1006), {"1": passed()})) == [
            "close records of {1006: 1} that the suite has not seen, none of {1000: 1}"
        ]
