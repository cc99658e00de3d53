"""Pushes to clients that leave: in the plainest way, and in the shape of Dash's WebSocket callbacks."""

import asyncio

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

go_on = asyncio.Event()


async def only_sends(websocket):
    await websocket.accept()
    while True:
        await websocket.send_json({"tick": 1})
        await asyncio.sleep(0.01)


async def in_the_background(websocket):
    await websocket.accept()
    await go_on.wait()
    try:
        for number in range(2):
            task = asyncio.create_task(websocket.send_json({"update": number}))
            await asyncio.wait([task])  # Whether it has failed, nobody asks.
        await websocket.receive_json()
    except WebSocketDisconnect:
        pass


async def release(request):
    go_on.set()
    return PlainTextResponse("they go on")


app = Starlette(
    routes=[
        WebSocketRoute("/only-sends", only_sends),
        WebSocketRoute("/in-the-background", in_the_background),
        Route("/release", release),
    ]
)
