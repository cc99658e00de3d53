"""Build what is released, into ``dist/``, and check what is in it: ``make release-check``."""

from __future__ import annotations

import email
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.metadata import Metadata

from safews import __version__
from tests.installed import ROOT

HOOK = {"safews_names.py", "safews_names.pth", "safews_names.start"}
"""The start-up hook: what a wheel puts beside the package."""

STARTUP = "safews/_startup/"
"""Where an sdist has it."""

SOURCES = {STARTUP + name for name in HOOK} | {
    ".ci/readme_hook.py",
    "Makefile",
    "PKG-INFO",
    "README.md",
    "docs/LICENSE",
    "docs/index.md",
    "pyproject.toml",
    "safews/py.typed",
    "tests/conftest.py",
}
"""Some of what an sdist must have, so that one can build, test and read it."""

OURS = re.compile(
    r"(safews|tests|docs|benchmarks|\.ci)/(?!.*__pycache__)|(Makefile|PKG-INFO|README\.md|pyproject\.toml|\.gitignore)$"
)
"""All that it may have."""


def build(folder: Path) -> tuple[Path, Path]:
    """Build an sdist, and the wheel out of that; return both."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=300, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    (sdist,) = folder.glob(f"safews-{__version__}.tar.gz")
    (wheel,) = folder.glob(f"safews-{__version__}-*.whl")
    return sdist, wheel


def contents_of_wheel(wheel: Path) -> dict[str, str]:
    """Return each file in a wheel and its text."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def contents_of_sdist(sdist: Path) -> set[str]:
    """Return the names of the files in an sdist, below its one folder."""
    with tarfile.open(sdist) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def problems_of_wheel(contents: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with a wheel."""
    others = {name for name in contents if not re.match(r"safews/|safews-[^/]*\.dist-info/", name)}
    yield from (f"the wheel has no {name}" for name in sorted(HOOK - others))
    yield from (f"the wheel has {name} beside the package" for name in sorted(others - HOOK))
    yield from (f"the wheel has {name}, which is for the sdist" for name in contents if name.startswith(STARTUP))
    modules = {path.relative_to(ROOT).as_posix() for path in _modules()}
    yield from (f"the wheel has no {name}" for name in sorted(modules - contents.keys()))
    info = f"safews-{__version__}.dist-info"
    if contents.get(f"{info}/licenses/docs/LICENSE") != (ROOT / "docs" / "LICENSE").read_text(encoding="utf-8"):
        yield "the wheel has another licence, or none"
    yield from problems_of_metadata(contents[f"{info}/METADATA"])


def _modules() -> Iterable[Path]:
    """The files of the package, but for the start-up hook."""
    found = (ROOT / "safews").rglob("*")
    return (path for path in found if path.is_file() and not {"_startup", "__pycache__"} & {*path.parts})


def problems_of_metadata(text: str) -> Iterator[str]:
    """Yield what is wrong with the metadata: an index refuses what is malformed, and shows the README."""
    metadata = Metadata.from_email(text, validate=True)
    if str(metadata.version) != __version__:
        yield f"the metadata is of version {metadata.version}"
    if metadata.license_expression != "BSD-3-Clause":
        yield f"the metadata has the licence {metadata.license_expression}"
    readme = email.message_from_string(text).get_payload()
    yield from (
        f"the README has a relative link: {link}"
        for link in re.findall(r"\]\(([^)\s]+)\)", str(readme))
        if not re.match(r"[a-z]+:|#", link)
    )


def problems_of_sdist(names: set[str]) -> Iterator[str]:
    """Yield what is wrong with an sdist."""
    yield from (f"the sdist has no {name}" for name in sorted(SOURCES - names))
    yield from (f"the sdist has {name}" for name in sorted(names) if not OURS.match(name))


def problems_of_changelog(text: str) -> Iterator[str]:
    """Yield what keeps the changelog from being that of a release."""
    newest = re.search(r"^## (.+)$", text, re.MULTILINE)
    if newest is None or not re.fullmatch(rf"{re.escape(__version__)}, \d{{4}}-\d\d-\d\d", newest[1]):
        yield f"docs/changelog.md does not begin with {__version__} and its date: {newest[1] if newest else 'nothing'}"


def main() -> int:
    """Build and check; return the exit status."""
    folder = ROOT / "dist"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("safews-*"):
        old.unlink()
    sdist, wheel = build(folder)
    found = [
        *problems_of_sdist(contents_of_sdist(sdist)),
        *problems_of_wheel(contents_of_wheel(wheel)),
        *problems_of_changelog((ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")),
    ]
    for file in (sdist, wheel):
        print(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(ROOT)}")
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
