"""The site: what Sphinx makes of these pages, in ``site/``, by ``make docs``.

The pages are Markdown as GitHub shows it. What a site needs besides is added here while they are read: the navigation,
which is the list of index.md, and a place for the links that lead out of docs/.
"""

from __future__ import annotations

import re
from itertools import cycle
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer

ROOT = Path(__file__).parent.parent
project = "safews"
author = copyright = "The safews developers"
(release,) = re.findall(r'^__version__ = "(.+)"$', (ROOT / "safews" / "__init__.py").read_text(), re.MULTILINE)

extensions = ["myst_parser"]
exclude_patterns = ["examples", "theme"]
source_suffix = {".md": "markdown"}
root_doc = "index"
nitpicky = True

myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = f"safews {release}"
html_static_path = ["theme"]
html_css_files = ["site.css"]
html_copy_source = False
html_use_index = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def navigation(index: str) -> str:
    """Return the navigation that index.md's lists are: a caption for each, and its pages in their order."""
    parts = []
    for caption, items in re.findall(r"^([^\n]+):\n\n((?:- .*\n(?:  .*\n)*)+)", index, flags=re.MULTILINE):
        pages = "\n".join(re.findall(r"^- \[[^]]+\]\((\w+)\.md\)", items, flags=re.MULTILINE))
        parts.append(f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{pages}\n```\n")
    return "\n".join(parts)


def adapt(app: Any, page: str, source: list[str]) -> None:
    """Make a page that GitHub shows one of the site."""
    if page == "index":
        # The README is the front page of the repository; this is the site's.
        listed = re.sub(r"^- \[The README\].*\n", "", source[0], flags=re.MULTILINE)
        source[0] = f"{listed}\n{navigation(listed)}"


PROSE = 20
"""Letters in a cell on average, from which on a table is one of prose."""


def text_of(html: str) -> str:
    """Return what is to be read in a piece of a page."""
    return " ".join(re.sub("<[^>]+>", "", html).split())


def told_by_rows(table: re.Match[str]) -> str:
    """Return a table so that ``site.css`` can show it row by row, if it has prose in more than two columns."""
    columns = [text_of(head) for head in re.findall(r"<th\b.*?</th>", table[0], flags=re.DOTALL)]
    cells = [text_of(cell) for cell in re.findall(r"<td\b.*?</td>", table[0], flags=re.DOTALL)]
    if len(columns) < 3 or sum(map(len, cells)) < PROSE * len(cells):
        return table[0]
    # The first says what the row is about, and needs no name.
    names = cycle(["", *(f' data-column="{name}"' for name in columns[1:])])
    named = re.sub(r"<td\b", lambda cell: cell[0] + next(names), table[0])
    return named.replace('class="docutils', 'class="prose docutils', 1)


def adapt_tables(app: Any, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Make the tables of a page such that a phone can show them."""
    context["body"] = re.sub(r"<table\b.*?</table>", told_by_rows, context.get("body", ""), flags=re.DOTALL)


def setup(app: Any) -> None:
    """Connect to what Sphinx does."""
    # Pygments has none.
    app.add_lexer("cron", TextLexer)
    app.connect("source-read", adapt)
    app.connect("html-page-context", adapt_tables)
