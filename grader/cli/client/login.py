"""`grader login`: keep a service's address and a token for later commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="The service, such as https://grader.example.org.")],
) -> None:
    """Ask for an API token (from the tokens page of the service) and keep it, readable by you alone."""
    from grader.cli.client.address import Address, checked_token, checked_url, config_path, write_config
    from grader.cli.client.service import Service
    from grader.cli.client.tables import as_words
    from grader.kit.text import one_line

    address = checked_url(url)
    if sys.stdin.isatty():
        secret = typer.prompt(f"Token for {address}", hide_input=True, err=True)
    else:
        secret = sys.stdin.readline()
    found = Address(url=address, token=checked_token(str(secret)))
    with Service(found) as service:
        me = service.get("/me")
    path = config_path()
    write_config(path, found)
    who = one_line(f"{as_words(me.get('name'))} <{as_words(me.get('email'))}>")
    typer.echo(f"Signed in at {address} as {who}; kept in {path}.", err=True)
