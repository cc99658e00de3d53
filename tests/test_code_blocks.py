"""Every block of code in the documentation is run, or read by what it is for."""

from __future__ import annotations

import configparser
import importlib.util
import json
import logging
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from tests.code_blocks import Block, Command, blocks, commands, files, name_of
from tests.harness import TEXT, App, Start, echo
from tests.installed import DEADLINE, ROOT, Environment, running
from tests.shutdown.nginx import MISSING as NO_NGINX
from tests.shutdown.nginx import configured, reserved_port

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NOT_RUN = {
    "py": "is part of an app of tests/ecosystem/, where it runs",
    "text": "shows what is printed, or a drawing",
}
"""Languages whose blocks cannot be run, and why."""

NOT_RUN_COMMANDS = {
    "git tag --sign v0.1.0 --message 'safews 0.1.0'": "would make a release",
    "git push origin v0.1.0": "would make a release",
    "systemctl enable --now chat@8001 chat@8002": "would change the machine",
    "systemctl restart chat@8001 && systemctl restart chat@8002": "would change the machine",
    "HATCH_BUILD_HOOK_ENABLE_MYPYC=1 pip install --no-binary safews safews": "takes a minute: make test-compiled",
    ".venv-fuzz/bin/python -m tests.fuzz.engine framing build/fuzz/framing-crash-...": "asks for what a crash has left",
}
"""Commands that cannot be run, and why."""

APP = """
async def app(scope, receive, send):
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
"""


def of(*languages: str) -> pytest.MarkDecorator:
    """Run a test with every block in these languages."""
    return pytest.mark.parametrize("block", [pytest.param(block, id=block.id) for block in blocks(*languages)])


@of("python")
def test_python_runs(block: Block) -> None:
    if "safews.workers" in block.text and importlib.util.find_spec("uvicorn_worker") is None:
        pytest.skip("the package uvicorn-worker is not installed")
    environ = {"PYTHONPATH": ":".join([str(ROOT), *sys.path])}
    subprocess.run([sys.executable, "-c", block.text], env=environ, check=True, timeout=DEADLINE)


def is_app(block: Block) -> bool:
    """Whether a block has an app that answers by itself: the chat, which needs Redis, has tests/scaling/."""
    accepts = "websocket.accept" in block.text or "WebSocketRoute(" in block.text
    return block.language == "python" and accepts and block.page.name != "scaling.md"


@pytest.mark.parametrize("block", [pytest.param(block, id=block.id) for block in blocks() if is_app(block)])
async def test_an_app_answers_and_ends_without_an_error(block: Block, start: Start) -> None:
    names: dict[str, Any] = {}
    exec(block.text, names)
    async with start(names["app"]) as server, server.open() as client:
        await client.send_text("hello")
        assert (await client.frame()).opcode == TEXT
        await client.send_close(1000)
        await server.became_idle()


async def test_the_counter_of_closes_counts(start: Start) -> None:
    (block,) = (block for block in blocks("python") if "logging.Handler" in block.text)
    logger = logging.getLogger("uvicorn.error")
    before = [*logger.handlers]
    exec(block.text, {})
    (counter,) = (handler for handler in logger.handlers if handler not in before)
    try:
        async with start(App(echo)) as server, server.open() as client:
            await client.send_close(4000)
            await client.expect_close(4000)
            await server.became_idle()
    finally:
        logger.removeHandler(counter)
    assert counter.codes == {4000: 1}  # type: ignore[attr-defined]


@pytest.mark.skipif(NO_NGINX is not None, reason=str(NO_NGINX))
@of("nginx")
def test_nginx_takes_its_configuration(block: Block, tmp_path: Path) -> None:
    with reserved_port() as port:
        command = configured(tmp_path / "nginx", block.page.name, port, (8001, 8002))
        done = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: apt-get install systemd")
@of("systemd")
def test_systemd_takes_its_unit(block: Block, tmp_path: Path) -> None:
    unit = tmp_path / "chat@.service"
    # It looks for the commands, which are not installed where the unit says.
    unit.write_text(re.sub(r"(?m)^(Exec\w+=)\S+", rf"\g<1>{sys.executable}", block.text))
    verify = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (0, "")


@of("cron")
def test_cron_takes_its_table_and_finds_its_command(block: Block, tmp_path: Path) -> None:
    variable, line = block.text.splitlines()
    assert re.fullmatch(r"[A-Z]+=\S+", variable)
    *when, command = line.split(maxsplit=5)
    assert len(when) == 5
    assert all(re.fullmatch(r"\*|\d+", field) for field in when)
    *_, last = command.split(" && ")
    run_make(Command(block, {}, last), tmp_path)


def load_ini(text: str) -> object:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return parser.sections()


LOADERS: dict[str, Callable[[str], object]] = {
    "ini": load_ini,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}


@of(*LOADERS)
def test_data_can_be_read(block: Block) -> None:
    assert LOADERS[block.language](block.text)


def test_every_language_is_known() -> None:
    tested = {"console", "cron", "nginx", "python", "systemd", *LOADERS, *NOT_RUN}
    assert [f"{block.id}: {block.language}" for block in blocks() if block.language not in tested] == []


def run_make(command: Command, tmp_path: Path) -> None:
    """See that there is something to make."""
    dry = ["make", "--dry-run", *shlex.split(command.text)[1:]]
    done = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def run_pip(command: Command, tmp_path: Path) -> None:
    """See that what is to be installed exists: this project with its extras, and what its tests have installed."""
    install, *requirements = shlex.split(command.text)[1:]
    assert install == "install"
    for requirement in map(Requirement, requirements):
        assert version(requirement.name)
        assert requirement.extras <= {*(metadata(requirement.name).get_all("Provides-Extra") or [])}


def run_server(command: Command, tmp_path: Path) -> None:
    """Start the server, at a port of its own, and see it serve."""
    (tmp_path / "app.py").write_text(APP)
    for example in (ROOT / "docs" / "examples").glob("*.py"):
        shutil.copy(example, tmp_path)
    for name, text in files(command.block.page).items():
        (tmp_path / name).write_text(text)
    words = shlex.split(command.text.removesuffix("&"))
    environ = {**command.environ, "PYTHONPATH": str(ROOT)}
    while "=" in words[0]:
        name, _, environ[name] = words.pop(0).partition("=")
    module, *arguments = words
    where = ["--port", "0", "--host", "127.0.0.1"] if module == "uvicorn" else ["--bind", "127.0.0.1:0"]
    place = Environment(Path(sys.executable).parent, tmp_path)
    served = [Path(sys.executable).name, "-m", module, *arguments, *where]
    with running(place, served, **environ) as server:
        server.wait_for(r"(running on|Listening at:) http://127\.0\.0\.1:\d+")
        server.wait_for(r"Application startup complete")
    assert "ERROR" not in server.log.read_text()


def run_it(command: Command, tmp_path: Path) -> None:
    """Run a command that only tells: safews's, or a module's."""
    program, *arguments = shlex.split(command.text)
    assert program == "safews" or program.endswith("python")
    environ = {**command.environ, "PYTHONPATH": ":".join([str(ROOT), *sys.path])}
    again = [sys.executable, *(["-m", "safews"] if program == "safews" else []), *arguments]
    done = subprocess.run(again, env=environ, cwd=tmp_path, capture_output=True, check=True, timeout=DEADLINE)
    assert done.stdout


def run_python(command: Command, tmp_path: Path) -> None:
    """Run a module that only tells, or the client that talks with whoever sits at the terminal."""
    if command.text.startswith("python -m websockets "):
        run_client(command, tmp_path)
    else:
        run_it(command, tmp_path)


def run_client(command: Command, tmp_path: Path) -> None:
    """Serve the page's app, type what the page says, and see in the log what the page shows of it."""
    (tmp_path / "app.py").write_text(files(command.block.page)["app.py"])
    place = Environment(Path(sys.executable).parent, tmp_path)
    served = [Path(sys.executable).name, "-m", "uvicorn", "app:app", "--ws", "safews:Protocol", "--port", "0"]
    with running(place, served, PYTHONPATH=str(ROOT)) as server:
        client = [sys.executable, "-m", "websockets", f"ws://127.0.0.1:{server.port()}/"]
        subprocess.run(client, input=b"hello\nbye\n", stdout=subprocess.DEVNULL, check=True, timeout=DEADLINE)
        server.wait_for(r"\[closed\]")
    logged = comparable(server.log.read_text())
    (shown,) = (block for block in blocks("text") if block.page == command.block.page)
    assert comparable(shown.text) <= logged


def comparable(log: str) -> set[str]:
    """The lines of a log, without what differs from one run or compressor to another."""
    return {re.sub(r"(?<=:)\d+(?= - )|\d+\.\d(?= s open)|\d+(?= bytes)", "N", line) for line in log.splitlines()}


RUNNERS = {
    "gunicorn": run_server,
    "make": run_make,
    "pip": run_pip,
    "python": run_python,
    "safews": run_it,
    "uvicorn": run_server,
}


def first_word(command: Command) -> str:
    """The program that a command calls, behind the variables for it."""
    return next(word for word in command.text.split() if "=" not in word)


@pytest.mark.parametrize(
    "command", [pytest.param(each, id=f"{each.block.id}:{first_word(each)}") for each in commands()]
)
def test_a_command_runs(command: Command, tmp_path: Path) -> None:
    if command.text in NOT_RUN_COMMANDS:
        pytest.skip(NOT_RUN_COMMANDS[command.text])
    RUNNERS[first_word(command)](command, tmp_path)


def test_what_is_not_run_is_there() -> None:
    assert {*NOT_RUN_COMMANDS} <= {command.text for command in commands()}
    assert {*NOT_RUN} <= {block.language for block in blocks()}


def test_every_block_of_a_console_has_a_command() -> None:
    typed = {command.block.id for command in commands()}
    assert [name_of(block.page) for block in blocks("console") if block.id not in typed] == []
