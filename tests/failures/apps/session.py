"""A session that is begun over HTTP and read in a WebSocket."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute


async def log_in(request):
    request.session["user"] = "ada"
    return PlainTextResponse("welcome")


async def who_am_i(websocket):
    await websocket.accept()
    await websocket.send_json({"session": websocket.session, "cookies": sorted(websocket.cookies)})
    await websocket.close()


app = Starlette(
    routes=[Route("/log-in", log_in), WebSocketRoute("/who-am-i", who_am_i)],
    middleware=[Middleware(SessionMiddleware, secret_key="not a secret")],
)
