"""`grader demo`: the whole service with a course, hand-ins of its students, and their score cards."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.host.services import Host
from grader.cli.host.up import DEFAULT_PORT, INTERRUPTED, Jobs, usual_jobs

if TYPE_CHECKING:
    from pathlib import Path

    from grader.cli.host.accounts import Credentials
    from grader.cli.host.signals import Stop
    from grader.cli.host.stack import Plan
    from grader.specs.load import Spec


def demo(
    exit_: Annotated[bool, typer.Option("--exit", help="Stop after the score cards.")] = False,
    host: Host = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option("--port", "-p", min=1, max=65535, help="Port to listen on; else 8000 or a free one.")
    ] = None,
    jobs: Jobs = None,
) -> None:
    """Start the service with a demo course, hand in references and broken work, print score cards, stay up.

    Everything lies in a folder that is removed at the end. Exit status: 0 every hand-in was graded and the references
    have full marks; 3 not so.
    """
    import tempfile
    from pathlib import Path

    from grader.cli.exits import CANNOT_WORK
    from grader.cli.host.logs import log_to_stderr
    from grader.cli.host.ports import free_port
    from grader.cli.host.signals import stop_signals
    from grader.cli.host.stack import Plan
    from grader.specs.load import list_specs

    log_to_stderr(logging.WARNING)
    specs = list_specs()
    with stop_signals() as stop, tempfile.TemporaryDirectory(prefix="grader-demo-") as folder:
        plan = Plan(
            folder=Path(folder),
            host=host,
            port=port or free_port(host, DEFAULT_PORT),
            jobs=jobs or usual_jobs(),
            durable=False,
            sweep_s=2.0,
        )
        try:
            holds = _run(plan, specs, stop, stay=not exit_)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(0 if holds else CANNOT_WORK)


def _run(plan: Plan, specs: tuple[Spec, ...], stop: Stop, *, stay: bool) -> bool:
    """Whether everything came out as it should."""
    from grader.cli.host.accounts import opened
    from grader.cli.host.demo_course import make_course, uploads_of
    from grader.cli.host.demo_show import hand_in_all, is_as_it_should_be
    from grader.cli.host.stack import running

    typer.echo("Starting database, broker, server and worker ...", err=True)
    with running(plan) as service:
        with opened(service.database_url) as database:
            sign_ins, tokens = make_course(database, service.local_url, specs)
        uploads = uploads_of(specs)
        holds = is_as_it_should_be(uploads, hand_in_all(service.local_url, tokens, uploads))
        _print_sign_ins(service.url, sign_ins, plan.folder)
        if stay:
            stop.everything_runs()
            typer.echo("The service stays up until Ctrl-C; then all of this is gone.")
            service.supervisor.wait(stop.asked)
    return holds


def _print_sign_ins(url: str, sign_ins: list[Credentials], folder: Path) -> None:
    from grader.cli.client.tables import print_table
    from grader.cli.host.demo_course import ADMIN, PEOPLE

    typer.echo(f"\nThe page: {url}   (data and logs in {folder})")
    roles = {person.email: (person.name, person.role) for person in (ADMIN, *PEOPLE)}
    print_table(("sign in as", "password", "name", "role"), [(*one, *roles[one.email]) for one in sign_ins])
