"""``python tests/refused.py PACKAGE VERSION NEEDED``: see that safews refuses a package that is too old, and says why.

It is run in an environment that has such a package, and so with nothing but safews's own dependencies.
"""

from __future__ import annotations

import subprocess
import sys

import uvicorn

NAMES = ("safews", "safews.websockets", "safews.wsproto")
"""Those of the start-up hook: uvicorn before 0.36 takes no import string, and says so itself."""


def refusal(name: str) -> str:
    """Let uvicorn resolve a name, and return why that has failed; nothing if it has not."""
    try:
        uvicorn.Config("tests.conformance.app:app", ws=name).load()
    except ImportError as error:
        return str(error)
    return ""


def check() -> subprocess.CompletedProcess[str]:
    """Run ``safews check``."""
    return subprocess.run([sys.executable, "-m", "safews", "check"], capture_output=True, text=True, check=False)


def main(package: str, found: str, needed: str) -> None:
    """Try each name: one that has no need for the package must work."""
    for name in NAMES:
        concerned = package in ("uvicorn", "h11") or package in name
        expected = f"safews needs {package} {needed} or newer, found {found}" if concerned else ""
        assert refusal(name) == expected, (name, refusal(name))
    checked = check()
    assert checked.returncode == 1, checked
    assert f"- {package} {found}\n  safews needs {needed} or newer: " in checked.stdout, checked


if __name__ == "__main__":
    sys.path.insert(0, ".")
    main(*sys.argv[1:])
