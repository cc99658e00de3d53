"""The files of the demo's page, as they are served and as they are written."""

from __future__ import annotations

import itertools
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from safews.demo import _files
from tests.demo_serving import served
from tests.harness import run
from tests.installed import build_wheel

PAGE = Path(_files.__file__).parent / "page"
NAMES = sorted(path.name for path in PAGE.iterdir())
SCRIPTS = [name for name in NAMES if name.endswith(".js")]


async def answer(path: str, method: str = "GET", host: bytes = b"127.0.0.1:8000", scheme: str = "http") -> Any:
    """Call the part that serves files; returns status, headers and body."""
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    scope = {"path": path, "method": method, "scheme": scheme, "headers": [(b"host", host)]}
    await _files.respond(scope, send)
    start, body = sent
    return start["status"], {name.decode(): value.decode() for name, value in start["headers"]}, body["body"]


def policy(**request: Any) -> dict[str, str]:
    """The Content-Security-Policy of the page."""
    _, headers, _ = run(answer("/", **request))
    directives = headers["content-security-policy"].split("; ")
    return dict(directive.split(maxsplit=1) for directive in directives)


class TestServing:
    @pytest.mark.parametrize(
        ("path", "type"),
        [("/", "text/html"), ("/page.css", "text/css"), *((f"/{name}", "text/javascript") for name in SCRIPTS)],
    )
    async def test_each_file_has_its_type(self, path: str, type: str) -> None:
        status, headers, body = await answer(path)
        assert (status, headers["content-type"]) == (200, f"{type}; charset=utf-8")
        assert headers["content-length"] == str(len(body))
        assert headers["x-content-type-options"] == "nosniff"
        assert body == (PAGE / (path[1:] or "page.html")).read_bytes()

    async def test_through_a_server(self) -> None:
        async with served() as server, server.connect() as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            head, _, body = (await client.rest()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert body == (PAGE / "page.html").read_bytes()

    async def test_head_has_no_body(self) -> None:
        status, headers, body = await answer("/", "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 1000

    async def test_another_method_is_refused(self) -> None:
        status, headers, _ = await answer("/", "POST")
        assert (status, headers["allow"]) == (405, "GET, HEAD")

    @pytest.mark.parametrize("path", ["/nothing", "/page.html", "/../_files.py", ""])
    async def test_another_path_is_not_found(self, path: str) -> None:
        status, headers, body = await answer(path)
        assert (status, headers["content-type"]) == (404, "text/plain; charset=utf-8")
        assert b"The page is at /" in body


class TestPolicy:
    def test_it_allows_what_the_page_has_and_nothing_else(self) -> None:
        assert policy() == {
            "default-src": "'none'",
            "script-src": "'self'",
            "worker-src": "'self'",
            "style-src": "'self'",
            "img-src": "data:",
            "connect-src": "'self' ws://127.0.0.1:8000",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }

    @pytest.mark.parametrize("host", ["localhost", "[::1]:8000", "demo.example:443"])
    def test_the_sockets_are_those_of_the_same_host(self, host: str) -> None:
        assert policy(host=host.encode())["connect-src"] == f"'self' ws://{host}"
        assert policy(host=host.encode(), scheme="https")["connect-src"] == f"'self' wss://{host}"

    @pytest.mark.parametrize("host", ["", "a b", "a;script-src *", "a,b", "*", "a/b", "ü"])
    def test_what_is_no_host_gets_nowhere(self, host: str) -> None:
        assert policy(host=host.encode())["connect-src"] == "'self'"


class TestFiles:
    def test_all_are_in_the_wheel(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(build_wheel(tmp_path)) as archive:
            packed = [Path(name).name for name in archive.namelist() if name.startswith("safews/demo/page/")]
        assert sorted(packed) == NAMES

    def test_the_page_has_no_script_or_style_in_itself(self) -> None:
        text = (PAGE / "page.html").read_text(encoding="utf-8")
        assert (
            re.findall(r"<script(?! type=\"module\" src=\"/page.js\"></script>)|<style|\son\w+=|\sstyle=", text) == []
        )

    @pytest.mark.parametrize("name", NAMES)
    def test_nothing_is_loaded_from_elsewhere(self, name: str) -> None:
        text = (PAGE / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"(?:https?:)?//[\w.]+\.\w+|@import|url\(", re.sub(r"// .*", "", text)) == []

    @pytest.mark.parametrize("name", SCRIPTS)
    def test_no_script_makes_markup_from_text(self, name: str) -> None:
        text = (PAGE / name).read_text(encoding="utf-8")
        assert (
            re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|srcdoc|new Function", text)
            == []
        )


def luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2) of ``#rrggbb``."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palettes() -> list[dict[str, str]]:
    """The colours of the light and of the dark page, by name."""
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    roots = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", root)) for root in roots]
    return [colors for colors in found if colors]


class TestContrast:
    """WCAG 2.2, level AA: 4.5 for text, 3 for the outline of a control."""

    GROUNDS = ("client", "server", "raised", "sunken")

    @pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
    @pytest.mark.parametrize("name", ["ink", "soft", "accent", "good", "bad", "warn", "cut"])
    def test_text_can_be_read(self, palette: int, name: str) -> None:
        colors = palettes()[palette]
        assert min(contrast(colors[name], colors[ground]) for ground in self.GROUNDS) >= 4.5

    @pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
    def test_buttons_can_be_read(self, palette: int) -> None:
        colors = palettes()[palette]
        assert contrast(colors["on-accent"], colors["accent"]) >= 4.5
        assert contrast(colors["accent"], colors["accent-wash"]) >= 4.5

    @pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
    def test_controls_can_be_seen(self, palette: int) -> None:
        colors = palettes()[palette]
        assert min(contrast(colors["edge"], colors[ground]) for ground in self.GROUNDS) >= 3

    def test_the_two_have_the_same_names(self) -> None:
        light, dark = palettes()
        assert light.keys() == dark.keys()
        assert all(one != other for one, other in itertools.pairwise([light, dark]))
