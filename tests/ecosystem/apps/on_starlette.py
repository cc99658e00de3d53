"""Starlette: an endpoint in a class, and one in a function."""

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute


class Echo(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket):
        await websocket.accept()
        await websocket.send_text("welcome")

    async def on_receive(self, websocket, data):
        await websocket.send_text(f"you said: {data}")

    async def on_disconnect(self, websocket, close_code):
        assert websocket.client_state.name == "DISCONNECTED"


async def feed(websocket):
    await websocket.accept()
    while True:
        await websocket.send_json({"news": "x" * 65_536})


app = Starlette(routes=[WebSocketRoute("/echo", Echo), WebSocketRoute("/feed", feed)])
