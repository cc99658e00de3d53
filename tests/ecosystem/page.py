"""``docs/ecosystem.md``: the versions of the last run, and what was found."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from tests.ecosystem.frameworks import APPS, FRAMEWORKS

PAGE = """\
<!-- `make ecosystem` writes this page; its words are in tests/ecosystem/page.py. -->
# Frameworks

`make ecosystem` puts each framework's current release into an environment of its own, and runs an app in the shape of
the framework's own WebSocket example under a real uvicorn, with `--ws safews.websockets:Protocol` and
`--ws safews.wsproto:Protocol`, on asyncio and uvloop. Python runs in development mode, with warnings as errors:

- a client says what the example expects, and gets its answer; where the framework has a client of its own, in
  JavaScript, that one does so too;
- clients leave while the app sends more than they read: by a Close, by FIN, by RST;
- the server shuts down, with a client that is idle and one that is being sent to: both get 1012, and the process ends.

Every line of the log is read. It has one line where a connection begins and one where it ends, one for a shutdown, and
nothing else but what the table tells.

| Framework | Versions | Its client | What its log has besides |
| --- | --- | --- | --- |
{rows}

Run {date} on Python {python}, with uvicorn {uvicorn}, websockets {websockets}, wsproto {wsproto}, uvloop {uvloop}.

## What they log of a client that is gone

A `send` to a client that is gone raises `ClientDisconnected`, as ASGI has it. From Starlette, FastAPI, Channels and
Litestar it comes back to safews, which knows it and logs nothing. python-socketio and the current Dash have a
queue between the app and the connection, and no exception reaches the app. The others log it themselves:

**Quart** logs what is raised in a handler, with its traceback, when the client goes in the middle of a `send`.
An error handler takes that for what it is, once for the whole app:

```py
{quart}
```

**Strawberry** runs each subscription in a task, and logs what ends one on the logger `strawberry.ws.task`. A filter
knows a client that is gone:

```py
{strawberry}
```

**Dash 4.2.0rc1** prints the traceback of a callback whose client is gone, and leaves tasks whose exception nobody asks
for: [failure 5](failures.md#5-a-client-that-leaves-an-app-that-pushes). `SAFEWS_AFTER_DISCONNECT=drop` keeps it from
that.

With these the tests are run as well, and the log has nothing besides. `drop` is not enough for Quart in an app that
sends without a pause: it lasts until the app has received the disconnect, and the task that sends goes on for a moment
after that.

## Servers other than uvicorn

| Server | |
| --- | --- |
| gunicorn | `gunicorn --worker-class safews.workers.Worker app:app`: [with gunicorn](names.md#with-gunicorn) |
| hypercorn, daphne | They have WebSockets of their own, and no setting for others: safews cannot be used with them |

Django Channels' `runserver` is daphne's; in production, and here, uvicorn serves the same `asgi.py`.
"""


def page(run: Mapping[str, Any]) -> str:
    """Return the page of a run."""
    return PAGE.format(
        rows="\n".join(_rows(run["frameworks"])),
        date=run["date"][:10],
        quart=_remedy("on_quart.py"),
        strawberry=_remedy("on_strawberry.py"),
        python=run["versions"]["python"],
        **run["libraries"],
    )


def _remedy(app: str) -> str:
    """Return what an app does to be quiet."""
    _, _, code = (APPS / app).read_text(encoding="utf-8").partition('if "QUIET" in os.environ:\n')
    # At the top level of a module there are two empty lines around a function.
    return re.sub(r"\n\n(?=@|def |logging\.)", "\n\n\n", textwrap.dedent(code).strip())


def _rows(versions: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    for framework in FRAMEWORKS:
        told = ", ".join(f"{name} {version}" for name, version in versions[framework.name].items())
        besides = "[a client that is gone](#what-they-log-of-a-client-that-is-gone)" if framework.noise else "nothing"
        yield f"| {framework.title} | {told} | {framework.client or '-'} | {besides} |"
