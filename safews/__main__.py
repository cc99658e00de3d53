"""The command line: ``safews``, or ``python -m safews``."""

from __future__ import annotations

import errno

import click

from . import __version__
from ._check import findings
from ._lookup import look_up
from ._origins import listed_origin


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="safews")
def main() -> None:
    """A WebSocket protocol for uvicorn.

    To use it, name it where uvicorn is started. The application stays as it is:

    \b
        uvicorn app:app --ws safews:Protocol

    What uvicorn has no setting for comes from the environment, or from Python:

    \b
        SAFEWS_CLOSE_TIMEOUT=5 uvicorn app:app --ws safews:Protocol
        uvicorn.Config(app, ws=safews.Protocol.with_options(close_timeout=5))

    To see what it does, case by case, run "safews demo". If something is not as it should be, run "safews check".
    """  # noqa: D301 (click wants the character)


@main.command(short_help="Say what is installed and active, and whether all is well.")
def check() -> None:
    """Say what is installed here, which parts of it safews uses, and whether all is well.

    The exit status is 0 if it is, 1 if it is not; then the last lines say what is wrong and what helps. What is
    optional may be missing. Run it as the server runs, with the same Python and the same environment: options such as
    SAFEWS_CLOSE_TIMEOUT are read and checked too.

    \b
        SAFEWS_CLOSE_TIMEOUT=soon safews check
        docker run my-image safews check
    """  # noqa: D301 (click wants the character)
    found = list(findings())
    for finding in found:
        click.echo(finding.text)
    problems = [finding for finding in found if finding.problem]
    click.echo()
    if not problems:
        click.echo("All is well.")
        return
    click.echo("Not well:")
    for text, problem in problems:
        click.echo(f"- {text}\n  {problem}")
    raise click.exceptions.Exit(1)


def _listed(context: click.Context, parameter: click.Parameter, origins: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(map(listed_origin, origins))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@main.command(short_help="Serve a page that shows what safews does, case by case.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="The port; 0 takes any free one."
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    callback=_listed,
    help="Another origin that may connect, such as https://demo.example where a proxy serves the page there.",
)
def demo(host: str, port: int, origins: tuple[str, ...]) -> None:
    """Serve a page that shows what safews does, case by case.

    Its address is printed, to be opened in a browser; Ctrl+C ends it. Options such as SAFEWS_CLOSE_TIMEOUT are those
    of the server behind the page:

    \b
        safews demo --port 0
        SAFEWS_CLOSE_TIMEOUT=2 safews demo
    """  # noqa: D301 (click wants the character)
    try:
        protocol = look_up("auto")
    except (ImportError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    # Imports uvicorn, without which the rest must do.
    from .demo._serve import listen, origin, serve

    try:
        listener = listen(host, port)
    except OSError as error:
        hint = ". --port 0 takes any free port" if error.errno == errno.EADDRINUSE else ""
        raise click.ClickException(f"Cannot listen on {origin(host, port)}: {error.strerror}{hint}") from None
    with listener:
        serve(listener, host, protocol, origins)


if __name__ == "__main__":
    main(prog_name="safews")
