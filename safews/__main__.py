"""``python -m safews``: what is installed here and which parts of it safews takes."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from . import __version__

PACKAGES = (
    "uvicorn",
    "h11",
    "websockets",
    "wsproto",
    "httptools",
    "zttp",
    "uvloop",
    "uvicorn-worker",
    "prometheus-client",
)


def report() -> Iterator[str]:
    """Yield the lines that are printed."""
    from uvicorn.config import WS_PROTOCOLS

    from ._configure import HOMES, codec_class
    from ._masking import C_MASKING

    yield f"safews {__version__}"
    yield f"{platform.python_implementation()} {platform.python_version()}"
    for package in PACKAGES:
        yield f"{package} {_installed(package)}"
    yield f"safews:Protocol uses the codec: {codec_class('auto').name}"
    yield f"masking in C (websockets.speedups): {'active' if C_MASKING else 'not active'}"
    for name in HOMES.values():
        yield f"uvicorn --ws {name}: {'registered' if name in WS_PROTOCOLS else f'not registered, use {name}:Protocol'}"


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "is not installed"


if __name__ == "__main__":
    print("\n".join(report()))
