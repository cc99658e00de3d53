from __future__ import annotations

import pytest

from tests.conformance.expectations import Expectation, expand, expected_cases, read_table


class TestTable:
    def test_has_every_case_of_the_suite(self) -> None:
        assert len(expected_cases(quick=False)) == 517

    def test_the_quick_set_has_one_case_of_each_long_group(self) -> None:
        quick = expected_cases(quick=True)
        assert len(quick) == 517 - 12 * 17
        long = [case for case in quick if case.startswith(("12.", "13."))]
        assert long == [*expand("12.1-5.1"), *expand("13.1-7.1")]

    def test_nothing_else_is_informational(self) -> None:
        table = expected_cases(quick=False)
        informational = {case for case, expectation in table.items() if expectation.verdict == "INFORMATIONAL"}
        assert informational == {"7.1.6", "7.13.1", "7.13.2"}

    @pytest.mark.parametrize(
        ("case", "expectation"),
        [
            ("6.4.3", Expectation(closed_by_suite=False, code=1007, verdict="OK")),
            ("7.1.5", Expectation(closed_by_suite=True, code=None, verdict="OK")),
            ("7.9.9", Expectation(closed_by_suite=True, code=1002, verdict="OK")),
        ],
    )
    def test_says_what_a_case_must_give(self, case: str, expectation: Expectation) -> None:
        assert expected_cases(quick=True)[case] == expectation


class TestReadTable:
    def test_comments_and_empty_lines_say_nothing(self) -> None:
        assert read_table("# no\n\n server 1002 OK 1.1-2 # nor this\n").keys() == {"1.1", "1.2"}

    def test_no_case_stands_twice(self) -> None:
        with pytest.raises(ValueError, match=r"case 1\.2 stands in the table twice"):
            read_table("suite echo OK 1.1-2\nserver 1002 OK 1.2")

    @pytest.mark.parametrize(
        "row", ["client echo OK 1.1", "suite echo NON-STRICT 1.1", "suite echo OK", "suite 1000 OK 1.*", "suite x OK 1"]
    )
    def test_what_is_no_row_is_refused(self, row: str) -> None:
        with pytest.raises(ValueError, match=r"not a row|not a range|invalid literal"):
            read_table(row)


@pytest.mark.parametrize(
    ("cases", "expanded"),
    [("5.18", ["5.18"]), ("5.9-10", ["5.9", "5.10"]), ("12.1-2.1-2", ["12.1.1", "12.1.2", "12.2.1", "12.2.2"])],
)
def test_expand(cases: str, expanded: list[str]) -> None:
    assert list(expand(cases)) == expanded
