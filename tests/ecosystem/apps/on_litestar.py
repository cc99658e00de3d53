"""Litestar: a listener, and a stream from a generator."""

from collections.abc import AsyncGenerator

from litestar import Litestar, websocket_listener, websocket_stream


@websocket_listener("/listener")
async def listener(data: dict[str, str]) -> dict[str, str]:
    return {"you said": data["text"]}


@websocket_stream("/feed")
async def feed() -> AsyncGenerator[str, None]:
    while True:
        yield "x" * 65_536


app = Litestar([listener, feed])
