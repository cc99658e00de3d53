"""Every public name has a docstring: the linter asks for those of functions, the API reference for all it shows."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from types import ModuleType
from typing import NamedTuple

import pytest

from safews import Protocol
from tests.installed import DEADLINE, ROOT
from tests.loading import load


class Bare(NamedTuple):
    first: int
    """It has one."""
    second: int


class Members(Enum):
    FIRST = 1
    """It has one."""
    SECOND = 2


@pytest.fixture(scope="module")
def api() -> ModuleType:
    """docs/api.py, which is no module of the package."""
    return load(ROOT / "docs" / "api.py")


def module_with(name: str, value: object) -> ModuleType:
    """A public module that has a docstring, and in it one name."""
    module = ModuleType("safews.made", "Made for a test.")
    setattr(module, name, value)
    module.__all__ = [name]  # type: ignore[attr-defined]
    return module


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("", "D100"),
        ('"""A module."""\nclass Public: ...\n', "D101"),
        ('"""A module."""\nclass Public:\n    """A class."""\n    def method(self) -> None: ...\n', "D102"),
        ('"""A module."""\ndef public() -> None: ...\n', "D103"),
    ],
)
def test_the_linter_finds_what_has_none(code: str, rule: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename=safews/made.py", "-"]
    done = subprocess.run(
        command, input=code or "x = 1\n", cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert done.returncode == 1
    assert f" {rule} " in done.stdout


class TestReference:
    def test_every_public_name_is_in_it(self, api: ModuleType) -> None:
        page = api.api_page()
        for module in api.public_modules():
            assert f"\n## {module.__name__}\n" in page
            for name in api.public_names(module):
                assert f"\n### `{module.__name__}.{name}" in page

    def test_the_modules_are_those_of_the_documentation(self, api: ModuleType) -> None:
        names = {module.__name__ for module in api.public_modules()}
        assert names >= {"safews", "safews.websockets", "safews.workers", "safews.wsproto"}
        assert not [name for name in names if "._" in name]

    def test_a_module_without_a_docstring(self, api: ModuleType) -> None:
        with pytest.raises(api.Undocumented, match=r"safews\.made has no docstring"):
            list(api._module(ModuleType("safews.made"), {}))

    def test_a_function_without_a_docstring(self, api: ModuleType) -> None:
        def bare() -> None: ...

        with pytest.raises(api.Undocumented, match=r"made\.bare has no docstring"):
            list(api._callable(bare, "made.bare", "###", "bare"))

    def test_a_class_without_a_docstring(self, api: ModuleType) -> None:
        # Python gives it one all the same: its signature.
        assert Bare.__doc__ == "Bare(first, second)"
        with pytest.raises(api.Undocumented, match=r"made\.Bare has no docstring"):
            list(api._class(Bare, "made.Bare", {}))

    def test_a_field_without_a_docstring(self, api: ModuleType) -> None:
        with pytest.raises(api.Undocumented, match=r"made\.Bare\.second has no docstring"):
            list(api._fields(Bare, "made.Bare"))

    def test_a_member_without_a_docstring(self, api: ModuleType) -> None:
        with pytest.raises(api.Undocumented, match=r"made\.Members\.SECOND has no docstring"):
            list(api._fields(Members, "made.Members"))

    def test_what_safews_itself_calls_is_not_in_it(self, api: ModuleType) -> None:
        names = [name for name, _ in api._members(Protocol)]
        assert names == ["with_options", "close_code", "close_reason", "closed_by", "close_record"]

    def test_a_constant_without_a_docstring(self, api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(api, "attribute_docstrings", lambda _: {})
        with pytest.raises(api.Undocumented, match=r"safews\.made\.LIMIT has no docstring"):
            list(api._module(module_with("LIMIT", 5), {}))

    def test_an_example_becomes_a_block(self, api: ModuleType) -> None:
        text = "Do it like this::\n\n    one two\n\n    three\n\nAnd ``so`` on."
        assert api.markdown(text) == ("Do it like this:\n\n```text\none two\n\nthree\n```\n\nAnd `so` on.")

    def test_a_default_is_shown_as_it_is_written(self, api: ModuleType) -> None:
        from safews import Options

        assert api.signature(Options.from_environ) == "from_environ(environ: Mapping[str, str]=os.environ) -> Options"
