"""python-socketio: events, their acknowledgements, a room, and a background task."""

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ):
    await sio.emit("welcome", {"count": 0}, room=sid)


@sio.event
async def echo(sid, data):
    return {"you said": data}


@sio.event
async def join(sid, room):
    await sio.enter_room(sid, room)
    await sio.emit("joined", room, room=room)


@sio.event
async def feed(sid):
    async def push():
        while sio.manager.is_connected(sid, "/"):
            await sio.emit("news", "x" * 65_536, room=sid)
            await sio.sleep(0.01)

    sio.start_background_task(push)
