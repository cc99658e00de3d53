"""nginx as the documentation configures it, between the clients and two servers."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.installed import ROOT, Environment, running

COMMAND = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

MISSING = None if COMMAND else "nginx is not installed: apt-get install nginx-light"

PAGES = ROOT / "docs"

DOCUMENTED = ("listen 80;", "127.0.0.1:8001", "127.0.0.1:8002")
"""What a test has to replace in a page's configuration: where nginx listens, where the servers do."""

# One process in the foreground, which leaves the places alone that a nginx of the system uses.
MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port for servers that come and go: no connection that begins meanwhile gets it for its own end."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def documented_configuration(page: str, port: int, servers: tuple[int, int]) -> str:
    """The configuration that a page of the documentation has, for other ports."""
    text = (PAGES / page).read_text(encoding="utf-8")
    (configuration,) = re.findall(r"^```nginx\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    ours = (f"listen 127.0.0.1:{port};", *(f"127.0.0.1:{server}" for server in servers))
    for documented, replacement in zip(DOCUMENTED, ours, strict=True):
        assert configuration.count(documented) == 1, documented
        configuration = configuration.replace(documented, replacement)
    return str(configuration)


def configured(folder: Path, page: str, port: int, servers: tuple[int, int]) -> list[str]:
    """Write what a page documents to a new folder, and return the command that runs nginx with it."""
    assert COMMAND is not None
    folder.mkdir()
    file = folder / "nginx.conf"
    file.write_text(MAIN.format(folder=folder, documented=documented_configuration(page, port, servers)))
    return [COMMAND, "-p", str(folder), "-c", str(file)]


@contextmanager
def nginx(folder: Path, page: str, port: int, servers: tuple[int, int]) -> Iterator[None]:
    """Run nginx before two servers."""
    command, *arguments = configured(folder, page, port, servers)
    place = Path(command)
    with running(Environment(place.parent, folder), [place.name, *arguments]) as proxy:
        yield
    assert not re.search(r"\[(emerg|alert|crit)\]", proxy.log.read_text()), proxy.log.read_text()
