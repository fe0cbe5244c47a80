"""`grader doctor`: what works here, what does not, and what to do about it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from dataclasses import dataclass
from typing import Annotated

import typer

from grader.domain.errors import GraderError
from grader.kit.text import one_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at. If it is `essential` and not `ok`, nothing can be graded; `remedy` says what to do."""

    name: str
    ok: bool
    essential: bool
    facts: str
    remedy: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Also try all that a sandbox must hold: minutes.")] = False,
) -> None:
    """Look at everything grading needs: Python, torch, sandboxes, specs.

    Exit status: 0 if hand-ins can be graded here, else 3.
    """
    from grader.cli.exits import CANNOT_WORK

    findings = [_python(), _torch(), *_sandboxes(), *(_behaviours() if full else []), _specs()]
    works = _works(findings)
    if as_json:
        plain = [{name: getattr(finding, name) for name in Finding.__slots__} for finding in findings]
        typer.echo(json.dumps({"works": works, "findings": plain}))
    else:
        _print(findings, works=works)
    raise typer.Exit(0 if works else CANNOT_WORK)


def _works(findings: list[Finding]) -> bool:
    """Everything essential is there, and at least one sandbox."""
    sandboxes = [finding.ok for finding in findings if finding.name.startswith("sandbox ")]
    return any(sandboxes) and all(finding.ok for finding in findings if finding.essential)


def _python() -> Finding:
    facts = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return Finding(name="python", ok=True, essential=True, facts=facts)


def _torch() -> Finding:
    # Asked of the installed files: importing torch takes longer than all the rest of this command.
    try:
        version = importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return Finding(
            name="torch", ok=False, essential=True, facts="not installed", remedy="Run make install in the repository."
        )
    return Finding(name="torch", ok=True, essential=True, facts=version)


def _sandboxes() -> list[Finding]:
    from grader.engine.sandbox.select import readiness

    return [
        Finding(
            name=f"sandbox {found.backend}",
            ok=found.usable,
            essential=False,
            facts=", ".join(f"{name} {value}" for name, value in found.facts.items()),
            remedy="; ".join(f"{what}: {mend}" for what, mend in found.problems),
        )
        for found in readiness()
    ]


def _behaviours() -> list[Finding]:
    """The whole conformance suite on each usable sandbox, under the runtime it would take."""
    from grader.engine.sandbox.conformance import BEHAVIOURS, examine
    from grader.engine.sandbox.select import usable_backends

    made = []
    for backend in usable_backends():
        tried = examine(backend, BEHAVIOURS)
        held = sum(finding.conforms for finding in tried)
        broken = [
            f"{finding.behaviour}: {finding.problem}" for finding in tried if not finding.conforms and not finding.gap
        ]
        accepted = [f"{finding.behaviour} is a known gap" for finding in tried if not finding.conforms and finding.gap]
        made.append(
            Finding(
                name=f"suite {backend.name}",
                ok=not broken,
                essential=False,
                facts=f"{held} of {len(tried)} behaviours hold",
                remedy="; ".join(broken + accepted),
            )
        )
    return made


def _specs() -> Finding:
    from grader.specs.load import list_specs

    try:
        specs = list_specs()
    except GraderError as error:
        return Finding(name="specs", ok=False, essential=True, facts="unusable", remedy=str(error))
    facts = ", ".join(f"{spec.slug} {spec.version}" for spec in specs)
    remedy = "" if specs else "Point GRADER_SPECS at the folder that holds the specs."
    return Finding(name="specs", ok=bool(specs), essential=True, facts=facts or "none", remedy=remedy)


def _print(findings: list[Finding], *, works: bool) -> None:
    from rich.text import Text

    from grader.cli.cards import console_for

    console = console_for()
    for finding in findings:
        sign = Text("✓ ", style="green") if finding.ok else Text("✗ ", style="red" if finding.essential else "yellow")
        console.print(sign + Text(f"{finding.name:<15} {finding.facts}"))
        if finding.remedy:
            console.print(Text(f"    {one_line(finding.remedy, limit=600)}", style="yellow"))
    verdict = "Hand-ins can be graded here." if works else "Hand-ins cannot be graded here until this is mended."
    console.print(Text(verdict, style="bold green" if works else "bold red"))
