from __future__ import annotations

import re

import pytest
from uvicorn.main import main

from tests.contract.helpers_stock import SEEN_IN
from tests.harness import UVICORN_VERSION
from tests.installed import ROOT
from tests.migrate import denials, endings, flags, handshakes, log, messages
from tests.migrate.observing import IMPLEMENTATIONS, OBSERVATIONS, Observation, implementation

# The own implementation on the legacy API of the library is deprecated all over.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAGE = ROOT / "docs" / "migrate.md"

TOO_OLD = pytest.mark.skipif(UVICORN_VERSION < SEEN_IN, reason="the own implementations of this uvicorn are older")

ELSEWHERE = {
    "a shutdown": "test_protocol.py::test_it_is_one_line_for_the_server",
    "`--timeout-graceful-shutdown`": "contract/test_c_cancelled.py::test_c15_timeout_graceful_shutdown",
    "`--no-access-log`": "contract/test_c_record.py::test_record_only_with_access_log",
}
"""Rows whose test is another one, by its file and name."""

MODULES = (denials, endings, flags, handshakes, log, messages)
"""Each makes its observations when it is imported."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name.startswith("ours") else TOO_OLD) for name in IMPLEMENTATIONS]
)
@pytest.mark.parametrize("observation", [pytest.param(each, id=each.observe.__name__) for each in OBSERVATIONS])
async def test_what_the_page_says_is_so(observation: Observation, name: str) -> None:
    assert await observation.observe(implementation(name)) == observation.expected[name]


def test_every_flag_of_uvicorn_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    named = {*re.findall(r"`(?:[^`]* )?(--[\w-]+)", text)}
    families = tuple(flag for flag in named if flag.endswith("-"))
    flags = [param for param in main.params if param.expose_value and param.opts != ["app"]]
    assert len(flags) > 40
    missing = [flag.opts[0] for flag in flags if not named & {*flag.opts, *flag.secondary_opts}]
    assert [flag for flag in missing if not flag.startswith(families)] == []


def rows() -> set[str]:
    """What stands in the first columns of the page's tables, but for the last."""
    tables, _, _ = PAGE.read_text(encoding="utf-8").partition("## Options for those who switch")
    found = re.findall(r"^\| (.+?) \| ", tables, flags=re.MULTILINE)
    return {row for row in found if row not in ("When", "Flag", "---")}


def test_every_row_of_the_page_has_its_test() -> None:
    observed = {row for observation in OBSERVATIONS for row in observation.rows}
    assert rows() - observed == ELSEWHERE.keys()
    assert observed <= rows()
    for test in ELSEWHERE.values():
        file, _, name = test.partition("::")
        assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")
