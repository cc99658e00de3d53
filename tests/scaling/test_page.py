"""What docs/scaling.md shows is what is tested, and what it says of times adds up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.code_blocks import DOCS, blocks

PAGE = DOCS / "scaling.md"
EXAMPLES = sorted((DOCS / "examples").glob("*.py"))


def block(language: str) -> str:
    """The one block of the page in a language."""
    (found,) = (block.text for block in blocks(language) if block.page == PAGE)
    return found


def longest(environ: Mapping[str, str]) -> float:
    """How many seconds a process may take to end whose options are these."""
    return sum(float(environ[f"SAFEWS_{name}"]) for name in ("DRAIN_SPREAD", "CLOSE_TIMEOUT", "APP_GRACE")) + 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_page_has_the_whole_example(example: Path) -> None:
    assert f"```python\n{example.read_text(encoding='utf-8')}```\n" in PAGE.read_text(encoding="utf-8")


def test_kubernetes_waits_for_long_enough() -> None:
    pod = yaml.safe_load(block("yaml"))["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    sleep, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    environ = {each["name"]: each["value"] for each in container["env"]}
    assert pod["terminationGracePeriodSeconds"] > float(seconds) + longest(environ)


def test_systemd_waits_for_long_enough() -> None:
    unit = block("systemd")
    (timeout,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, flags=re.MULTILINE)
    assert float(timeout) > longest(dict(re.findall(r"(SAFEWS_\w+)=(\d+)", unit)))
