"""The start-up hook, and the wheel with it installed."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from uvicorn import config

from tests.installed import ROOT, answer_of, build_wheel, make_environment, run_pip

NAMES = ("safews", "safews.websockets", "safews.wsproto")
SOURCE = ROOT / "safews" / "_startup" / "safews_names.py"
REGISTERED = "import uvicorn.config; print(*sorted(name for name in uvicorn.config.WS_PROTOCOLS if 'safe' in name))"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


class TestInstalled:
    @pytest.fixture
    def python(self, tmp_path: Path) -> Path:
        """An environment with this one's uvicorn and hatchling, but without its safews."""
        python = make_environment(tmp_path)
        (packages,) = tmp_path.glob("lib/python*/site-packages")
        # Of a folder that is put on sys.path so, the own .pth files are not read.
        (packages / "borrowed.pth").write_text(str(Path(config.__file__).parents[1]))
        return python

    @pytest.fixture
    def with_wheel(self, python: Path, wheel: Path) -> Path:
        run_pip("--python", python, "install", "--no-deps", "--force-reinstall", wheel)
        return python

    def test_the_names_are_registered(self, with_wheel: Path) -> None:
        assert answer_of(with_wheel, "-c", REGISTERED).split() == sorted(NAMES)
        assert "uvicorn --ws safews: registered" in answer_of(with_wheel, "-m", "safews", "check").splitlines()

    def test_the_names_are_registered_in_an_editable_installation(self, python: Path) -> None:
        run_pip("--python", python, "install", "--editable", ".", "--no-deps", "--no-build-isolation")
        assert answer_of(python, "-c", REGISTERED).split() == sorted(NAMES)
        assert answer_of(python, "-c", "import safews; print(safews.__file__)") == str(ROOT / "safews" / "__init__.py")

    def test_the_hook_can_be_turned_off(self, with_wheel: Path) -> None:
        assert answer_of(with_wheel, "-c", REGISTERED, SAFEWS_NO_ALIAS="1") == ""

    def test_the_hook_imports_nothing(self, with_wheel: Path) -> None:
        code = "import sys; print(*sorted(name for name in sys.modules if name.startswith(('safews', 'uvicorn'))))"
        assert answer_of(with_wheel, "-c", code) == "safews_names"


class TestHook:
    def test_it_is_short(self) -> None:
        code = [line for line in SOURCE.read_text().splitlines() if line and not line.lstrip().startswith('"""')]
        assert len(code) < 15

    @pytest.fixture
    def hook(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """Its module, loaded anew, in an interpreter that has not run it."""
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
        monkeypatch.setattr(config, "WS_PROTOCOLS", dict(config.WS_PROTOCOLS))
        monkeypatch.delenv("SAFEWS_NO_ALIAS", raising=False)
        spec = spec_from_file_location("safews_names", SOURCE)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def test_a_uvicorn_that_is_imported_already_gets_the_names_at_once(self, hook: Any) -> None:
        for name in NAMES:
            config.WS_PROTOCOLS.pop(name, None)
        hook.register()
        assert {name: config.WS_PROTOCOLS[name] for name in NAMES} == {name: f"{name}:Protocol" for name in NAMES}

    @pytest.mark.parametrize("value", ["1", "true", "YES"])
    def test_off_means_that_nothing_is_touched(self, hook: Any, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        before = dict(config.WS_PROTOCOLS), list(sys.meta_path)
        monkeypatch.setenv("SAFEWS_NO_ALIAS", value)
        hook.register()
        assert (config.WS_PROTOCOLS, sys.meta_path) == before

    @pytest.mark.parametrize("protocols", [None, (), {}])
    def test_it_finds_no_module_and_never_raises(
        self, hook: Any, protocols: object, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(config, "WS_PROTOCOLS", protocols)
        assert hook.ImportWatcher.find_spec("os") is None
        monkeypatch.delitem(sys.modules, "uvicorn.config")
        assert hook.ImportWatcher.find_spec("uvicorn.config", [], None) is None
