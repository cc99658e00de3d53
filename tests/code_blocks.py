"""The blocks of code in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.installed import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


class Block(NamedTuple):
    """A block: its page, its line there, its language, its text."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def id(self) -> str:
        """Where it is."""
        return f"{name_of(self.page)}:{self.line}"


class Command(NamedTuple):
    """A line of a block that shows a console: the block, what is exported before it, what is typed."""

    block: Block
    environ: dict[str, str]
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """Every block in these languages, or all."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^( *)```(\w*)\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            if not languages or match[2] in languages:
                # Within a list it is indented.
                found.append(Block(page, line, match[2], re.sub(f"^{match[1]}", "", match[3], flags=re.MULTILINE)))
    return found


def files(page: Path) -> dict[str, str]:
    """The blocks that the line before calls a file, by its name."""
    text = page.read_text(encoding="utf-8")
    return dict(re.findall(r"`(\w+\.\w+)`[^`\n]*:\n\n```\w+\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE))


def commands() -> Iterator[Command]:
    """Every command in the blocks that show a console, without its comment; what it prints has no ``$`` before it."""
    for block in blocks("console"):
        environ: dict[str, str] = {}
        for line in re.findall(r"^\$ (.*)$", block.text, flags=re.MULTILINE):
            text = re.sub(r"\s+#.*", "", line)
            if text.startswith("export "):
                environ |= dict(re.findall(r"(\w+)=(\S+)", text))
            else:
                yield Command(block, dict(environ), text)
