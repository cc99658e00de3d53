"""What is installed here, which parts of it safews uses, and whether all is well: ``safews check``."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import NamedTuple

from . import __version__
from ._options import NO_ALIAS, Options, strangers
from ._requirements import LOWEST

NEEDED = ("uvicorn", "h11", "click", "websockets", "wsproto")

OPTIONAL = {
    "httptools": "uvicorn parses HTTP faster with it",
    "zttp": "another HTTP parser for uvicorn",
    "uvloop": "a faster event loop",
    "uvicorn-worker": "for gunicorn: pip install 'safews[gunicorn]'",
    "prometheus-client": "for metrics: pip install 'safews[metrics]'",
}
"""What each is good for."""


class Finding(NamedTuple):
    """Something that was looked at; ``problem`` says what is wrong with it and what helps, or is empty."""

    text: str
    problem: str = ""


def findings() -> Iterator[Finding]:
    """Look at everything; where safews lacks something that it needs, at no more than that."""
    yield Finding(f"safews {__version__}")
    yield Finding(f"{platform.python_implementation()} {platform.python_version()}")
    lowest = _lowest()
    packages = [_package(package, lowest.get(package, "")) for package in (*NEEDED, *OPTIONAL)]
    yield from packages
    if any(package.problem for package in packages):
        return
    yield from _codecs()
    yield _build()
    yield _masking()
    yield _options()
    yield from _strangers()
    yield from _names()


def _lowest() -> dict[str, str]:
    """Return the oldest version of each package that safews works with."""
    try:
        requirements = requires("safews") or []
    except PackageNotFoundError:
        # It runs from its sources.
        requirements = []
    required = {package: ".".join(map(str, lowest)) for package, lowest in LOWEST.items()}
    return required | dict(re.findall(r"^([\w-]+)>=([\d.]+)", "\n".join(requirements), flags=re.MULTILINE))


def _package(package: str, lowest: str) -> Finding:
    try:
        # Metadata that are damaged have no version, whatever the annotation says.
        found = version(package) or "unknown"
    except PackageNotFoundError:
        if package in OPTIONAL:
            return Finding(f"{package} is not installed ({OPTIONAL[package]})")
        return Finding(f"{package} is not installed", f"safews needs it: pip install {package}")
    if _numbers(found) < _numbers(lowest):
        return Finding(f"{package} {found}", f"safews needs {lowest} or newer: pip install --upgrade {package}")
    return Finding(f"{package} {found}")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _codecs() -> Iterator[Finding]:
    from ._configure import HOMES, codec_class

    yield Finding(f"safews:Protocol uses the codec: {codec_class('auto').name}")
    for name in HOMES:
        try:
            codec_class(name)
        except ImportError as error:
            yield Finding(f"the codec {name} cannot be used", str(error))


def _build() -> Finding:
    from . import _fast_lane

    return Finding(f"hot modules: {'pure Python' if str(_fast_lane.__file__).endswith('.py') else 'compiled'}")


def _masking() -> Finding:
    from ._masking import C_MASKING

    if C_MASKING:
        return Finding("masking in C (websockets.speedups): active")
    return Finding(
        "masking in C (websockets.speedups): not active",
        "large messages are read much more slowly: install websockets with a C compiler, or from a wheel",
    )


def _options() -> Finding:
    unknown = strangers(os.environ)
    try:
        # They have findings of their own, and need no warning.
        options = Options.from_environ({name: text for name, text in os.environ.items() if name not in unknown})
    except ValueError as error:
        return Finding("options from the environment: malformed", str(error))
    default = Options()
    changed = [name for name in Options.__dataclass_fields__ if getattr(options, name) != getattr(default, name)]
    shown = ", ".join(f"{name}={getattr(options, name)!r}" for name in changed)
    return Finding(f"options from the environment: {shown or 'none'}")


def _strangers() -> Iterator[Finding]:
    ignored = []
    for variable, meant in strangers(os.environ).items():
        if meant:
            yield Finding(f"{variable}: no option is called so", f"did you mean {meant}?")
        else:
            ignored.append(variable)
    if ignored:
        yield Finding(f"ignored in the environment, as no option is called so: {', '.join(ignored)}")


def _names() -> Iterator[Finding]:
    from uvicorn.config import WS_PROTOCOLS

    from ._configure import HOMES

    for name in HOMES.values():
        if name in WS_PROTOCOLS:
            yield Finding(f"uvicorn --ws {name}: registered")
        else:
            text = f"uvicorn --ws {name}: not registered, use {name}:Protocol"
            reason = "" if NO_ALIAS in os.environ else "the start-up hook has not run (docs/names.md)"
            yield Finding(text, reason)
