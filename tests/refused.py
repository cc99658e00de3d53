"""``python tests/refused.py PACKAGE VERSION NEEDED``: see that safews refuses a package that is too old, and says why.

It is run in an environment that has such a package, and so with nothing but safews's own dependencies.
"""

from __future__ import annotations

import subprocess
import sys

CODECS = {"uvicorn": ["", ".websockets", ".wsproto"], "h11": ["", ".websockets", ".wsproto"]}


def main(package: str, found: str, needed: str) -> None:
    """Start uvicorn with each name that needs the package."""
    for codec in CODECS.get(package, [f".{package}"]):
        command = [sys.executable, "-m", "uvicorn", "tests.conformance.app:app", "--ws", f"safews{codec}:Protocol"]
        done = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode != 0, command
        last = done.stderr.strip().splitlines()[-1]
        assert last == f"safews._requirements.Unsupported: safews needs {package} {needed} or newer, found {found}", (
            last
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
