from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.code_blocks import DOCS, PAGES, name_of
from tests.installed import ROOT

ROWS = [
    *(f"H{number}" for number in range(1, 21)),
    *(f"O{number}" for number in range(1, 12)),
    *("O6a", "O8a", "O8b", "O8c", "O8d"),
    *(f"C{number}" for number in range(1, 16)),
    *("C8a", "C12a"),
]


def without_code(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```$", "", text, flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8")))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def table(page: Path, first: str) -> list[list[str]]:
    """The rows of the table whose head begins with that cell, head included."""
    lines = page.read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_names_every_page() -> None:
    named = {link.partition("#")[0] for link in links(DOCS / "index.md")}
    assert {page.name for page in DOCS.glob("*.md")} - named == {"index.md"}


def test_the_options_of_the_readme_are_the_options() -> None:
    pages = [table(page, "Option") for page in (ROOT / "README.md", DOCS / "options.md")]
    short, full = ([row[:3] for row in page] for page in pages)
    assert short == full


@pytest.mark.parametrize("row", ROWS)
def test_every_row_of_the_contract_is_described_once(row: str) -> None:
    text = (DOCS / "behaviour.md").read_text(encoding="utf-8")
    assert len(re.findall(rf"^\| {row} \|", text, flags=re.MULTILINE)) == 1


def test_no_row_is_described_that_is_not_in_the_contract() -> None:
    text = (DOCS / "behaviour.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([HOC]\d+[a-z]?) \|", text, flags=re.MULTILINE) == sorted(
        ROWS, key=lambda row: ("HOC".index(row[0]), int(re.findall(r"\d+", row)[0]), row)
    )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_row_of_a_table_has_the_cells_of_its_head(page: Path) -> None:
    width = 0
    for line in without_code(page.read_text(encoding="utf-8")).splitlines():
        cells = line.replace("\\|", "").count("|") - 1 if line.startswith("|") else 0
        assert cells in (0, width) or width == 0, line
        width = cells


def test_every_make_target_in_the_docs_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text))
    assert {"run", "test"} <= named <= targets


def test_every_module_stands_in_the_design() -> None:
    text = (DOCS / "design.md").read_text(encoding="utf-8")
    modules = [path.name for path in (ROOT / "safews").glob("*.py")]
    assert [module for module in sorted(modules) if f"`{module}`" not in text] == []


def lines_of_the_log() -> list[str]:
    """What safews gives to its loggers, with a place for each value."""
    found = []
    for path in sorted((ROOT / "safews").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="logger" | "_logger"))):
                    found += [str(word.value) for word in node.args if isinstance(word, ast.Constant)]
    return found


def test_every_line_of_the_log_is_described() -> None:
    text = (DOCS / "logging.md").read_text(encoding="utf-8")
    lines = lines_of_the_log()
    assert len(lines) > 20
    parts = [part.strip() for line in lines for part in re.split(r"%[-.\d]*[a-z]", line)]
    assert [part for part in parts if part not in text] == []


def test_every_field_of_the_close_record_is_described() -> None:
    text = (DOCS / "logging.md").read_text(encoding="utf-8")
    source = (ROOT / "safews" / "_report.py").read_text(encoding="utf-8")
    fields = re.findall(r'"(websocket_\w+)":', source)
    assert fields
    assert [field for field in fields if f"`{field}`" not in text] == []
