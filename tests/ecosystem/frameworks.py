"""The frameworks: what to install, which app to run, and what a client says to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.failures.dash_clients import FAILED, PRINTED, TICK, UNAWAITED, WORK
from tests.failures.dash_clients import PATH as DASH_PATH
from tests.failures.server import APPS as FAILING_APPS
from tests.harness import Headers
from tests.installed import ROOT

APPS = Path(__file__).parent / "apps"

NEWS = "x{65536}"
"""What a feed sends again and again, as a pattern: more than a client's window takes at once."""


@dataclass(frozen=True)
class Talk:
    """What a client sends and hears: after each text, ``None`` for nothing, what matches these patterns."""

    path: str
    lines: tuple[tuple[str | None, tuple[str, ...]], ...]
    headers: Headers = ()


TITLES = {
    "starlette": "Starlette",
    "fastapi": "FastAPI",
    "channels": "Django Channels",
    "litestar": "Litestar",
    "quart": "Quart",
    "socketio": "python-socketio",
    "strawberry": "Strawberry, in Starlette",
    "dash": "Dash",
    "dash-4.2.0rc1": "Dash 4.2.0rc1",
}
"""The names of the frameworks for readers."""


@dataclass(frozen=True)
class Framework:
    """A row of the table. ``app`` is what uvicorn is to serve, from the folder ``apps``."""

    name: str
    requirements: tuple[str, ...]
    app: str
    talks: tuple[Talk, ...]
    """Exchanges that leave the connection open."""
    feed: Talk
    """One behind which the app sends all the time."""
    noise: tuple[str, ...] = ()
    """What it logs itself, as patterns, of a ``send`` to a client that is gone."""
    quiet: Mapping[str, str] = field(default_factory=dict)
    """What is to stand in the environment so that it does not."""
    client: str | None = None
    """Its own client in JavaScript, which ``test_scripts.py`` runs."""
    environment: str | None = None
    """The folder of its environment, where that has a target of ``make`` for itself."""
    target: str = "ecosystem"
    """The target of ``make`` that makes the environment."""
    apps: Path = APPS
    variables: Mapping[str, str] = field(default_factory=dict)
    """What is to stand in the environment of the app."""

    @property
    def title(self) -> str:
        """Its name for readers."""
        return TITLES[self.name]

    @property
    def folder(self) -> Path:
        """Where its environment is."""
        return ROOT / (self.environment or f".venv-ecosystem/{self.name}")

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return self.folder / "bin" / "python"

    @property
    def packages(self) -> list[str]:
        """The names of what is required."""
        return [re.split(r"[\[=<>]", requirement)[0] for requirement in self.requirements]


ORIGIN = ((b"Origin", b"http://localhost"),)

STARLETTE = Framework(
    "starlette",
    ("starlette",),
    "on_starlette:app",
    (Talk("/echo", ((None, ("welcome",)), ("hello", ("you said: hello",)))),),
    Talk("/feed", ((None, (rf'\{{"news":"{NEWS}"\}}',)),)),
)

FASTAPI = Framework(
    "fastapi",
    ("fastapi",),
    "on_fastapi:app",
    (Talk("/chat/lobby?name=ada", (("hello", ("you: hello", "ada in lobby: hello")),)),),
    Talk("/feed", ((None, (rf'\{{"news":"{NEWS}"\}}',)),)),
)

CHANNELS = Framework(
    "channels",
    ("channels", "django"),
    "on_channels:app",
    (
        Talk("/chat/lobby/", (('{"message": "hello"}', (r'\{"message": "hello"\}',)),), ORIGIN),
        Talk("/threaded/", (("hello", ("AnonymousUser: hello",)),), ORIGIN),
    ),
    Talk("/feed/", ((None, (NEWS,)),), ORIGIN),
)

LITESTAR = Framework(
    "litestar",
    ("litestar",),
    "on_litestar:app",
    (Talk("/listener", (('{"text": "hello"}', (r'\{"you said":"hello"\}',)),)),),
    Talk("/feed", ((None, (NEWS,)),)),
)

QUART = Framework(
    "quart",
    ("quart",),
    "on_quart:app",
    (Talk("/chat", (("hello", ("said: hello",)),)),),
    Talk("/feed", ((None, (NEWS,)),)),
    noise=(r"ERROR in app: Exception on websocket /feed\n.*ClientDisconnected",),
    quiet={"QUIET": "1"},
)

SOCKETIO_PATH = "/socket.io/?EIO=4&transport=websocket"
# What the app emits in its handler of the connection comes before the connection is confirmed.
SOCKETIO_BEGIN = ((None, (r"0\{.*\}",)), ("40", (r'42\["welcome",\{"count":0\}\]', r"40\{.*\}")))

SOCKETIO = Framework(
    "socketio",
    ("python-socketio",),
    "on_socketio:app",
    (Talk(SOCKETIO_PATH, (*SOCKETIO_BEGIN, ('421["echo","hello"]', (r'431\[\{"you said":"hello"\}\]',)))),),
    Talk(SOCKETIO_PATH, (*SOCKETIO_BEGIN, ('42["feed"]', (rf'42\["news","{NEWS}"\]',)))),
    client="socket.io-client",
)

GRAPHQL = ((b"Sec-WebSocket-Protocol", b"graphql-transport-ws"),)
GRAPHQL_BEGIN = ('{"type": "connection_init"}', (r'\{"type": ?"connection_ack".*\}',))

STRAWBERRY = Framework(
    "strawberry",
    ("strawberry-graphql", "starlette"),
    "on_strawberry:app",
    (
        Talk(
            "/",
            (
                GRAPHQL_BEGIN,
                (
                    '{"id": "1", "type": "subscribe", "payload": {"query": "subscription { count(target: 2) }"}}',
                    ('.*"next".*"count": ?0.*', '.*"next".*"count": ?1.*', '.*"complete".*'),
                ),
            ),
            GRAPHQL,
        ),
    ),
    Talk(
        "/",
        (
            GRAPHQL_BEGIN,
            ('{"id": "1", "type": "subscribe", "payload": {"query": "subscription { feed }"}}', (f".*{NEWS}.*",)),
        ),
        GRAPHQL,
    ),
    noise=("^Exception in worker task\n.*WebSocketDisconnected",),
    quiet={"QUIET": "1"},
    client="graphql-ws",
)

DASH_TALK = (Talk(DASH_PATH, ((TICK, (".*2 ticks.*",)),), ORIGIN),)
DASH_FEED = Talk(DASH_PATH, ((WORK, (".*step 0 of many.*",)),), ORIGIN)

DASH = Framework(
    "dash",
    ("dash[fastapi]",),
    "dashboard:app",
    DASH_TALK,
    DASH_FEED,
    apps=FAILING_APPS,
    variables={"PAUSE": "0.01"},  # It gathers what a callback sends without a pause.
)

DASH_CANDIDATE = Framework(
    "dash-4.2.0rc1",
    ("dash[fastapi]==4.2.0rc1",),
    "dashboard:app",
    DASH_TALK,
    DASH_FEED,
    noise=(FAILED, UNAWAITED, PRINTED),
    quiet={"SAFEWS_AFTER_DISCONNECT": "drop"},
    environment=".venv-dash",
    target="dash-env",
    apps=FAILING_APPS,
    variables={"PAUSE": "0"},
)

FRAMEWORKS = (
    STARLETTE,
    FASTAPI,
    CHANNELS,
    LITESTAR,
    QUART,
    SOCKETIO,
    STRAWBERRY,
    DASH,
    DASH_CANDIDATE,
)
