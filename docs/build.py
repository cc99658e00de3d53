"""Write the pages that are made from the code: ``python docs/build.py``.

``states.md`` and ``states.svg`` come from the table in ``safews/_state.py``, ``options.md`` from ``safews.Options``,
``api.md`` from the docstrings, ``mutants.md`` from ``data/mutation.json``, which ``make mutants`` writes.
With ``--check`` nothing is written: each page that is not as it would be is named, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, get_type_hints

from api import api_page, attribute_docstrings, markdown
from diagram import diagram

from safews import Options, _option_rules, _options, _state
from safews._option_rules import Choice, CloseCode, Origins, OrOff, Rule, Seconds, Switch, Whole
from safews._state import TABLE, Input, State

DOCS = Path(__file__).parent
NOTE = "<!-- docs/build.py makes this page from safews/{}.py: change that, then run `make docs`. -->"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = list(head)
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# options.md


class Row(NamedTuple):
    """What the tables say of an option."""

    name: str
    default: str
    unit: str
    values: str
    variable: str
    meaning: str


def option_rows() -> list[Row]:
    """Return what there is to say of every option, in the order of ``Options``."""
    hints = get_type_hints(Options, include_extras=True)
    meanings = attribute_docstrings(Options)
    rows = []
    for field in dataclasses.fields(Options):
        rule: Rule = hints[field.name].__metadata__[0]
        meaning = meanings[field.name]
        variable = f"`{_options.PREFIX}{field.name.upper()}`"
        default, unit = _shown(field.default), _unit(field.name, rule, meaning)
        rows.append(Row(f"`{field.name}`", default, unit, _values(rule), variable, markdown(meaning)))
    return rows


def _shown(default: object) -> str:
    if default is None:
        return "off"
    if isinstance(default, bool):
        return "on" if default else "off"
    return (
        f"`{default}`" if isinstance(default, str) else f"{default:g}" if isinstance(default, float) else str(default)
    )


def _unit(name: str, rule: Rule, meaning: str) -> str:
    inner = rule.rule if isinstance(rule, OrOff) else rule
    if isinstance(inner, Seconds):
        return "seconds"
    if meaning.startswith("Bytes"):
        return "bytes"
    return "bits" if name.endswith("_bits") else ""


def _values(rule: Rule) -> str:
    match rule:
        case OrOff():
            return f"{_values(rule.rule)}; or off"
        case Seconds():
            return "0 or more" if rule.zero else "more than 0"
        case CloseCode():
            return "a close code that may be sent"
        case Whole():
            return f"{rule.least} or more" if rule.most is None else f"{rule.least} to {rule.most}"
        case Choice():
            return " or ".join(f"`{word}`" for word in rule.words)
        case Origins():
            return "a list of origins"
        case Switch():
            return "on or off"
    raise TypeError(f"no words for the rule {rule!r}")


OPTIONS = """\
{note}
# Options

What uvicorn has no setting for is an option of safews. Options are keyword arguments, which win,

```python
import uvicorn

import safews


async def app(scope, receive, send): ...


config = uvicorn.Config(app, ws=safews.Protocol.with_options(close_timeout=5, allowed_origins=["https://example.org"]))
```

or environment variables, which are read when `safews:Protocol` is resolved, so once in each process at its start:

```console
$ SAFEWS_CLOSE_TIMEOUT=5 SAFEWS_ALLOWED_ORIGINS=https://example.org uvicorn app:app --ws safews:Protocol
```

What the environment says for

- off, which in Python is `None`: {off};
- on and off of a switch, `True` and `False`: {true}; {false};
- a list: its elements, separated by commas.

A malformed value stops the start with an error that names the variable. A variable that begins with `{prefix}` and is
no option is one warning.

{table}

Every option is checked when it is given: `TypeError` for the wrong type, `ValueError` for a value out of range, both
with the option and the value in the text.

## uvicorn's own settings

They mean what uvicorn documents, with both codecs:

| Setting | uvicorn's default | What safews does with it |
| --- | --- | --- |
| `--ws-max-size` | 16777216 bytes | A larger message, inflated and over all fragments, is closed with 1009 |
| `--ws-max-queue` | 32 messages | So many messages wait for the app before reading from the peer pauses |
| `--ws-ping-interval` | 20 seconds | Time between two pings; 0 turns them off |
| `--ws-ping-timeout` | 20 seconds | Time for the answer to a ping before the connection is closed with 1011 |
| `--ws-per-message-deflate` | on | Whether compression is negotiated when the client offers it |
| `--limit-concurrency` | off | 503 to a handshake above it |
| `--limit-max-requests` | off | A finished handshake counts as one request |
| `--timeout-graceful-shutdown` | off | Seconds after which uvicorn cancels the apps that still run |
| `--root-path`, `--header`, `--date-header`, `--server-header`, `--access-log` | | As for HTTP |
"""


def options_page() -> str:
    """Return ``options.md``."""
    head = ["Option", "Default", "Unit", "Values", "Variable", "Meaning"]
    switches = _option_rules.SWITCH_WORDS
    return OPTIONS.format(
        note=NOTE.format("_options"),
        prefix=_options.PREFIX,
        off=_words(_option_rules.OFF_WORDS),
        true=_words(word for word, on in switches.items() if on),
        false=_words(word for word, on in switches.items() if not on),
        table=_table(head, option_rows()),
    )


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


# states.md

STATES = """\
{note}
# The life of a connection

{prose}

## The diagram

![The seven states and the inputs that lead from one to another](states.svg)

A connection begins in CONNECTING, which has the thick border. Inputs that a state takes without moving are not drawn:
they are the `stays` of the table.

## The table

Down the side the inputs, whose first word says where they come from; across the states. A cell is the state that
follows; an empty one cannot happen: the input is refused by an error that names both, and nothing changes.

{table}
"""


def states_page() -> str:
    """Return ``states.md``."""
    rows = [[f"`{input.name}`", *(_cell(state, input) for state in State)] for input in Input]
    return STATES.format(
        note=NOTE.format("_state"),
        prose="\n\n".join(_prose(inspect.getdoc(_state) or "")),
        table=_table(["Input", *(state.name for state in State)], rows),
    )


def _cell(state: State, input: Input) -> str:
    target = TABLE.get((state, input))
    if target is None:
        return ""
    return "stays" if target is state else target.name


def _prose(docstring: str) -> Iterator[str]:
    """Yield the paragraphs below the docstring's heading; an indented run of names and texts becomes a list."""
    for block in markdown(re.split(r"\n=+\n+", docstring)[1]).split("\n\n"):
        if block.startswith(" "):
            joined = re.sub(r"\n {5,}", " ", block)
            yield re.sub(r"^ +([A-Z]+) +", r"- **\1**: ", joined, flags=re.MULTILINE)
        else:
            yield block


# mutants.md

MUTANTS = """\
<!-- docs/build.py makes this page from docs/data/mutation.json, which `make mutants` writes. -->
# What no test notices

[Mutation testing](testing.md#mutation-testing) makes small changes to the core, one at a time. Each should fail a test.
These are the figures of {date}, commit {commit}, with {versions}.

{figures}

## The survivors

Each of these changes was looked at. None of them changes anything that a user, a peer or an app could notice.

{survivors}
"""


def mutants_page(data: Path = DOCS / "data" / "mutation.json") -> str:
    """Return ``mutants.md``."""
    summary = json.loads(data.read_text(encoding="utf-8"))
    of = dict(summary["of"])
    columns = ["changes", "noticed", "timeout", "survived"]
    rows = [[f"`{module}`", *(str(figures[key]) for key in columns)] for module, figures in summary["modules"].items()]
    total = [str(sum(figures[key] for figures in summary["modules"].values())) for key in columns]
    return MUTANTS.format(
        date=of.pop("date"),
        commit=of.pop("commit"),
        versions=", ".join(f"{name} {version}" for name, version in of.items()),
        figures=_table(["Module", "Changes", "Noticed", "Timed out", "Survived"], [*rows, ["All", *total]]),
        survivors="\n\n".join(_survivors(summary["survivors"])),
    )


def _survivors(survivors: list[dict[str, str]]) -> Iterator[str]:
    """Yield a section for each reason, with the changes that it explains."""
    for why in dict.fromkeys(survivor["why"] for survivor in survivors):
        lines: dict[tuple[str, str], list[str]] = {}
        for survivor in survivors:
            if survivor["why"] == why:
                lines.setdefault((survivor["function"], survivor["before"]), []).append(_code(survivor["after"]))
        rows = [
            [f"`{function}`", _code(line), "<br>".join(dict.fromkeys(after))]
            for (function, line), after in lines.items()
        ]
        yield f"{markdown(why)}\n\n{_table(['Function', 'Line', 'Changed to'], rows)}"


def _code(line: str) -> str:
    """Return a line of code for a cell of a table."""
    escaped = line.replace("|", "\\|")
    return f"`{escaped}`" if line else ""


# The command


def pages() -> dict[str, str]:
    """Return each page's name and text."""
    return {
        "api.md": api_page(),
        "mutants.md": mutants_page(),
        "options.md": options_page(),
        "states.md": states_page(),
        "states.svg": diagram(),
    }


def main(argv: list[str] | None = None, folder: Path = DOCS) -> int:
    """Write the pages to a folder, or check those there; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, and name what is not up to date")
    check = parser.parse_args(argv).check
    stale = 0
    for name, text in pages().items():
        path = folder / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path} is not up to date: run `make docs`")
            stale = 1
    return stale


if __name__ == "__main__":
    raise SystemExit(main())
