"""Who knows whom: the core knows no network, no codec knows the other's library, and ``safews`` alone loads neither."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "safews"

SHELL = {
    "safews",
    "safews.__main__",
    "safews._admission",
    "safews._app",
    "safews._app_errors",
    "safews._check",
    "safews._configure",
    "safews._flow",
    "safews._idle",
    "safews._keepalive",
    "safews._lookup",
    "safews._options",
    "safews._output",
    "safews._protocol",
    "safews._pulse",
    "safews._report",
    "safews._requirements",
    "safews._shutdown",
    "safews._socket",
    "safews._statistics",
    "safews._takeover",
    "safews._timers",
    "safews._turn",
    "safews.metrics",
    "safews.websockets",
    "safews.workers",
    "safews.wsproto",
}
"""The asyncio side and what users name. ``safews`` itself imports nothing but the options at once."""

CORE = [
    "safews._answer",
    "safews._arriving",
    "safews._close",
    "safews._codecs",
    "safews._codecs._base",
    "safews._codecs.websockets",
    "safews._codecs.wsproto",
    "safews._connection",
    "safews._deflate",
    "safews._effects",
    "safews._events",
    "safews._extensions",
    "safews._fast_lane",
    "safews._frame_header",
    "safews._frames",
    "safews._framing",
    "safews._handshake",
    "safews._headers",
    "safews._inbox",
    "safews._info",
    "safews._masking",
    "safews._messages",
    "safews._option_rules",
    "safews._origins",
    "safews._outbox",
    "safews._patience",
    "safews._reader",
    "safews._request",
    "safews._request_head",
    "safews._state",
]
"""What can be used without a network, a clock or a server."""

NETWORK = {"asyncio", "uvicorn", "socket", "ssl", "select", "selectors", "threading", "uvloop", "time"}

PROTOCOL_OF_WEBSOCKETS = ("websockets.protocol", "websockets.frames", "websockets.server")


def modules() -> dict[str, Path]:
    """Return every module of the package but the demo and the start-up hook, which are programs of their own."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] not in ("demo", "_startup"):
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(module: str) -> set[str]:
    """Return the full names of what a module imports, at whatever place in it."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            is_package = MODULES[module].name == "__init__.py"
            parents = module.split(".")[: len(module.split(".")) - node.level + is_package] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def libraries(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(module)} - {"safews"}


def own(module: str) -> set[str]:
    return (imports(module) & MODULES.keys()) - {"safews"}


def loaded(statement: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a statement, and had not before."""
    script = f"import sys; before = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(result.stdout.split())


class TestModules:
    def test_each_is_on_one_side(self):
        assert sorted(SHELL | {*CORE}) == sorted(MODULES)
        assert not SHELL & {*CORE}

    @pytest.mark.parametrize("module", CORE)
    def test_core_imports_no_network(self, module):
        assert libraries(module) & NETWORK == set()

    @pytest.mark.parametrize("module", CORE)
    def test_core_imports_nothing_of_the_asyncio_side(self, module):
        assert own(module) & SHELL <= {"safews._options"}

    def test_the_options_import_no_network_either(self):
        assert libraries("safews._options") & NETWORK == set()
        assert own("safews._options") <= {*CORE}

    def test_only_the_protocols_side_knows_uvicorn(self):
        knowing = {module for module in MODULES if "uvicorn" in libraries(module)}
        assert knowing <= SHELL
        assert "safews._protocol" in knowing

    def test_imports_are_found_in_the_text(self):
        assert {"asyncio", "uvicorn"} <= libraries("safews._protocol")
        assert "safews._connection" in own("safews._protocol")
        assert "safews._close" in own("safews._codecs._base")
        assert "safews._codecs._base" in own("safews._codecs.wsproto")


class TestCodecs:
    @pytest.mark.parametrize(("codec", "other"), [("wsproto", "websockets"), ("websockets", "wsproto")])
    def test_imports_its_own_library_alone(self, codec, other):
        assert codec in libraries(f"safews._codecs.{codec}")
        assert other not in libraries(f"safews._codecs.{codec}")

    def test_nobody_else_imports_a_library_but_for_its_masking_function(self):
        users = {module: libraries(module) & {"wsproto", "websockets"} for module in MODULES}
        assert {module: names for module, names in users.items() if names} == {
            "safews._codecs.wsproto": {"wsproto"},
            "safews._codecs.websockets": {"websockets"},
            "safews._masking": {"websockets"},
        }

    def test_masking_takes_nothing_but_the_module_in_c(self):
        names = {name for name in imports("safews._masking") if name.startswith("websockets")}
        assert names == {"websockets.speedups", "websockets.speedups.apply_mask"}


class TestLoaded:
    """What an interpreter has really loaded."""

    def test_safews_alone_loads_no_library_and_no_network(self):
        names = loaded("import safews")
        assert {name.partition(".")[0] for name in names} & {
            "uvicorn",
            "wsproto",
            "websockets",
            "h11",
            "asyncio",
        } == set()

    @pytest.mark.parametrize("codec", ["wsproto", "websockets"])
    def test_core_with_a_codec_loads_no_network(self, codec):
        names = loaded(f"import safews._connection, safews._patience, safews._codecs.{codec}")
        assert {name.partition(".")[0] for name in names} & {"uvicorn", "asyncio", "uvloop"} == set()
        assert "safews._connection" in names

    def test_core_without_a_codec_loads_no_protocol_of_a_library(self):
        names = loaded("import safews._connection")
        assert {
            name for name in names if name.startswith(("wsproto", "websockets.protocol", "websockets.frames"))
        } == set()

    def test_the_codec_on_wsproto_loads_no_protocol_of_websockets(self):
        names = loaded("import safews._codecs.wsproto")
        assert {name for name in names if name.startswith(PROTOCOL_OF_WEBSOCKETS)} == set()
        assert "wsproto" in names

    def test_the_codec_on_websockets_loads_nothing_of_wsproto(self):
        names = loaded("import safews._codecs.websockets")
        assert {name for name in names if name.startswith("wsproto")} == set()
        assert "websockets.protocol" in names
