"""What ``safews check`` finds, here and where something is missing."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pytest
from uvicorn import config

import safews
from safews import _check, _configure, _fast_lane, _masking
from safews._check import NEEDED, OPTIONAL, Finding, findings
from safews._requirements import LOWEST

Versions = dict[str, str | None]


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Versions of packages other than those that are here; ``None`` is not installed."""
    versions: Versions = {}

    def look_up(package: str) -> str:
        found = versions[package] if package in versions else version(package)
        if found is None:
            raise PackageNotFoundError(package)
        return found

    monkeypatch.setattr(_check, "version", look_up)
    return versions


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start-up hook has run."""
    monkeypatch.delenv("SAFEWS_NO_ALIAS", raising=False)
    for name in _configure.HOMES.values():
        monkeypatch.setitem(config.WS_PROTOCOLS, name, f"{name}:Protocol")


def texts() -> list[str]:
    return [finding.text for finding in findings()]


def problems() -> list[Finding]:
    return [finding for finding in findings() if finding.problem]


class TestVersions:
    def test_of_what_is_here(self) -> None:
        found = texts()
        assert found[0] == f"safews {safews.__version__}"
        assert found[1].endswith(sys.version.partition(" ")[0])
        for package in NEEDED:
            assert f"{package} {version(package)}" in found

    def test_everything_that_safews_needs_is_looked_at(self) -> None:
        lowest = _check._lowest()
        assert lowest.keys() == {*NEEDED, *OPTIONAL} - {"httptools", "zttp"}
        assert all(any(f"{name}>={lowest[name]}" in line for line in requires("safews") or []) for name in lowest)

    @pytest.mark.parametrize("package", OPTIONAL)
    def test_what_is_optional_may_be_missing(self, package: str, versions: Versions) -> None:
        versions[package] = None
        assert Finding(f"{package} is not installed ({OPTIONAL[package]})") in findings()

    @pytest.mark.parametrize("package", NEEDED)
    def test_what_is_needed_may_not_and_nothing_else_is_asked(self, package: str, versions: Versions) -> None:
        versions[package] = None
        problem = Finding(f"{package} is not installed", f"safews needs it: pip install {package}")
        assert problems() == [problem]
        assert not [text for text in texts() if "codec" in text]

    @pytest.mark.parametrize(
        ("package", "found", "is_well"),
        [
            ("uvicorn", "0.35.9", False),
            ("uvicorn", "0.36.0", True),
            ("uvicorn", "0.100", True),
            ("websockets", "12.0", False),
            ("uvloop", "0.15.3", False),
        ],
    )
    def test_each_must_be_new_enough(self, package: str, found: str, is_well: bool, versions: Versions) -> None:
        versions[package] = found
        lowest = _check._lowest()[package]
        problem = f"safews needs {lowest} or newer: pip install --upgrade {package}"
        assert problems() == ([] if is_well else [Finding(f"{package} {found}", problem)])

    def test_from_the_sources_too(self, versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
        """What uvicorn would be refused for when it starts is looked at, though no metadata say it."""

        def not_installed(package: str) -> list[str]:
            raise PackageNotFoundError(package)

        versions["uvicorn"] = "0.1"
        versions["uvloop"] = "0.1"
        monkeypatch.setattr(_check, "requires", not_installed)
        assert problems() == [Finding("uvicorn 0.1", "safews needs 0.36 or newer: pip install --upgrade uvicorn")]

    def test_damaged_metadata(self, versions: Versions, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_check, "version", lambda package: None if package == "h11" else version(package))
        assert problems() == [Finding("h11 unknown", "safews needs 0.12 or newer: pip install --upgrade h11")]

    def test_a_package_that_asks_for_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_check, "requires", lambda package: None)
        assert _check._lowest().keys() == LOWEST.keys()


class TestParts:
    @pytest.mark.parametrize("name", ["websockets", "wsproto"])
    def test_the_codec_that_is_taken(self, name: _configure.CodecName, monkeypatch: pytest.MonkeyPatch) -> None:
        codec = _configure.codec_class(name)
        monkeypatch.setattr(_configure, "codec_class", lambda _: codec)
        assert f"safews:Protocol uses the codec: {name}" in texts()

    def test_a_codec_that_cannot_be_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wsproto = _configure.codec_class("wsproto")

        def codec_class(name: str) -> Any:
            if name == "websockets":
                raise ImportError("it is broken")
            return wsproto

        monkeypatch.setattr(_configure, "codec_class", codec_class)
        assert problems() == [Finding("the codec websockets cannot be used", "it is broken")]
        assert "safews:Protocol uses the codec: wsproto" in texts()

    @pytest.mark.parametrize(("file", "text"), [("_fast_lane.py", "pure Python"), ("_fast_lane.cp.so", "compiled")])
    def test_the_build(self, file: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_fast_lane, "__file__", file)
        assert f"hot modules: {text}" in texts()

    @pytest.mark.parametrize(("active", "text"), [(True, "active"), (False, "not active")])
    def test_the_masking_in_c(self, active: bool, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_masking, "C_MASKING", active)
        assert f"masking in C (websockets.speedups): {text}" in texts()
        assert bool(problems()) is not active


class TestOptions:
    def test_none_is_set(self) -> None:
        assert "options from the environment: none" in texts()

    def test_those_that_are_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "5")
        monkeypatch.setenv("SAFEWS_AFTER_DISCONNECT", "drop")
        assert "options from the environment: close_timeout=5.0, after_disconnect='drop'" in texts()

    def test_one_that_is_malformed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMEOUT", "soon")
        ((text, problem),) = problems()
        assert text == "options from the environment: malformed"
        assert problem.startswith("SAFEWS_CLOSE_TIMEOUT='soon': ")

    def test_one_that_is_misspelt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SAFEWS_CLOSE_TIMOUT", "5")
        assert problems() == [
            Finding("SAFEWS_CLOSE_TIMOUT: no option is called so", "did you mean SAFEWS_CLOSE_TIMEOUT?")
        ]

    def test_what_kubernetes_sets_is_no_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for variable in ("SAFEWS_SERVICE_HOST", "SAFEWS_PORT_8000_TCP_ADDR", "SAFEWS_PORT"):
            monkeypatch.setenv(variable, "tcp://10.0.0.1:8000")
        ignored = "SAFEWS_PORT, SAFEWS_PORT_8000_TCP_ADDR, SAFEWS_SERVICE_HOST"
        assert f"ignored in the environment, as no option is called so: {ignored}" in texts()
        assert problems() == []


class TestNames:
    def test_registered(self) -> None:
        assert texts()[-3:] == [f"uvicorn --ws {name}: registered" for name in _configure.HOMES.values()]

    @pytest.mark.parametrize("turned_off", [False, True])
    def test_not_registered(self, turned_off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        if turned_off:
            monkeypatch.setenv("SAFEWS_NO_ALIAS", "1")
        for name in _configure.HOMES.values():
            monkeypatch.delitem(config.WS_PROTOCOLS, name)
        assert texts()[-3:] == [
            f"uvicorn --ws {name}: not registered, use {name}:Protocol" for name in _configure.HOMES.values()
        ]
        assert len(problems()) == (0 if turned_off else 3)
