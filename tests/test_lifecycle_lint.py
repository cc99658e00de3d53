from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests import lint_lifecycle
from tests.lint_lifecycle import ALLOWED, PACKAGE, check, check_package


def found(body: str, module: str = "_other.py") -> list[str]:
    """Return what the lint says of a class that has this body."""
    source = "class Other:\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return [finding.detail for finding in check(module, source)]


def in_method(statement: str, *, name: str = "method", parameters: str = "self, flag: bool, other") -> str:
    return f"def {name}({parameters}):\n    {statement}\n"


class TestPackage:
    def test_is_clean(self):
        assert [str(finding) for finding in check_package()] == []

    def test_every_exception_has_a_reason(self):
        assert all(len(reason.split()) > 3 for reason in ALLOWED.values())

    def test_the_command_says_so(self):
        result = subprocess.run(
            [sys.executable, lint_lifecycle.__file__], capture_output=True, text=True, check=False, timeout=30
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    def test_the_command_fails_for_a_finding(self, monkeypatch, capsys):
        monkeypatch.setattr(lint_lifecycle, "ALLOWED", {**ALLOWED, ("_app.py", "never"): "nothing sets it"})
        assert lint_lifecycle.main() == 1
        assert capsys.readouterr().out == "safews/_app.py:0: never is allowed here, but nothing sets it\n"

    def test_modules_in_folders_are_seen(self, tmp_path):
        (tmp_path / "_codecs").mkdir()
        (tmp_path / "_codecs" / "other.py").write_text("class Other:\n    closed: bool\n")
        assert [finding.module for finding in check_package(tmp_path) if finding.line] == ["_codecs/other.py"]

    @pytest.mark.parametrize(("module", "name"), ALLOWED)
    def test_every_exception_is_needed(self, monkeypatch, module, name):
        monkeypatch.delitem(ALLOWED, (module, name))
        findings = check(module, (PACKAGE / module).read_text())
        assert any(finding.detail.startswith(f"{name} is ") for finding in findings)


class TestState:
    @pytest.mark.parametrize(
        "statement",
        [
            "self.state = State.OPEN",
            "self._connection.state = State.OPEN",
            "self._state = State.OPEN",
            "self.state: State = State.OPEN",
            "self.state += 1",
            "del self.state",
            "other, self.state = 1, State.OPEN",
            "self.a = self.state = State.OPEN",
            'setattr(self, "state", State.OPEN)',
            'object.__setattr__(self._lifecycle, "state", State.OPEN)',
        ],
    )
    def test_may_be_set_nowhere_else(self, statement):
        assert "state is set outside _state.py" in found(in_method(statement))

    def test_may_be_set_in_its_module(self):
        assert found(in_method("self.state = State.OPEN"), "_state.py") == []

    def test_may_be_asked_for_anywhere(self):
        assert found(in_method("return self.state is State.OPEN")) == []

    @pytest.mark.parametrize(
        "source", ["from ._state import TABLE", "TABLE[a, b] = c", "_state.TABLE[a, b] = c", "TABLE.update(x)"]
    )
    @pytest.mark.parametrize("module", ["_connection.py", "_other.py"])
    def test_table_is_for_its_module_alone(self, module, source):
        assert {finding.detail for finding in check(module, source)} == {"TABLE is used outside _state.py"}

    @pytest.mark.parametrize(
        "source", ["from ._state import Lifecycle", "x = Lifecycle()", "connection._lifecycle.apply(input)"]
    )
    def test_lifecycle_is_for_the_connection_alone(self, source):
        assert [finding.detail for finding in check("_other.py", source)] == [
            "the lifecycle is used by another than the connection"
        ]
        assert check("_connection.py", source) == []


class TestBooleans:
    @pytest.mark.parametrize(
        "statement",
        [
            "self.x = True",
            "self._x = False",
            "self.x: bool = True",
            "self.reader.x = True",
            "a = self.x = True",
            "a, self.x = 1, False",
            "a, (b, self.x) = 1, (2, False)",
            "self.x = not other",
            "self.x = other is None",
            "self.x = 1 < 2 and other != 3",
            "self.x = bool(other)",
            "self.x = isinstance(other, str)",
            "self.x = any(other)",
            "self.x = True if other else None",
            "self.x = flag",
            "self.x = other > 1 or flag",
            'setattr(self, "x", True)',
        ],
    )
    def test_may_not_be_set(self, statement):
        assert [detail.lstrip("_") for detail in found(in_method(statement))] == ["x is set to a boolean"]

    @pytest.mark.parametrize(
        "statement",
        [
            "self.x = 1",
            "self.x = None",
            "self.x = other",
            "self.x = other or 1",
            "self.x = other(flag)",
            "x = True",
            "other(x=True)",
            'setattr(self, other, "x")',
            "a, self.x = other",
        ],
    )
    def test_others_may(self, statement):
        assert found(in_method(statement)) == []

    @pytest.mark.parametrize("statement", ["self.x = True", "self.x = False"])
    def test_may_not_begin(self, statement):
        assert found(in_method(statement, name="__init__")) == ["x is set to a boolean"]

    @pytest.mark.parametrize("statement", ["self.x = flag", "self.x = other is not None", "self.x = not flag"])
    def test_constants_may_be_taken_over(self, statement):
        assert found(in_method(statement, name="__init__")) == []

    @pytest.mark.parametrize("parameters", ["self, flag: bool, /", "self, *, flag: bool"])
    def test_every_kind_of_parameter_is_seen(self, parameters):
        assert found(in_method("self.x = flag", parameters=parameters)) == ["x is set to a boolean"]

    def test_coroutines_are_seen(self):
        assert found("async def method(self, flag: bool):\n    self.x = flag\n") == ["x is set to a boolean"]

    def test_variables_of_an_enclosing_function_may_not_be_set(self):
        source = """
            def outer():
                gone = x = y = None
                def inner():
                    nonlocal x
                    x = True
                    y = True
        """
        details = [finding.detail for finding in check("_other.py", textwrap.dedent(source))]
        assert details == ["x is set to a boolean"]


STEPS = [
    "closed",
    "closing",
    "is_closed",
    "_closed",
    "connected",
    "disconnected",
    "is_connected",
    "handshake_complete",
    "handshake_over",
    "accepted",
    "is_accepted",
    "is_open",
    "opened",
    "done",
    "is_done",
    "shutting_down",
    "shutdown",
    "started",
    "finished",
    "lost",
    "alive",
    "ended",
    "is_ending",
    "running",
    "rejected",
    "phase",
    "_gone",
    "over",
    "terminated",
    "ready",
]
"""Names that say how far something has come."""

FACTS = [
    "close_timeout",
    "close_code",
    "closed_at",
    "accept_timeout",
    "answer",
    "discarded_size",
    "recovered",
    "end_turn",
    "open_timeout",
    "deadline",
]
"""Names that do not, though they look like it."""


class TestNames:
    @pytest.mark.parametrize("name", STEPS)
    def test_of_steps_may_not_be_set(self, name):
        expected = f"{name} is named like a step of a connection's life"
        assert found(in_method(f"self.{name} = other")) == [expected]
        assert found(f'__slots__ = ("a", "{name}")') == [expected]
        assert found(f"{name}: int") == [expected]

    @pytest.mark.parametrize("name", FACTS)
    def test_of_facts_may(self, name):
        assert found(in_method(f"self.{name} = other")) == []

    @pytest.mark.parametrize(
        "source",
        [
            "class Other(NamedTuple):\n    closed: bool",
            "class Other(TypedDict):\n    closed: bool",
            "@dataclass(frozen=True, slots=True)\nclass Other:\n    closed: bool = False",
        ],
    )
    def test_records_may_have_any(self, source):
        assert check("_other.py", source) == []

    @pytest.mark.parametrize("decorator", ["@dataclass", "@dataclass()", "@dataclass(frozen=False)", "@final"])
    def test_what_can_change_is_no_record(self, decorator):
        assert len(check("_other.py", f"{decorator}\nclass Other:\n    closed: bool = False")) == 1

    def test_properties_and_methods_may(self):
        assert found("@property\ndef closed(self):\n    return self.state is State.CLOSED\n") == []
