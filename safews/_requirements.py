"""Which versions of other packages safews works with, and the words for one that is too old.

pip sees to it, if it is let. Where it was not (``--no-deps``, a copied folder), this is asked before anything of such a
package is imported, since what is missing in it would show as an ``AttributeError`` somewhere else.
"""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version

LOWEST = {"h11": (0, 12), "uvicorn": (0, 36), "websockets": (13, 0), "wsproto": (1, 0)}
"""The oldest version of each, as in ``pyproject.toml``."""


class Unsupported(ImportError):
    """A package is too old; the text names it, the version that was found and the one that is needed."""


def require(*packages: str) -> None:
    """Raise ``Unsupported`` for the first package that is too old.

    One whose version is not known passes: a program may have been frozen without such metadata. One that is missing
    passes too, as its import says so best.
    """
    for package in packages:
        found, lowest = _found(package), LOWEST[package]
        numbers = re.match(r"(\d+)(?:\.(\d+))?", found)
        if numbers and (int(numbers[1]), int(numbers[2] or 0)) < lowest:
            needed = ".".join(map(str, lowest))
            raise Unsupported(f"safews needs {package} {needed} or newer, found {found}")


def _found(package: str) -> str:
    try:
        # Metadata that are damaged have no version, whatever the annotation says.
        return version(package) or ""
    except PackageNotFoundError:
        return ""
