"""The demo's page in a browser, on a desk's width and on a phone's."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser import chromium, missing
from tests.demo_serving import asking, running
from tests.harness import DEADLINE, close_frame

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebSocketRoute

MISSING = missing()
if MISSING is None:
    from playwright.sync_api import expect

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

DESK, PHONE = 1280, 390

LONG = 30_000
"""Milliseconds that a case may take."""

CASES = {
    "Refused": ("1006, never open", "answered 403"),
    "Refused with a body": ("1006, never open", "answered 429"),
    "Crash before accepting": ("1006, never open", "answered 500 · RuntimeError: crashed on purpose, before accepting"),
    "Slow to accept": ("1000 · open after ", "1000 by peer"),
    "Left while waiting": ("1006, never open", "left before the answer"),
    "Round trips": ("1000 · echoed in ", "1000 by peer · ping "),
    "A big message": ("1000 · in ", "1000 by peer"),
    "Too big": ("1009 “message of more than 16777216 bytes”", "1009 by server"),
    "A flood, read slowly": ("1000 “that was all” · 240 messages", "1000 by app · send waited "),
    "Crash while open": ("1011", "1011 by app · RuntimeError: crashed on purpose, while open"),
    "Closed by the page": ("4002 “done here”", "4002 by peer"),
    "Closed by the app": ("4001 “enough”", "4001 by app"),
    "The app returns": ("1000", "1000 by app"),
    "A code that may not be sent": ("1011", "1011 by app · ValueError: 'code' of websocket.close cannot be 1005"),
    "The tab is closed": ("is gone", "1001 by peer"),
    "The line is cut": ("is not part of it", "1006 by network"),
}
"""How what each end saw begins, by the case's name."""

WATCH_SHIFTS = """() => {
    window.shifts = [];
    const note = (list) => list.getEntries().forEach(({ value, sources }) => {
        window.shifts.push(`${value}: ${sources.map(({ node }) => node?.outerHTML ?? "?").join()}`);
    });
    new PerformanceObserver(note).observe({ type: "layout-shift" });
}"""
"""Take down each time that something on the page is moved by something else."""

NEVER_OPEN = r"WebSocket connection to 'ws://[^']+/(refuse|deny|crash-early|slow)\?n=[^']+' failed: "
"""What Chromium says in its console of a WebSocket that was not opened, which no page can prevent."""


class Complaints(list[str]):
    """What the browser has complained of, but for what is expected."""

    def __init__(self) -> None:
        super().__init__()
        self.expected = "(?!)"

    def hear(self, text: str) -> None:
        if not re.match(self.expected, text):
            self.append(text)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a demo."""
    with running() as (_, address):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """What the browser complains of: at the end of the test there must be nothing."""
    complaints = Complaints()
    yield complaints
    assert complaints == []


@pytest.fixture
def width() -> int:
    """The width of the window, in pixels."""
    return DESK


@pytest.fixture
def new_page(browser: Browser, width: int, complaints: Complaints) -> Iterator[Callable[[], Page]]:
    """Make a page in a window of that width, which has not gone anywhere yet."""
    context = browser.new_context(viewport={"width": width, "height": 800})

    def hear(message: ConsoleMessage) -> None:
        complaints.hear(message.text)

    def new_page() -> Page:
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.hear(str(error)))
        return page

    yield new_page
    context.close()


@pytest.fixture
def page(new_page: Callable[[], Page], address: str) -> Page:
    """The demo's page, which follows the server."""
    page = new_page()
    page.goto(address)
    expect(page.locator("#feed")).to_have_text("live")
    return page


def case_of(page: Page, name: str) -> Locator:
    return page.locator(".case").filter(has=page.get_by_role("button", name=f"Run: {name}", exact=True))


def run_case(page: Page, name: str) -> Locator:
    """Run a case to its end."""
    case = case_of(page, name)
    case.get_by_role("button").click()
    expect(case).to_have_attribute("data-outcome", re.compile("right|wrong"), timeout=LONG)
    return case


def connect(page: Page) -> None:
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#console-state")).to_have_text("open")


class TestCases:
    def test_there_are_these(self, page: Page) -> None:
        assert page.locator(".case .title").all_inner_texts() == [*CASES]

    @pytest.mark.parametrize("width", [DESK, PHONE])
    def test_both_ends_see_what_they_should_and_nothing_moves(self, page: Page, complaints: Complaints) -> None:
        complaints.expected = NEVER_OPEN
        page.evaluate(WATCH_SHIFTS)
        for name, expected in CASES.items():
            case = run_case(page, name)
            seen = [case.locator(f".{end}").inner_text() for end in ("page", "server-end")]
            assert all(map(str.startswith, seen, expected)), (name, seen)
            expect(case).to_have_attribute("data-outcome", "right")
            expect(page.locator("#announcer")).to_have_text(f"{name}: as expected. Page: {seen[0]}. Server: {seen[1]}.")
        assert page.evaluate("window.shifts") == []
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")

    def test_all_at_once(self, page: Page, complaints: Complaints) -> None:
        complaints.expected = NEVER_OPEN
        page.get_by_role("button", name="Run all").click()
        expect(page.locator("#verdict")).to_have_text("16 of 16 as expected", timeout=2 * LONG)

    def test_what_is_not_as_expected_is_said_to_be_wrong(self, new_page: Callable[[], Page], address: str) -> None:
        page = new_page()

        def end_otherwise(route: WebSocketRoute) -> None:
            route.connect_to_server().on_close(lambda code, reason: route.close(code=4999))

        page.route_web_socket(re.compile("/leave"), end_otherwise)
        page.goto(address)
        case = run_case(page, "The app returns")
        expect(case).to_have_attribute("data-outcome", "wrong")
        expect(case.locator(".page")).to_have_text("4999")
        expect(page.locator("#announcer")).to_contain_text("The app returns: not as expected")

    @pytest.mark.parametrize(
        ("code", "reason", "page_sees", "server_sees"),
        [
            ("3000", "", "3000", "3000 by app"),
            ("1001", "grüße <b>&amp;", "1001 “grüße <b>&amp;”", "1001 by app"),
            ("1006", "", "1011", "1011 by app · ValueError: 'code' of websocket.close"),
            ("4000", "é" * 62, "1011", "1011 by app · ValueError: 'reason' of websocket.close"),
            ("4000", "é" * 61, "4000 “" + "é" * 61 + "”", "4000 by app"),
            ("none", "", "1011", "1011 by app · ValueError: "),
        ],
        ids=["code", "code-and-reason", "no-such-code", "reason-too-long", "longest-reason", "no-code"],
    )
    def test_the_app_closes_as_it_is_told(
        self, page: Page, code: str, reason: str, page_sees: str, server_sees: str
    ) -> None:
        case = case_of(page, "Closed by the app")
        case.get_by_label("Code").fill(code)
        case.get_by_label("Reason").fill(reason)
        expect(case.locator(".page")).to_have_text(page_sees)
        run_case(page, "Closed by the app")
        expect(case).to_have_attribute("data-outcome", "right")
        expect(case.locator(".page")).to_have_text(page_sees)
        expect(case.locator(".server-end")).to_contain_text(server_sees)


class TestConsole:
    @pytest.mark.parametrize("width", [DESK, PHONE])
    def test_text_and_binary_come_back(self, page: Page) -> None:
        connect(page)
        page.get_by_label("Message", exact=True).fill("grüße <b>")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#transcript .received span")).to_have_text("grüße <b>")
        page.get_by_text("Binary", exact=True).click()
        page.get_by_label("Bytes, in hexadecimal").fill("00ff 7f")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#transcript .received span").last).to_have_text("00 ff 7f")
        expect(page.locator("#transcript .received small").last).to_contain_text("binary, 3 B")

    def test_enter_sends(self, page: Page) -> None:
        connect(page)
        page.get_by_label("Message", exact=True).press("Enter")
        expect(page.locator("#transcript .received span")).to_have_text("Hello, WebSocket!")

    def test_close_and_connect_again(self, page: Page) -> None:
        connect(page)
        form = page.locator("#close")
        form.get_by_label("Code").fill("4001")
        form.get_by_label("Reason").fill("done for today")
        form.get_by_role("button", name="Close").click()
        expect(page.locator("#console-state")).to_have_text("closed 4001")
        expect(page.locator("#transcript li").last).to_contain_text("4001 private use: done for today")
        expect(page.locator(".connection .why").last).to_have_text("by peer · “done for today”")
        connect(page)

    @pytest.mark.parametrize(("code", "reason"), [("1005", ""), ("1000", "x" * 124)], ids=["code", "reason"])
    def test_a_close_that_a_browser_may_not_send_is_refused(self, page: Page, code: str, reason: str) -> None:
        connect(page)
        form = page.locator("#close")
        form.get_by_label("Code").fill(code)
        form.get_by_label("Reason").fill(reason)
        form.get_by_role("button", name="Close").click()
        expect(page.locator("#console-problem")).not_to_be_empty()
        expect(page.locator("#console-state")).to_have_text("open")

    def test_what_is_not_hexadecimal_is_not_sent(self, page: Page) -> None:
        connect(page)
        page.get_by_text("Binary", exact=True).click()
        page.get_by_label("Bytes, in hexadecimal").fill("0")
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#console-problem")).to_contain_text("Not hexadecimal")
        expect(page.locator("#transcript .sent")).to_have_count(0)

    @pytest.mark.parametrize("name", ["Send", "Close"])
    def test_nothing_is_sent_before_there_is_a_connection(self, page: Page, name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click(force=True)
        expect(page.locator("#console-problem")).to_have_text("Connect first.")


MARKUP = "<img src=x onerror=alert(1)>"
LONG_REASON = f"{MARKUP} {'w' * 94}"


def come_and_go(address: str, target: bytes, reason: str, code: int = 4000) -> None:
    """Be another client, which opens a WebSocket and closes it."""
    with asking(address, target) as stream:
        stream.write(close_frame(code, reason))
        stream.flush()
        assert stream.read().startswith(b"HTTP/1.1 101 ")


class TestServerHalf:
    @pytest.mark.parametrize("width", [DESK, PHONE])
    def test_what_a_client_says_is_text_and_takes_no_more_room(self, page: Page, address: str) -> None:
        come_and_go(address, b"/echo?short", "bye")
        come_and_go(address, b"/echo?" + b"<b>".hex().encode() * 40 + b"<img>", LONG_REASON)
        rows = page.locator(".connection")
        short, long = (rows.filter(has=page.locator(".why", has_text=reason)).last for reason in ("bye", LONG_REASON))
        expect(short.locator(".path")).to_have_text("/echo?short")
        expect(long.locator(".path")).to_contain_text("<img>")
        expect(long.locator(".why")).to_have_text(f"by peer · “{LONG_REASON}”")
        expect(long.locator(".ending")).to_have_text("4000 private use")
        assert long.bounding_box() == {**(short.bounding_box() or {}), "y": pytest.approx(0, abs=10_000)}
        long.locator("summary").press("Enter")
        expect(long.locator(".facts")).to_contain_text(f"Reason{LONG_REASON}")
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")

    def test_an_open_connection_is_followed(self, page: Page) -> None:
        connect(page)
        row = page.locator(".connection").last
        expect(row.locator(".ending")).to_have_text("open")
        page.get_by_role("button", name="Send").click()
        expect(row.locator(".in")).to_have_text("in 1 · 17 B")
        expect(row.locator(".out")).to_have_text("out 1 · 17 B")
        expect(page.locator("[data-total=open]")).to_have_text("1")

    @pytest.mark.parametrize("width", [DESK, PHONE])
    def test_the_statistics_move(self, page: Page) -> None:
        charts = {name: page.locator(f"[data-chart={name}]") for name in ("open", "ping", "messages", "bytes")}
        for chart in charts.values():
            expect(chart.locator(".line").first).to_have_attribute("d", re.compile("M.+L"), timeout=LONG)
        before = int(charts["open"].locator(".value").inner_text())
        connect(page)
        expect(charts["open"].locator(".value")).to_have_text(str(before + 1))
        expect(charts["open"].locator(".area")).to_have_attribute("d", re.compile(r"^M[\d.]+ 32L.+V32Z$"))
        expect(charts["ping"].locator(".value")).to_have_text(re.compile(r"^[\d.]+ m?s$"))
        expect(charts["bytes"].locator(".value").last).to_have_text(re.compile(r"^[\d.]+ k?B$"))
        assert charts["messages"].locator(".line").count() == 2

    @pytest.mark.parametrize("width", [DESK, PHONE])
    def test_all_counts(self, page: Page, address: str, width: int) -> None:
        page.get_by_text("All counts", exact=True).click()
        code = 3000 + width
        row = page.get_by_role("region", name="All counts").get_by_role("listitem").filter(has_text=f"{code} ")
        for number in ("1", "2"):
            come_and_go(address, b"/echo", "bye", code)
            expect(row.locator("b")).to_have_text(number)
        expect(row.locator("span")).to_have_text(f"{code} by peer")
        expect(row).to_have_attribute("title", re.compile(rf"^{code} (registered|private use)$"))
        expect(row.locator("path")).to_have_attribute("d", re.compile(r"^M0 6H[\d.]+$"))
        assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")

    def test_the_log_has_the_apps_failure(self, page: Page) -> None:
        run_case(page, "Crash while open")
        line = page.locator("#log .error").last
        line.locator("summary").press("Enter")
        expect(line.locator("summary")).to_contain_text("RuntimeError: crashed on purpose, while open")
        expect(line.locator("pre")).to_contain_text("Traceback (most recent call last)")

    def test_it_comes_back_after_the_server(self, new_page: Callable[[], Page], complaints: Complaints) -> None:
        complaints.expected = "WebSocket connection to 'ws://[^']+/live' failed: "
        page = new_page()
        with running() as (process, address):
            page.goto(address)
            come_and_go(address, b"/echo", "bye")
            expect(page.locator(".connection")).to_have_count(1)
            process.send_signal(signal.SIGINT)
            expect(page.locator("#feed")).to_have_text("server is away")
            process.wait(DEADLINE)
        with running("--port", address.rpartition(":")[2]):
            expect(page.locator("#feed")).to_have_text("live", timeout=LONG)
            expect(page.locator(".connection")).to_have_count(0)


FOCUS = """() => {
    const focused = document.activeElement;
    const shown = focused.matches(".hidden, fieldset input") ? focused.nextElementSibling : focused;
    const name = focused.id || focused.getAttribute("aria-label") || focused.textContent;
    return [name, getComputedStyle(shown).outlineStyle];
}"""
"""What has the focus, and how that is shown."""


class TestEverywhere:
    @pytest.mark.parametrize("width", [320, PHONE, 768, 1120, DESK, 1920])
    def test_nothing_is_wider_than_the_window(self, page: Page, width: int) -> None:
        connect(page)
        page.get_by_label("Message", exact=True).fill("x" * 1000)
        page.get_by_role("button", name="Send").click()
        expect(page.locator("#transcript .received")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    @pytest.mark.parametrize("width", [DESK])
    def test_on_a_desk_the_halves_scroll_and_the_page_does_not(self, page: Page) -> None:
        assert page.evaluate("document.documentElement.scrollHeight") <= page.evaluate("innerHeight")
        assert page.locator(".half").first.evaluate("half => half.scrollHeight > half.clientHeight")

    @pytest.mark.parametrize("width", [PHONE])
    def test_on_a_phone_a_finger_hits_every_button(self, page: Page) -> None:
        boxes = [button.bounding_box() for button in page.get_by_role("button").all()]
        assert len(boxes) == 4 + len(CASES)
        assert min(min(box["height"], box["width"]) for box in boxes if box is not None) >= 44

    def test_the_keyboard_reaches_everything_and_shows_where_it_is(self, page: Page) -> None:
        outlines: dict[str, str] = {}
        # The list of connections has a row for each that any test has made.
        for _ in range(500):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(FOCUS)
            outlines[name] = outline
            if name == "log":
                break
        controls = ["connect", "transcript", "message", "send-button", "code", "reason", "close-button", "run-all"]
        expected = {*controls, "connections", "log", "case-code", "case-reason", *(f"Run: {name}" for name in CASES)}
        assert expected - outlines.keys() == set()
        assert "none" not in outlines.values()

    def test_every_field_has_a_label(self, page: Page) -> None:
        fields = page.locator("input, textarea")
        assert fields.count() == 7
        assert fields.evaluate_all("(fields) => fields.filter((field) => !field.labels.length).length") == 0

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_is_as_light_or_dark_as_the_reader_likes(self, page: Page, scheme: Any) -> None:
        page.emulate_media(color_scheme=scheme)
        color = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red, green, blue = map(int, re.findall(r"\d+", color))
        assert (min(red, green, blue) > 200, max(red, green, blue) < 60) == (scheme == "light", scheme == "dark")

    def test_who_wants_no_motion_gets_none(self, page: Page) -> None:
        page.emulate_media(reduced_motion="reduce")
        connect(page)
        wire = page.locator(".connection").last.locator(".wire")
        assert wire.evaluate("(wire) => getComputedStyle(wire).animationName") == "none"
