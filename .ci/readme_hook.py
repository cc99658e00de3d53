"""The README as a package index shows it, where a link to ``docs/`` would lead nowhere.

With a ``Source`` among pyproject.toml's ``project.urls`` its links become absolute ones into that; without, plain text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE = r"\[([^]]+)\]\((?![a-z]+:|#)([^)\s]+)\)"
"""A link of Markdown that begins at the folder of its file: its text, where it leads."""


def shown(readme: str, source: str | None) -> str:
    """Return the README without a relative link."""
    return re.sub(RELATIVE, rf"[\1]({source.rstrip('/')}/blob/main/\2)" if source else r"\1", readme)


class CustomMetadataHook(MetadataHookInterface):
    """What hatchling asks for the description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the readme."""
        readme = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        text = shown(readme, metadata.get("urls", {}).get("Source"))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
