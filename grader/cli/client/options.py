"""What every command that talks to the service shares."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from grader.cli.client.service import Service

Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The service; else GRADER_URL or the config.")]
Token = Annotated[str | None, typer.Option("--token", metavar="T", help="API token; else GRADER_TOKEN or the config.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON as the API gives it.")]


def service_at(url: str | None, token: str | None, *, patience_s: float | None = None) -> Service:
    """The service of the options, environment or config; use it as a context manager."""
    from grader.cli.client.address import find_address
    from grader.cli.client.service import USUAL_PATIENCE_S, Service

    return Service(find_address(url, token), patience_s=USUAL_PATIENCE_S if patience_s is None else patience_s)


def print_json(value: Any) -> None:
    """One object on one line. What is not ASCII is escaped, so nothing in it can steer a terminal."""
    typer.echo(json.dumps(value))
