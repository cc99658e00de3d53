"""The check of the site's links, and the navigation that the site gets."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from tests.code_blocks import DOCS
from tests.loading import load

FINE = (
    '<p id="here"><a href="#here"></a><a href="b.html#there">b</a><img src="a%20b.png"><a href="https://e.org/x">x</a>'
)


@pytest.fixture(scope="module")
def check() -> ModuleType:
    """docs/check_site.py, which is no module of the package."""
    return load(DOCS / "check_site.py")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site of two pages and a picture."""
    (tmp_path / "a.html").write_text(FINE)
    (tmp_path / "b.html").write_text('<h1 id="there">b</h1>')
    (tmp_path / "a b.png").touch()
    return tmp_path


def test_a_site_without_a_broken_link(check: ModuleType, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(site)]) == 0
    assert capsys.readouterr().out == "2 pages; 1 links lead out, listed in external-links.txt and not followed\n"
    assert (site / "external-links.txt").read_text() == "https://e.org/x\n"


@pytest.mark.parametrize(
    ("link", "what"), [("c.html", "file"), ("b.html#nowhere", "anchor"), ("#nowhere", "anchor"), ("../", "file")]
)
def test_a_broken_link(check: ModuleType, site: Path, link: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    (site / "b.html").write_text(f'<h1 id="there">b</h1><a href="{link}">c</a>')
    assert check.main([str(site)]) == 1
    assert capsys.readouterr().out.splitlines()[0] == f"b.html: {link}: there is no such {what}"


def test_a_site_that_is_not_there(check: ModuleType, tmp_path: Path) -> None:
    assert check.main([str(tmp_path)]) == 1


def test_every_page_has_its_place_in_the_navigation() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    navigation = load(DOCS / "conf.py").navigation(index)
    pages = {line for line in navigation.splitlines() if line and line[0].isalpha()}
    assert pages == {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert navigation.count(":caption:") == 4


def table(head: list[str], *body: list[str]) -> str:
    """A table as Sphinx writes it."""
    rows = "".join(map(partial(row, "td"), body))
    return f'<p>Before.</p><table class="docutils align-default"><thead>{row("th", head)}</thead>{rows}</table>'


def row(tag: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}><p>{cell}</p></{tag}>' for cell in cells)}</tr>"


def adapted(body: str) -> str:
    """What becomes of a page's body."""
    context = {"body": body}
    load(DOCS / "conf.py").adapt_tables(None, "page", "page.html", context, None)
    return context["body"]


def test_a_table_of_prose_names_the_column_of_each_cell_but_the_first() -> None:
    prose = "as long as a sentence is"
    body = adapted(table(["When", "The <em>client</em>", "Log"], [prose, prose, prose], [prose, prose, ""]))
    assert 'class="prose docutils align-default"' in body
    named = f'<tr><td><p>{prose}</p></td><td data-column="The client"><p>{prose}</p></td><td data-column="Log"><p>'
    assert body.count(named) == 2


@pytest.mark.parametrize(
    "narrow", [table(["A", "B", "C"], ["1", "2", "3"]), table(["A", "B"], ["as long as a sentence is"] * 2)]
)
def test_other_tables_stay_as_they_are(narrow: str) -> None:
    assert adapted(narrow) == narrow


def test_the_site_is_of_this_version() -> None:
    from safews import __version__

    assert load(DOCS / "conf.py").release == __version__
