"""Returns, raises or sends too early in the handshake, as the path says; over HTTP it names the tasks there are."""

import asyncio


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        asyncio.get_running_loop().set_debug(True)
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
    elif scope["type"] == "http":
        names = sorted(getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": ",".join(names).encode()})
    elif scope["path"] == "/raises":
        raise ValueError("before the answer")
    elif scope["path"] == "/sends":
        await receive()
        await send({"type": "websocket.send", "text": "too early"})
