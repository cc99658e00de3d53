"""``allowed_origins`` lets in what is listed and nothing that resembles it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.harness import App, Start, echo
from tests.hostile.helpers import echoes

LISTED = ["https://example.org", "http://example.org:8080", "http://[2001:db8::1]", "https://xn--bcher-kva.example"]

SAME = [
    *LISTED,
    "HTTPS://EXAMPLE.ORG",
    "https://Example.Org",
    "http://[2001:DB8::1]",
    "  https://example.org",  # The whitespace is not part of the value.
]

OTHERS = [
    # Another scheme or port; a default port, which no browser writes, and which is not listed so.
    "http://example.org",
    "wss://example.org",
    "https://example.org:443",
    "https://example.org:8443",
    "http://example.org:80",
    "http://example.org:808",
    "http://example.org:80800",
    "http://example.org:08080",
    "https://example.org:",
    "https//example.org",
    "https:example.org",
    "https:/example.org",
    "https:///example.org",
    "//example.org",
    "example.org",
    # Another host.
    "https://www.example.org",
    "https://example.org.evil.example",
    "https://evil-example.org",
    "https://evilexample.org",
    "https://example.orgevil",
    "https://example.or",
    "https://example.org.",
    "https://example-org",
    "https://exampleXorg",
    "https://evil.example/https://example.org",
    "https://evil.example?https://example.org",
    "https://evil.example#https://example.org",
    "https://example.org@evil.example",
    "https://evil.example@example.org",
    "https://example.org\\evil.example",
    "http://[2001:db8::2]",
    "http://[2001:db8:0::1]",
    "http://2001:db8::1",
    # Letters that resemble, or become, others.
    "https://ex\xe4mple.org",
    "https://b\xfccher.example",
    "https://examp\xadle.org",
    "https://example\xb7org",
    "https://%65xample.org",
    "https://example%2eorg",
    # More than an origin, several, less than one.
    "https://example.org/",
    "https://example.org/path",
    "https://example.org?query",
    "https://example.org https://evil.example",
    "https://example.org,https://evil.example",
    "https://example.org, https://example.org",
    "'https://example.org'",
    '"https://example.org"',
    "null",
    "",
    "*",
    "https://*",
    "https://*.org",
    "https://*example.org",
    "None",
    "file://",
]


async def statuses_for(
    start: Start, protocol: Any, allowed: list[str], origins: Iterable[str | None]
) -> dict[str | None, int]:
    """Ask for a WebSocket from each origin, beside one that is there: a refusal is a line, and no call of the app."""
    app = App(echo)
    statuses: dict[str | None, int] = {}
    ws = protocol.with_options(allowed_origins=allowed)
    async with start(app, ws=ws, warnings=None) as server, server.open() as other:
        for origin in origins:
            async with server.connect() as client:
                await client.request(headers=[] if origin is None else [(b"Origin", origin.encode("latin-1"))])
                statuses[origin] = (await client.head()).status
            await echoes(other)
        let_in = list(statuses.values()).count(101)
        assert len(app.calls) == len(server.logs.about("[accepted]")) == let_in + 1
        assert len(server.logs.warnings) == len(statuses) - let_in
    return statuses


async def test_listed(start: Start, protocol: Any) -> None:
    assert await statuses_for(start, protocol, LISTED, SAME) == dict.fromkeys(SAME, 101)


async def test_not_listed(start: Start, protocol: Any) -> None:
    assert await statuses_for(start, protocol, LISTED, OTHERS) == dict.fromkeys(OTHERS, 403)


async def test_below_a_listed_host(start: Start, protocol: Any) -> None:
    below = ["https://a.example.org", "https://a.b-c.example.org", "HTTPS://A.Example.Org", "http://a.example.org:8080"]
    others = [
        *(other for other in OTHERS if other != "https://www.example.org"),
        "https://example.org",
        "https://.example.org",
        "https://a..example.org",
        "https://.a.example.org",
        "https://*.example.org",
        "https://a.example.org:443",
        "https://a.example.org:8080",
        "http://a.example.org",
        "https://aexample.org",
        "https://a.example.org.evil.example",
        "https://evil.example/.example.org",
        "https://evil.example#.example.org",
        "https://evil.example:1.example.org",
        "https://evil@a.example.org",
        "https://[::1].example.org",
        "https://a,https://b.example.org",
        "https://a https://b.example.org",
        "https://\xe4.example.org",
        "wss://a.example.org",
    ]
    allowed = ["https://*.example.org", "http://*.example.org:8080"]
    expected = dict.fromkeys(below, 101) | dict.fromkeys(others, 403)
    assert await statuses_for(start, protocol, allowed, expected) == expected


async def test_neighbours_of_a_listed_one(start: Start, protocol: Any) -> None:
    """One character more, less or other."""
    listed = LISTED[0]
    others = {listed[:at] + more + listed[at:] for at in range(len(listed) + 1) for more in "./:*@ex0\\%\xe9"}
    others |= {listed[:at] + other + listed[at + 1 :] for at in range(len(listed)) for other in ("", ".", "x", "*")}
    others -= {listed}
    assert await statuses_for(start, protocol, LISTED, others) == dict.fromkeys(others, 403)


@pytest.mark.parametrize(("allowed", "status"), [(["null"], 101), (["https://example.org"], 403), ([], 403)])
async def test_null_is_what_a_sandbox_sends(start: Start, protocol: Any, allowed: list[str], status: int) -> None:
    assert await statuses_for(start, protocol, allowed, ["null"]) == {"null": status}


@pytest.mark.parametrize("allowed", [LISTED, []], ids=["some", "none"])
async def test_absent(start: Start, protocol: Any, allowed: list[str]) -> None:
    """Whoever sends none is no browser: what another program says of its origin proves nothing."""
    assert await statuses_for(start, protocol, allowed, [None]) == {None: 101}


async def test_default_port_in_the_list_is_none(start: Start, protocol: Any) -> None:
    expected = {"https://example.org": 101, "https://example.org:443": 403, "http://example.org": 403}
    assert await statuses_for(start, protocol, ["https://example.org:443"], expected) == expected


@pytest.mark.parametrize("count", [2, 3])
async def test_several_lines(start: Start, protocol: Any, count: int) -> None:
    app = App(echo)
    ws = protocol.with_options(allowed_origins=LISTED)
    async with start(app, ws=ws, warnings=1) as server:
        response = await server.get(headers=[(b"Origin", LISTED[0].encode())] * count)
        assert response.status == 403


@pytest.mark.parametrize(
    "entry",
    ["*", "https://*", "https://*example.org", "https://example.org:*", "*://example.org", "https://example.*", ".*"],
)
def test_what_looks_like_a_wildcard_stops_the_start(protocol: Any, entry: str) -> None:
    """It stands for nothing, and so that nobody takes it for something it is refused."""
    with pytest.raises(ValueError, match=r"must be a list of origins"):
        protocol.with_options(allowed_origins=[entry])
