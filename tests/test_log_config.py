"""The logging as JSON that docs/logging.md shows, as it stands there."""

from __future__ import annotations

import json
import os
import re
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.installed import DEADLINE, ROOT, Environment, connected_socket, running

PAGE = (ROOT / "docs" / "logging.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## As JSON\n")[2].partition("\n## ")[0]

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] != "websocket.disconnect":
        if event["text"] == "fail":
            raise RuntimeError("on purpose")
        await send({**event, "type": "websocket.send"})
"""


def block(language: str) -> str:
    """The one block of code in that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, flags=re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "json_log.py").write_text(block("python"))
    (tmp_path / "log.json").write_text(block("json"))
    return Environment(Path(sys.executable).parent, tmp_path)


def talk(port: int) -> None:
    """Be a client that closes, one whose app fails, and one that asks by HTTP."""
    url = "ws://localhost/chat?room=1"
    with connect(url, sock=connected_socket(port)) as client:
        client.send("hello")
        assert client.recv(DEADLINE) == "hello"
        client.close(4000, 'with "quotes"\n')
    with connect(url, sock=connected_socket(port)) as client:
        client.send("fail")
        with pytest.raises(ConnectionClosedError):
            client.recv(DEADLINE)
    connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
    connection.request("GET", "/")
    assert connection.getresponse().status == 204
    connection.close()


def test_every_line_is_json_and_the_close_record_has_its_fields(environment: Environment, codec: str) -> None:
    (command,) = re.findall(r"^\$ (uvicorn .*)$", block("console"), flags=re.MULTILINE)
    assert "--ws safews:Protocol" in command
    argv = [*command.replace("safews:", f"safews.{codec}:").split(), "--port", "0", "--lifespan", "off"]
    with running(environment, ["python", "-m", *argv], PYTHONPATH=os.pathsep.join(filter(None, sys.path))) as server:
        talk(server.port())
        server.wait_for(r'"websocket_close_code": 1011')
    lines: list[dict[str, Any]] = [json.loads(line) for line in server.log.read_text().splitlines()]
    closed = [line for line in lines if "websocket_close_code" in line]
    example = json.loads(block("text"))
    assert [line.keys() for line in closed] == [example.keys()] * 2
    first, second = closed
    for field, value in {
        "level": "info",
        "logger": "uvicorn.error",
        "websocket_path": "/chat?room=1",
        "websocket_close_code": 4000,
        "websocket_close_name": "private use",
        "websocket_close_reason": 'with "quotes"\n',
        "websocket_close_clean": True,
        "websocket_closed_by": "peer",
        "websocket_messages_in": 1,
        "websocket_messages_out": 1,
        "websocket_round_trip": None,
    }.items():
        assert first[field] == value
    assert {type(first[field]) for field in example if first[field] is not None} == {str, int, float, bool}
    assert (second["websocket_close_code"], second["websocket_closed_by"]) == (1011, "app")
    (failure,) = [line for line in lines if "traceback" in line]
    assert (failure["level"], failure["message"]) == ("error", "Exception in ASGI application\n")
    assert failure["traceback"].endswith("RuntimeError: on purpose")
    assert [line["message"].partition('"')[2] for line in lines if line["logger"] == "uvicorn.access"] == [
        'GET / HTTP/1.1" 204'
    ]
