"""FastAPI: a chat with a list of connections, and a dependency."""

from typing import Annotated

from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()


class Connections:
    def __init__(self):
        self.active = []

    async def join(self, websocket):
        await websocket.accept()
        self.active.append(websocket)

    def leave(self, websocket):
        self.active.remove(websocket)

    async def broadcast(self, text):
        for connection in self.active:
            await connection.send_text(text)


connections = Connections()


async def name_of(name: Annotated[str | None, Query()] = None):
    if name is None:
        raise WebSocketException(1008)
    return name


@app.websocket("/chat/{room}")
async def chat(websocket: WebSocket, room: str, name: Annotated[str, Depends(name_of)]):
    await connections.join(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(f"you: {text}")
            await connections.broadcast(f"{name} in {room}: {text}")
    except WebSocketDisconnect:
        connections.leave(websocket)
        await connections.broadcast(f"{name} has left")


@app.websocket("/feed")
async def feed(websocket: WebSocket):
    await websocket.accept()
    while True:
        await websocket.send_json({"news": "x" * 65_536})
