"""Runs of mutmut, and what it has found so far."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import get_module_from_key, orig_function_and_class_names_from_key

from tests.installed import ROOT
from tests.mutation.summary import Outcome, Verdict

OUTCOMES = {
    "killed": Outcome.NOTICED,
    "timeout": Outcome.TIMEOUT,
    "survived": Outcome.SURVIVED,
    "no tests": Outcome.SURVIVED,
    "not checked": Outcome.UNTRIED,
}


def run(names: list[str]) -> None:
    """Run mutmut on the named changes, or on all that have not been tried, where nothing of safews is imported yet."""
    subprocess.run([sys.executable, "-m", "mutmut", "run", "--max-children", "1", *names], cwd=ROOT, check=True)


def verdicts() -> Iterator[Verdict]:
    """Yield what came of every change."""
    for path, name, outcome in _outcomes():
        before, after = _lines(get_diff_for_mutant(name, path=path)) if outcome is Outcome.SURVIVED else ("", "")
        yield Verdict(str(path.relative_to("safews")), _function(name), before, after, outcome)


def survivors() -> list[str]:
    """Return mutmut's names of the changes that no test has noticed."""
    return [name for _, name, outcome in _outcomes() if outcome is Outcome.SURVIVED]


def _outcomes() -> Iterator[tuple[Path, str, Outcome]]:
    """Yield the file and the name of every change, and what came of it."""
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, exit_code in data.exit_code_by_key.items():
            yield path, name, OUTCOMES[status_by_exit_code[exit_code]]


def _function(name: str) -> str:
    """Return the function's name in the usual form."""
    function, owner = orig_function_and_class_names_from_key(name)
    return ".".join(filter(None, (get_module_from_key(name).removeprefix("safews."), owner, function)))


def _lines(diff: str) -> tuple[str, str]:
    """Return what a diff takes away and what it adds, each in one line."""
    removed = re.findall(r"^-(?!--)(.*)", diff, re.MULTILINE)
    added = re.findall(r"^\+(?!\+\+)(.*)", diff, re.MULTILINE)
    return " ".join(line.strip() for line in removed), " ".join(line.strip() for line in added)
