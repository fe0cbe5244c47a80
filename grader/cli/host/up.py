"""`grader up`: the service on one machine, with nothing to install beside it."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from grader.cli.host.services import Host, Port

DEFAULT_PORT = 8000
INTERRUPTED = 130
Jobs = Annotated[int | None, typer.Option("--jobs", "-j", min=1, max=64, help="Runs graded at once.")]


def up(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Where everything is kept; made if missing.")
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    jobs: Jobs = None,
) -> None:
    """Run the whole service on this machine until Ctrl-C: database, broker, server, worker and sweep.

    Exit status: 0 stopped by Ctrl-C, 2 the port is taken, 3 something could not be started or ended for good.
    """
    from grader.cli.host.accounts import first_admin, opened
    from grader.cli.host.logs import log_to_stderr
    from grader.cli.host.signals import stop_signals
    from grader.cli.host.stack import Plan, running

    log_to_stderr(logging.WARNING)
    folder = (data or default_folder()).expanduser().absolute()
    plan = Plan(folder=folder, host=host, port=port, jobs=jobs or usual_jobs())
    with stop_signals() as stop:
        try:
            with running(plan) as service:
                with opened(service.database_url) as database:
                    admin = first_admin(database)
                stop.everything_runs()
                typer.echo(f"The grader runs at {service.url} (data and logs in {folder}). Ctrl-C stops it.")
                if admin is not None:
                    typer.echo(f"First administrator: {admin.email}, password {admin.password}")
                    typer.echo("This password is shown once: change it after signing in.")
                service.supervisor.wait(stop.asked)
                typer.echo("Stopping ...", err=True)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def default_folder() -> Path:
    """The user's folder of data, and in it ours."""
    named = os.environ.get("XDG_DATA_HOME")
    return (Path(named) if named else Path.home() / ".local" / "share") / "grader"


def usual_jobs() -> int:
    """A run uses one processor and up to 2 GiB; more than four at once is for whoever knows the machine."""
    return min(4, os.cpu_count() or 1)
