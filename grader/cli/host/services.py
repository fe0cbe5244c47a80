"""`grader serve`, `worker`, `sweep` and `db`: the service's parts, each for a machine or container of its own."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated, NoReturn

import typer

Host = Annotated[str, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every one.")]
Port = Annotated[int, typer.Option("--port", "-p", min=1, max=65535, help="Port to listen on.")]
db_app = typer.Typer(no_args_is_help=True, help="The database's schema.")


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    processes: Annotated[int, typer.Option("--processes", min=1, max=64, help="Processes that share the port.")] = 1,
    forwarded_by: Annotated[
        str | None,
        typer.Option("--forwarded-by", metavar="IPS", help="Proxies whose X-Forwarded-* headers are believed."),
    ] = None,
) -> None:
    """Run the web server: pages and API. It never executes a submission."""
    from grader.cli.host.logs import log_to_stderr
    from grader.cli.host.ports import refuse_taken
    from grader.http.settings import server_settings
    from grader.server.serve import serve as run

    settings = server_settings(os.environ)
    refuse_taken(host, port)
    log_to_stderr()
    # The server has shut down in order by the time it passes the Ctrl-C on.
    with contextlib.suppress(KeyboardInterrupt):
        run(settings, host, port, workers=processes, forwarded_by=forwarded_by, prepare=log_to_stderr)


def worker(
    queues: Annotated[
        str | None, typer.Option("--queues", metavar="Q,Q", help="Queues in the order they are served: cpu,gpu,rerun.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, max=64, help="Runs graded at once.")] = None,
) -> None:
    """Run a worker, which grades what waits in its queues."""
    _become("worker", ("--queues", queues), ("--jobs", jobs))


def sweep(
    every: Annotated[float | None, typer.Option("--every", min=0.1, metavar="S", help="Seconds between two.")] = None,
) -> None:
    """Run the sweep, which puts back what lost workers held. One for a service is enough; several do no harm."""
    _become("worker.sweep", ("--every", every))


@db_app.command("upgrade")
def upgrade() -> None:
    """Bring the database's schema up to date. Doing it again is fine; several at once wait for each other."""
    from grader.cli.host.accounts import database_url
    from grader.storage import schema

    typer.echo(schema.upgrade(database_url()))


@db_app.command("version")
def version() -> None:
    """Print the schema's version, and say what is to be done if this grader cannot work with it.

    Exit status: 0 it can, 3 it cannot.
    """
    from grader.cli.exits import CANNOT_WORK
    from grader.cli.host.accounts import database_url
    from grader.storage import schema

    current, newest = schema.current_version(database_url()), schema.newest_version()
    typer.echo(current or "none")
    try:
        schema.require_current(database_url())
    except schema.OldSchema as error:
        typer.echo(f"This grader needs version {newest}; run `grader db upgrade`.", err=True)
        raise typer.Exit(CANNOT_WORK) from error
    except schema.NewSchema as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(CANNOT_WORK) from error


def _become(module: str, *options: tuple[str, object]) -> NoReturn:
    """This process goes on as another program: signals and exit status are that program's own."""
    given = [word for name, value in options if value is not None for word in (name, str(value))]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *given])  # noqa: S606
