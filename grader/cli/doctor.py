"""`grader doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from grader.cli.host.deployment import Data
from grader.kit.text import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from grader.cli.checkup.finding import Finding


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Also try all that a sandbox must hold: minutes.")] = False,
    service: Annotated[
        bool, typer.Option("--service", help="Look at a whole service, even if no setting names one.")
    ] = False,
    data: Data = None,
) -> None:
    """Look at everything grading needs on this machine, and at the service that the settings name.

    Exit status: 0 if nothing is wrong that has to be mended, else 3.
    """
    from grader.cli.checkup.machine import can_grade, machine
    from grader.cli.checkup.settings import NEEDED, settings
    from grader.cli.exits import CANNOT_WORK

    environment = _environment(data, os.environ)
    is_service = service or any(environment.get(name) for name in NEEDED)
    here = machine(environment, full=full, is_service=is_service)
    around = settings(environment, is_service=is_service)
    around += _service(environment) if is_service else []
    grades = not any(finding.name == "grading" and finding.ok for finding in here)
    works = (can_grade(here) if grades else _is_well(here)) and _is_well(around)
    if as_json:
        typer.echo(json.dumps({"works": works, "findings": [_plain(finding) for finding in here + around]}))
    else:
        _print(here + around, can_grade(here) if grades else None, _is_well(around) if around else None)
    raise typer.Exit(0 if works else CANNOT_WORK)


def _environment(data: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    """With what a `grader up` told its parts."""
    if data is None:
        return dict(environment)
    from grader.cli.host.deployment import settings_of

    return {**environment, **settings_of(data.expanduser().absolute())}


def _service(environment: Mapping[str, str]) -> list[Finding]:
    from grader.cli.checkup.finding import error

    try:
        from grader.cli.checkup.service import service

        return list(service(environment))
    except ModuleNotFoundError as missing:
        return [error("service", f"{missing.name} is not installed", "pip install 'grader[service]'")]


def _is_well(findings: list[Finding]) -> bool:
    return all(finding.level != "error" for finding in findings)


def _plain(finding: Finding) -> dict[str, object]:
    plain: dict[str, object] = {name: getattr(finding, name) for name in type(finding).__slots__}
    return {**plain, "level": finding.level}


def _print(findings: list[Finding], grades: bool | None, serves: bool | None) -> None:
    """`grades` and `serves` are None where there is nothing to say about it."""
    from rich.text import Text

    from grader.cli.cards import console_for

    console = console_for()
    signs = {"ok": ("✓ ", "green"), "warning": ("! ", "yellow"), "error": ("✗ ", "red")}
    for finding in findings:
        sign, style = signs[finding.level]
        console.print(Text(sign, style=style) + Text(f"{finding.name:<15} {finding.facts}"))
        if finding.remedy:
            console.print(Text(f"    {one_line(finding.remedy, limit=600)}", style="yellow"))
    for what, verdict in (("Hand-ins can be graded here", grades), ("The service works", serves)):
        if verdict:
            console.print(Text(f"{what}.", style="bold green"))
        elif verdict is not None:
            negated = what.replace("can be", "cannot be").replace("The service works", "The service does not work")
            console.print(Text(f"{negated} until this is mended.", style="bold red"))
