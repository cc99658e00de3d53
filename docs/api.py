"""The API reference, made from the docstrings: every name that is public has one, or there is no page."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import pairwise
from types import ModuleType
from typing import Any, get_type_hints

import safews

NOT_MODULES = {"demo"}
"""What is public by its name and nothing to import from: the demo is a program."""

NOT_MEMBERS = {
    "WebSocketProtocol": {
        *("account", "buffered", "notice_loss", "round_trip", "settle", "shutdown", "state", "update_reading"),
    },
}
"""What safews's own modules and uvicorn call of the protocol class, by the class in which it stands."""

PAGE = """\
<!-- docs/build.py makes this page from the docstrings in safews/: change these, then run `make docs`. -->
# API reference

Every name that is public. Whatever begins with an underscore, modules included, may change in any release. Most users
need none of this: `--ws safews:Protocol` and the [options](options.md) are all there is to it.

{modules}
"""


class Undocumented(ValueError):
    """A public name has no docstring."""


def api_page() -> str:
    """Return ``api.md``. Raises ``Undocumented`` for a public name without a docstring."""
    seen: dict[str, str] = {}
    return PAGE.format(modules="\n\n".join(block for module in public_modules() for block in _module(module, seen)))


def public_modules() -> Iterator[ModuleType]:
    """Yield the package and the modules in it that have public names."""
    yield safews
    for info in pkgutil.iter_modules(safews.__path__):
        if not info.name.startswith("_") and info.name not in NOT_MODULES:
            yield importlib.import_module(f"safews.{info.name}")


def public_names(module: ModuleType) -> list[str]:
    """Return what a module offers: its ``__all__``, or what it has made itself."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]


def attribute_docstrings(thing: type | ModuleType) -> dict[str, str]:
    """Read the string below each field of a class or constant of a module, which Python itself throws away."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    body = tree.body if isinstance(thing, ModuleType) else tree.body[0].body  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    for field, text in pairwise(body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(docstring))),
            ):
                found[name] = " ".join(docstring.split())
    return found


def markdown(docstring: str) -> str:
    """Turn a docstring into Markdown: double backticks into single ones, a block behind ``::`` into a block of code."""
    text = re.sub(
        r"::\n\n((?: +.*(?:\n|$)|\n(?= ))+)",
        lambda found: f":\n\n```text\n{textwrap.dedent(found[1]).rstrip()}\n```\n",
        docstring,
    )
    return re.sub(r"(?<!`)``(?!`)", "`", text)


def _module(module: ModuleType, seen: dict[str, str]) -> Iterator[str]:
    yield f"## {module.__name__}"
    yield markdown(docstring(module, module.__name__))
    constants = attribute_docstrings(module)
    for name in public_names(module):
        value, full = getattr(module, name), f"{module.__name__}.{name}"
        if inspect.isclass(value):
            yield from _class(value, full, seen)
        elif callable(value):
            yield from _callable(value, full, "###", full)
        else:
            if name not in constants:
                raise Undocumented(f"{full} has no docstring")
            yield f"### `{full}`"
            yield markdown(constants[name])


def _class(cls: type, full: str, seen: dict[str, str]) -> Iterator[str]:
    yield f"### `{full}`"
    text = markdown(docstring(cls, full))
    yield text
    # The protocol class is one for each codec.
    if (other := seen.setdefault(text, full)) != full:
        yield f"It has what [`{other}`](#{re.sub('[^a-z_]', '', other.lower())}) has."
        return
    fields = list(_fields(cls, full))
    if fields:
        yield "\n".join(fields)
    for name, member in _members(cls):
        if isinstance(member, property):
            yield f"#### `{name}`"
            yield markdown(docstring(member, f"{full}.{name}"))
        else:
            yield from _callable(getattr(cls, name), f"{full}.{name}", "####", name)


def _fields(cls: type, full: str) -> Iterator[str]:
    """Yield a line for each field of a dataclass or a named tuple, and for each member of an enumeration."""
    shown = _shown_fields(cls)
    docstrings = attribute_docstrings(cls) if shown else {}
    for name, what in shown.items():
        if name not in docstrings:
            raise Undocumented(f"{full}.{name} has no docstring")
        yield f"- `{name}`: `{what}`. {markdown(docstrings[name])}"


def _shown_fields(cls: type) -> dict[str, str]:
    """Return the type of each field, or the value of each member, by its name."""
    if issubclass(cls, Enum):
        return {member.name: repr(member.value) for member in cls}
    names = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    names = names or list(getattr(cls, "_fields", []))
    hints = get_type_hints(cls) if names else {}
    return {name: _type(hints[name]) for name in names}


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class offers to its users: not what it overrides for those who call it."""
    others = {name for base in (*cls.__mro__, asyncio.Protocol) if _home(base) != "safews" for name in dir(base)}
    for base in cls.__mro__:
        hidden = NOT_MEMBERS.get(base.__name__, set())
        for name, member in vars(base).items():
            of_ours = _home(base) == "safews" and not name.startswith("_") and name not in others | hidden
            if of_ours and (isinstance(member, (property, classmethod, staticmethod)) or inspect.isfunction(member)):
                yield name, member


def _home(cls: type) -> str:
    return cls.__module__.partition(".")[0]


def _callable(value: Callable[..., object], full: str, level: str, shown: str) -> Iterator[str]:
    yield f"{level} `{shown}()`"
    yield f"`{signature(value)}`"
    yield markdown(docstring(value, full))


def signature(value: Callable[..., object]) -> str:
    """Return how a function is called, as its source has it: what a default is at this moment is nobody's business."""
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(value))).body
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
    arguments = re.sub(r"^(self|cls(: type\[\w+\])?)(, |$)", "", ast.unparse(function.args))
    return f"{function.name}({arguments})" + (f" -> {ast.unparse(function.returns)}" if function.returns else "")


def _type(hint: object) -> str:
    plain = isinstance(hint, type) and not hasattr(hint, "__args__")
    return hint.__name__ if plain else re.sub(r"\b(typing|collections\.abc)\.", "", str(hint))  # type: ignore[attr-defined]


def docstring(thing: object, name: str) -> str:
    """Return what somebody has written of a thing. Raises ``Undocumented`` if nobody has."""
    own = inspect.cleandoc(thing.__doc__ or "")
    # Dataclasses and named tuples without a docstring are given their signature.
    if not own or own.startswith(f"{getattr(thing, '__name__', '')}("):
        raise Undocumented(f"{name} has no docstring")
    return own
