"""Strawberry: subscriptions from generators."""

import os
from collections.abc import AsyncGenerator

import strawberry
from strawberry.asgi import GraphQL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, target: int) -> AsyncGenerator[int, None]:
        for number in range(target):
            yield number

    @strawberry.subscription
    async def feed(self) -> AsyncGenerator[str, None]:
        while True:
            yield "x" * 65_536


app = GraphQL[None, None](strawberry.Schema(query=Query, subscription=Subscription))


if "QUIET" in os.environ:
    import logging

    from strawberry.http.exceptions import WebSocketDisconnected

    def unless_gone(record):
        """Let pass all but the failure to send to a client that has left."""
        return not (record.exc_info and isinstance(record.exc_info[1], WebSocketDisconnected))

    logging.getLogger("strawberry.ws.task").addFilter(unless_gone)
