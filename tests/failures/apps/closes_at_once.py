"""Closes during the handshake, and asks for the next event all the same."""


async def app(scope, receive, send):
    while True:
        await receive()
        await send({"type": "websocket.close"})
