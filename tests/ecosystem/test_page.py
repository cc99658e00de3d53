from __future__ import annotations

from tests.ecosystem.__main__ import DATA, PAGE
from tests.ecosystem.frameworks import FRAMEWORKS, TITLES
from tests.ecosystem.page import page
from tests.records import recorded


def test_the_page_is_that_of_the_last_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(recorded(DATA)[-1])


def test_every_framework_has_a_title() -> None:
    assert [framework.name for framework in FRAMEWORKS] == [*TITLES]
