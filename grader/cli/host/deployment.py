"""Which service an operator's command is about: the one the environment names, or the one in a `grader up` folder."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from grader.domain.errors import BadArguments

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The folder of a `grader up`, running or not; else the environment."),
]
BLOBS_VARIABLE = "GRADER_BLOBS_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where a service keeps what it knows."""

    database_url: str
    blobs_url: str


@contextmanager
def deployment(data: Path | None, environment: Mapping[str, str] = os.environ) -> Iterator[Deployment]:
    """The service's addresses; the private servers of a `grader up` that is not running run for the block.

    Raises:
        BadArguments: a setting is missing, or the folder is none of a `grader up`.
        SetupError: the private servers cannot be started.

    """
    if data is None:
        yield named_by(environment)
        return
    from grader.local.faults import AlreadyRunning
    from grader.local.servers import PrivateServers

    folder = data.expanduser().absolute()
    if not (folder / "servers" / "postgres").is_dir():
        raise BadArguments(f"{folder} is not the folder of a `grader up`; give the one that it prints at its start.")
    servers = PrivateServers(folder / "servers")
    try:
        servers.start()
    except AlreadyRunning:
        yield named_by(settings_of(folder))
        return
    try:
        yield Deployment(database_url=servers.database_url, blobs_url=str(folder / "blobs"))
    finally:
        servers.stop()


def named_by(environment: Mapping[str, str]) -> Deployment:
    """Raises BadArguments, naming what is missing."""
    from grader.cli.host.accounts import database_url

    blobs_url = environment.get(BLOBS_VARIABLE, "")
    if not blobs_url:
        raise BadArguments(f"{BLOBS_VARIABLE} is not set; it names where uploads are kept (docs/settings.md).")
    return Deployment(database_url=database_url(environment), blobs_url=blobs_url)


def settings_of(folder: Path) -> dict[str, str]:
    """What a `grader up` told its parts. Raises BadArguments where it has never run."""
    from grader.cli.host.stack import SETTINGS_FILE

    try:
        text = (folder / SETTINGS_FILE).read_text(encoding="utf-8")
    except OSError as error:
        raise BadArguments(f"{folder / SETTINGS_FILE} cannot be read ({error.strerror}).") from error
    words = [word for word in shlex.split(text) if word != "export"]
    return dict(word.split("=", 1) for word in words)
