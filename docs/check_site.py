"""Check the links of the site: ``python docs/check_site.py site``.

Every link within it must lead to a file that is there and, with an anchor, to an element that has that name. Links that
lead out are not followed: they are written into a list, ``external-links.txt``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

EXTERNAL = "external-links.txt"


class Page(NamedTuple):
    """What a page links to, and what can be linked to in it."""

    links: list[str]
    anchors: set[str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = Page([], set())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what an element refers to, and its own name."""
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.page.links.append(value)
            elif name == "id" and value:
                self.page.anchors.add(value)


def read(file: Path) -> Page:
    """Read a page."""
    reader = _Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    return reader.page


def problems(folder: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """Yield each link that leads nowhere."""
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if not target.is_file():
                yield f"{file.relative_to(folder)}: {link}: there is no such file"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f"{file.relative_to(folder)}: {link}: there is no such anchor"


def external(pages: dict[Path, Page]) -> list[str]:
    """Return every link that leads out."""
    links = {link for page in pages.values() for link in page.links}
    return sorted(link for link in links if urlsplit(link).scheme in ("http", "https"))


def main(argv: list[str]) -> int:
    """Check the site in a folder; return the exit status."""
    folder = Path(argv[0]).resolve()
    pages = {file: read(file) for file in sorted(folder.rglob("*.html")) if "_static" not in file.parts}
    found = list(problems(folder, pages))
    print(*found, sep="\n", end="\n" if found else "")
    links = external(pages)
    (folder / EXTERNAL).write_text("".join(f"{link}\n" for link in links), encoding="utf-8")
    print(f"{len(pages)} pages; {len(links)} links lead out, listed in {EXTERNAL} and not followed")
    return 1 if found or not pages else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
