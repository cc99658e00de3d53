"""The command line: ``safews``, or ``python -m safews``."""

from __future__ import annotations

import click

from . import __version__
from ._check import findings
from .demo.__main__ import main as demo


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


main.add_command(demo, "demo")


if __name__ == "__main__":
    main(prog_name="safews")
