"""A lint: nothing in safews but ``_state.py`` decides how far a connection has come.

``python tests/lint_lifecycle.py`` (part of ``make check``) prints what it finds and fails if that is anything:

* a state that is set anywhere but in ``_state.py``, and a use of the table or of ``Lifecycle`` by anyone but its owner;
* an attribute that is a boolean in disguise of a state: one that is set to ``True``, ``False`` or the outcome of a
  comparison, or later to a parameter that is a ``bool``, and one that is named like a step of a connection's life;
* the same of a variable that a nested function sets (``nonlocal``).

What is constant once its object is made decides no lifecycle: what ``__init__`` takes over or computes, and the fields
of a ``NamedTuple`` or a frozen dataclass. ``ALLOWED`` has the facts that are no lifecycle, with the reason.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parent.parent / "safews"

STATE_MODULE = "_state.py"
OWNER_MODULE = "_connection.py"

ALLOWED = {
    ("_flow.py", "paused"): "whether the transport takes output: it goes to and fro in every state that writes",
    ("_flow.py", "is_busy"): "whether a sender would have to wait: that, or others who do",
    ("_output.py", "_is_gathering"): "whether the end of this turn is awaited: to and fro with every turn",
    ("_reader.py", "output_paused"): "the same, as the connection is told it",
    ("_connection.py", "output_paused"): "told on to the reader",
    (
        "_reader.py",
        "pong_is_waiting",
    ): "whether a Pong waits for the transport: holds up reading, nothing else",
    ("_protocol.py", "_is_reading"): "whether the transport is read: flow control, to and fro while open",
    ("_pulse.py", "_is_beating"): "whether a beat is at work: to and fro with every beat",
    ("_framing.py", "is_clear"): "whether anything is held: it goes to and fro with every read",
    ("_framing.py", "wants_data"): "whether what was fed has been parsed: it goes to and fro with every read",
    (
        "_framing.py",
        "_ending",
    ): "the record of what the peer ended with; what follows is in the table",
    ("_framing.py", "ending"): "the same, carried by an exception",
    ("_app.py", "_gone_since"): "the time of the first send to nobody, for after_disconnect",
}
"""Attributes by the module that sets them, and why they are no lifecycle."""

_STEPS = re.compile(
    r"(?:^|_)(?:aborted|accepted|alive|answered|clos(?:ed|ing)|connect(?:ed|ing)|dead|den(?:ied|ying)|destroyed|detached|"
    r"disconnect(?:ed|ing)|done|drain(?:ed|ing)|ended|ending|established|finali[sz]ed|finished|gone|"
    r"handshake_(?:complete|completed|over)|initiali[sz]ed|lost|open|opened|over|phase|ready|rejected|running|"
    r"shut(?:down|ting)?|started|stopped|terminated|torn|upgraded)(?:_|$)"
)
"""What a name has that says how far something has come; ``close_code`` and the like are told apart by ``_FACTS``."""

_FACTS = re.compile(r"_(?:at|code|reason|timeout|grace|record|headers|handle)$|^max_|^on_")


Function = ast.FunctionDef | ast.AsyncFunctionDef


class Finding(NamedTuple):
    """Something that the lint does not let pass."""

    module: str
    line: int
    detail: str

    def __str__(self) -> str:
        return f"safews/{self.module}:{self.line}: {self.detail}"


class Setting(NamedTuple):
    """An assignment to an attribute, or to a variable of an enclosing function."""

    name: str
    value: ast.expr | None
    line: int
    function: Function | None


def check(module: str, source: str) -> list[Finding]:
    """Return what is wrong with a module of safews, given by its path in the package."""
    tree = ast.parse(source)
    settings = list(_settings(tree, None))
    findings = set(_check_state(module, tree, settings))
    names = {*_attributes(tree), *((setting.name, setting.line) for setting in settings)}
    for name, line in names:
        if (module, name) not in ALLOWED and _names_a_step(name):
            findings.add(Finding(module, line, f"{name} is named like a step of a connection's life"))
    for setting in settings:
        if (module, setting.name) not in ALLOWED and _is_boolean(setting):
            findings.add(Finding(module, setting.line, f"{setting.name} is set to a boolean"))
    return sorted(findings)


def check_package(package: Path = PACKAGE) -> list[Finding]:
    """Return what is wrong with the package, and entries of ``ALLOWED`` that nothing needs any more."""
    findings = []
    set_there = set()
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).as_posix()
        source = path.read_text()
        findings += check(module, source)
        set_there |= {(module, setting.name) for setting in _settings(ast.parse(source), None)}
    findings += [
        Finding(module, 0, f"{name} is allowed here, but nothing sets it")
        for module, name in sorted(ALLOWED.keys() - set_there)
    ]
    return findings


def _check_state(module: str, tree: ast.AST, settings: Iterable[Setting]) -> Iterator[Finding]:
    """Look for a state that is set, and for uses of the table and of ``Lifecycle``."""
    if module == STATE_MODULE:
        return
    for setting in settings:
        if setting.name.lstrip("_") == "state":
            yield Finding(module, setting.line, "state is set outside _state.py")
    for node in ast.walk(tree):
        name = _used_name(node)
        line = getattr(node, "lineno", 0)
        if name == "TABLE":
            yield Finding(module, line, "TABLE is used outside _state.py")
        elif module != OWNER_MODULE and _is_of_lifecycle(node, name):
            yield Finding(module, line, "the lifecycle is used by another than the connection")


def _is_of_lifecycle(node: ast.AST, name: str | None) -> bool:
    """Say whether this is the class, or a call of what it has."""
    return name == "Lifecycle" or (isinstance(node, ast.Attribute) and name in ("apply", "takes"))


def _used_name(node: ast.AST | None) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.alias):
        return node.name
    return None


def _settings(node: ast.AST, function: Function | None) -> Iterator[Setting]:
    """Find every assignment to an attribute, however it is written."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        function = node
        yield from _nonlocal_settings(node)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _of_target(target, node.value, function)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        yield from _of_target(node.target, node.value, function)
    elif isinstance(node, ast.Delete):
        for target in node.targets:
            yield from _of_target(target, None, function)
    elif isinstance(node, ast.Call):
        yield from _of_call(node, function)
    for child in ast.iter_child_nodes(node):
        yield from _settings(child, function)


def _of_target(target: ast.expr, value: ast.expr | None, function: Function | None) -> Iterator[Setting]:
    if isinstance(target, ast.Attribute):
        yield Setting(target.attr, value, target.lineno, function)
    elif isinstance(target, (ast.Tuple, ast.List)):
        values: list[ast.expr | None] = [None] * len(target.elts)
        if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
            values = [*value.elts]
        for element, of_element in zip(target.elts, values, strict=True):
            yield from _of_target(element, of_element, function)


def _of_call(node: ast.Call, function: Function | None) -> Iterator[Setting]:
    """Read ``setattr(x, "name", value)`` and ``object.__setattr__(x, "name", value)``."""
    if _used_name(node.func) in ("setattr", "__setattr__") and len(node.args) == 3:
        name = node.args[1]
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            yield Setting(name.value, node.args[2], node.lineno, function)


def _nonlocal_settings(function: Function) -> Iterator[Setting]:
    shared = {name for node in ast.walk(function) if isinstance(node, ast.Nonlocal) for name in node.names}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id in shared:
                    yield Setting(target.id, node.value, node.lineno, function)


def _attributes(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Find the attributes that classes declare, but for those of records, which cannot change."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or _is_record(node):
            continue
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                yield statement.target.id, statement.lineno
            elif isinstance(statement, ast.Assign) and _used_name(statement.targets[0]) == "__slots__":
                for constant in ast.walk(statement.value):
                    if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                        yield constant.value, constant.lineno


def _is_record(node: ast.ClassDef) -> bool:
    """Say whether the objects of a class are constant; a ``TypedDict`` is somebody else's vocabulary."""
    if any(_used_name(base) in ("NamedTuple", "TypedDict") for base in node.bases):
        return True
    return any(
        isinstance(decorator, ast.Call)
        and _used_name(decorator.func) == "dataclass"
        and any(word.arg == "frozen" and _is_true(word.value) for word in decorator.keywords)
        for decorator in node.decorator_list
    )


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _names_a_step(name: str) -> bool:
    return _STEPS.search(name) is not None and _FACTS.search(name) is None


def _is_boolean(setting: Setting) -> bool:
    """Say whether an attribute can go from one truth to another: what ``__init__`` computes is there for good."""
    value, function = setting.value, setting.function
    if value is None:
        return False
    if function is not None and function.name == "__init__":
        return isinstance(value, ast.Constant) and isinstance(value.value, bool)
    return _is_truth(value, _flags(function))


def _flags(function: Function | None) -> set[str]:
    """Return the parameters of a function that are booleans."""
    if function is None:
        return set()
    arguments = function.args
    parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return {parameter.arg for parameter in parameters if _used_name(parameter.annotation) == "bool"}


def _is_truth(node: ast.expr, flags: set[str]) -> bool:
    """Say whether an expression is a boolean by its form."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.BoolOp):
        return all(_is_truth(value, flags) for value in node.values)
    if isinstance(node, ast.IfExp):
        return _is_truth(node.body, flags) or _is_truth(node.orelse, flags)
    if isinstance(node, ast.Call):
        return _used_name(node.func) in ("bool", "isinstance", "any", "all")
    if isinstance(node, ast.Name):
        return node.id in flags
    return isinstance(node, ast.Compare)


def main() -> int:
    """Print what is found; return the exit status."""
    findings = check_package()
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
