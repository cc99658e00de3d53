"""``python -m tests.fuzz.engine TARGET [argument of libFuzzer ...]``: the fuzzer itself, in a process of its own.

atheris adds the counting of coverage to modules as they are imported, so nothing of safews may have been before.
"""

from __future__ import annotations

import importlib
import shlex
import sys

import atheris

from tests.fuzz.corpus import WORK
from tests.fuzz.reached import counting

COUNTED = {
    "codecs": ["safews", "websockets", "wsproto"],
    "framing": ["safews", "websockets", "wsproto"],
    "connection": ["safews"],
    "handshake": ["safews", "h11"],
}
"""The packages whose coverage guides the fuzzer, for each target: counting has its price."""


def main() -> None:
    """Run a target. libFuzzer ends the process."""
    target, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=COUNTED[target]):
        check = importlib.import_module(f"tests.fuzz.{target}").check
    # To minimise, libFuzzer starts itself anew: a shell gets its name and the arguments.
    program = f"{shlex.quote(sys.executable)} -m tests.fuzz.engine {target}"
    atheris.Setup([program, *arguments], counting(check, WORK / f"{target}.reached.json"))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
