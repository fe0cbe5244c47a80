"""This machine: Python, and where hand-ins are graded torch, sandboxes, GPUs and specs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Mapping

from grader.cli.checkup.finding import Finding, error, fine, warning
from grader.domain.errors import GraderError

# What only a machine has that grades: the extra `engine`.
_ENGINE = ("docker", "msgpack", "pyseccomp", "pytest")


def machine(environment: Mapping[str, str], *, full: bool, is_service: bool) -> list[Finding]:
    """With `full` the whole conformance suite too. A machine of a service that does not grade is none to mend."""
    missing = [name for name in _ENGINE if importlib.util.find_spec(name) is None]
    found = [_python()]
    if missing and is_service:
        return [
            *found,
            fine("grading", f"not a grading machine: {', '.join(missing)} not installed"),
            _specs(needed=False),
        ]
    if missing:
        return [
            *found,
            error("grading", f"{', '.join(missing)} not installed", "pip install 'grader[engine]'"),
            _specs(),
        ]
    return [*found, _torch(), *_sandboxes(), *(_behaviours() if full else []), *_gpus(environment), _specs()]


def can_grade(findings: list[Finding]) -> bool:
    """Everything essential is there, and at least one sandbox."""
    sandboxes = [finding.ok for finding in findings if finding.name.startswith("sandbox ")]
    return any(sandboxes) and all(finding.ok for finding in findings if finding.essential)


def _python() -> Finding:
    facts = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return fine("python", facts)


def _torch() -> Finding:
    # Asked of the installed files: importing torch takes longer than all the rest of this command.
    try:
        return fine("torch", importlib.metadata.version("torch"))
    except importlib.metadata.PackageNotFoundError:
        return error("torch", "not installed", "Run make install in the repository.")


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


def _gpus(environment: Mapping[str, str]) -> list[Finding]:
    """Nothing is said of GPUs that nobody asked for."""
    wanted = environment.get("GRADER_GPUS", "").strip()
    if wanted in ("", "none"):
        return []
    from grader.engine.sandbox.devices import chosen, found

    seen = found()
    made = [warning("GPUs", problem, f"{mend[:1].upper()}{mend[1:]}.") for problem, mend in seen.problems]
    try:
        taken = chosen(wanted, seen)
    except GraderError as problem:
        return [*made, error("GPUs", f"GRADER_GPUS is {wanted}", str(problem))]
    if not taken:
        return [*made, error("GPUs", "none found", "Install NVIDIA's driver, or set GRADER_GPUS to none.")]
    return [*made, fine("GPUs", ", ".join(f"{gpu.index} {gpu.name}" for gpu in taken))]


def _specs(*, needed: bool = True) -> Finding:
    from grader.specs.load import list_specs

    make = error if needed else warning
    try:
        specs = list_specs()
    except GraderError as problem:
        return make("specs", "unusable", str(problem))
    if not specs:
        return make("specs", "none", "Point GRADER_SPECS at the folder that holds the specs.")
    return fine("specs", ", ".join(f"{spec.slug} {spec.version}" for spec in specs))
