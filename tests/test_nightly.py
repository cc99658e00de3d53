"""``make nightly``: every part is run in a new clone, whatever becomes of the others."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.installed import DEADLINE, ROOT

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")

MAKE = """#!/bin/sh
# Stands for make: says where it is, and cannot make one part.
echo "makes $3 in $2"
test -f "$2/committed" && test "$3" != broken
"""


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, timeout=DEADLINE)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with the command, where nothing needs to be installed."""
    repository = tmp_path / "repository"
    (repository / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "nightly", repository / ".ci")
    shutil.copy("/bin/true", repository / ".ci" / "packages")
    (repository / "committed").touch()
    git(repository, "init", "--quiet")
    git(repository, "add", "committed")
    git(repository, "commit", "--quiet", "--message", "Begin")
    return repository


def nightly(repository: Path, *parts: str) -> tuple[int, list[str]]:
    """Run it; return its exit status and its lines, without what they say of time and place."""
    programs = repository.parent / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "make").write_text(MAKE)
    (programs / "make").chmod(0o755)
    environ = {"PATH": f"{programs}:/usr/bin:/bin", "TMPDIR": str(programs)}
    command = [str(repository / ".ci" / "nightly"), *parts]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.stderr == ""
    assert [*programs.iterdir()] == [programs / "make"]
    found = re.sub(r"in \d+ s", "in N s", done.stdout).replace(str(repository), "")
    return done.returncode, found.splitlines()


def test_all_that_is_named_and_one_that_fails(repository: Path) -> None:
    assert nightly(repository, "first", "broken", "last") == (
        1,
        [
            "passed in N s: first",
            "FAILED in N s: broken, see /build/nightly/broken.log",
            "passed in N s: last",
        ],
    )
    log = (repository / "build" / "nightly" / "broken.log").read_text()
    assert re.fullmatch(r"makes broken in \S+/safews-nightly-\w+\n", log)


def test_without_names_it_is_all_that_is_heavy(repository: Path) -> None:
    status, lines = nightly(repository)
    assert status == 0
    parts = [line.rpartition(" ")[2] for line in lines]
    assert {"test-all", "test-lowest", "test-uvicorn", "ecosystem", "conformance"} <= {*parts}
    subprocess.run(["make", "--dry-run", *parts], cwd=ROOT, check=True, timeout=DEADLINE, stdout=subprocess.DEVNULL)


def test_what_is_not_committed_is_not_there(repository: Path) -> None:
    git(repository, "rm", "--quiet", "committed")
    git(repository, "commit", "--quiet", "--message", "End")
    (repository / "committed").touch()
    assert nightly(repository, "first")[0] == 1
