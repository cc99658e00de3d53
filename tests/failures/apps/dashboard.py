"""A dashboard whose callbacks go over its WebSocket: one answers, one reports its progress all the time."""

import asyncio
import itertools
import os

from dash import Dash, Input, Output, ctx, dcc, html  # type: ignore[import-not-found]

PAUSE = float(os.environ["PAUSE"])
"""Seconds between two reports. Without any, one is always on its way; a browser cannot keep up with that."""

dash = Dash(__name__, backend="fastapi", websocket_callbacks=True)
dash.layout = html.Div(
    [
        dcc.Interval(id="clock", interval=20),
        html.P(id="time"),
        html.Button("Start", id="start"),
        html.P(id="progress"),
        html.P(id="result"),
    ]
)


@dash.callback(Output("time", "children"), Input("clock", "n_intervals"))
async def tell_the_time(ticks):
    await asyncio.sleep(0.001)
    return f"{ticks} ticks"


@dash.callback(Output("result", "children"), Input("start", "n_clicks"), prevent_initial_call=True)
async def work(clicks):
    # Versions before 4.2.0 had it under this name.
    socket = ctx.get_websocket if hasattr(ctx, "get_websocket") else ctx.websocket
    for step in itertools.count():
        await socket.set_prop("progress", "children", f"step {step} of many")
        await asyncio.sleep(PAUSE)


app = dash.server
