"""Takes its time between the connect and the accept, or between the parts of a denial."""

import asyncio
import os
from pathlib import Path


def hold_the_event_loop():
    print("the event loop is held", flush=True)
    Path(os.environ["GATE"]).read_bytes()  # A pipe, to which the test writes.


async def app(scope, receive, send):
    if scope["type"] == "http":
        hold_the_event_loop()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        return
    await receive()
    print("called for", scope["path"], flush=True)
    if scope["path"] == "/accept":
        await send({"type": "websocket.accept"})
    elif scope["path"] == "/deny":
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"a part", "more_body": True})
    elif scope["path"] == "/sleep":
        await asyncio.sleep(600)
    await receive()  # The disconnect, where the app of the report slept for 10 s.
    await send({"type": "websocket.accept"})
