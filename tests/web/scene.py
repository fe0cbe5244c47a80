"""A course to look at: people, a real assignment, hand-ins graded as a worker would have graded them.

The tests of the pages and the script that makes the screenshots share it.
"""

from __future__ import annotations

import ast
import json
import random
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grader.domain.check import CheckDefinition, CheckResult, CheckStatus, Stage, Visibility
from grader.domain.course import Role
from grader.domain.grading import Claim, Lease, OfferedAssignment, Queue
from grader.domain.ids import CheckId, PartId, PersonId, Sha256
from grader.domain.run import RunFacts, RunReport, RunStatus
from grader.domain.submission import Receipt, Upload
from grader.service import accounts, gradebook, runs, submissions
from grader.specs.load import load_spec
from grader.specs.pack import pack
from grader.storage.blobs import Blobs
from grader.storage.database import Database
from grader.storage.models import CourseRow, PersonRow
from tests import builders

PASSWORD = "correct horse battery"
SPEC = Path("test_specs/cmp784-practical2")
FILE = b"""import torch
from torch import nn


class MyConv2d(nn.Module):
    \"\"\"A convolution of our own.\"\"\"

    def __init__(self, cin, cout, kernel):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(cout, cin, kernel, kernel) * 0.02)  # small
        self.padding = kernel // 2

    def forward(self, x):
        return nn.functional.conv2d(x, self.weight, padding=self.padding)
"""


def real_plan() -> tuple[CheckDefinition, ...]:
    """The checks that the tests of a real spec declare, read without running them."""
    parts = [part.id for part in load_spec("cmp784-practical2").assignment.part]
    found: list[CheckDefinition] = []
    for path in sorted(SPEC.glob("test_*.py")):
        tree = ast.parse(path.read_text()).body
        # Checks that several specs share are in a package beside them, and taken over as they are.
        shared = [node.module for node in tree if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
        for name in shared:
            tree += ast.parse((SPEC.parent / "common" / f"{name.replace('.', '/')}.py").read_text()).body
        for node in tree:
            calls = [call for call in getattr(node, "decorator_list", []) if isinstance(call, ast.Call)]
            found += [_declared(node.name, call) for call in calls if getattr(call.func, "id", "") == "check"]
    return tuple(sorted(found, key=lambda check: parts.index(check.part)))


def _declared(name: str, call: ast.Call) -> CheckDefinition:
    values = {keyword.arg: keyword.value for keyword in call.keywords}
    part = call.args[0].value
    stage = ast.unparse(values["stage"]).strip("'\"").rsplit(".", 1)[-1].lower() if "stage" in values else "unit"
    return CheckDefinition(
        id=CheckId(f"{part}.{name.removeprefix('test_')}"),
        part=PartId(part),
        title=ast.literal_eval(values["title"]),
        points=float(ast.literal_eval(values["points"])),
        stage=Stage(stage),
    )


def a_png(seed: int = 0, size: int = 96, scale: int = 3) -> bytes:
    """A small real picture: coloured patches."""
    random.seed(seed)
    cells = [[random.choices(range(40, 230), k=3) for _ in range(8)] for _ in range(3)]
    rows = []
    for y in range(size):
        row = bytearray(b"\0")
        for x in range(size * scale):
            row += bytes(cells[(y * 3) // size][(x * 8) // (size * scale)])
        rows.append(bytes(row))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", size * scale, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"".join(rows)))
        + chunk(b"IEND", b"")
    )


def a_curve(**changes: Any) -> bytes:
    steps = list(range(0, 120, 2))
    values = {
        "x": steps,
        "y": [3.1 * 0.972**step + 0.62 + 0.04 * ((step * 7919) % 13 - 6) / 6 for step in steps],
        "x_label": "step",
        "y_label": "held-out cross-entropy",
        "threshold": 1.9,
        "direction": "below",
        "band": [1.55, 1.66],
    }
    return json.dumps(values | changes).encode()


@dataclass
class Scene:
    """A course with an assignment; `person` adds somebody, `hand_in` and `grade` do what students and workers do."""

    database: Database
    blobs: Blobs
    course: CourseRow
    assignment: OfferedAssignment
    plan: tuple[CheckDefinition, ...]
    people: dict[str, PersonRow] = field(default_factory=dict)

    def person(
        self, name: str, role: Role = Role.STUDENT, *, course: CourseRow | None = None, **more: Any
    ) -> PersonRow:
        email = more.pop("email", f"{name.lower().replace(' ', '.')}@example.org")
        with self.database.begin() as work:
            row = builders.a_person(work, course or self.course, role, name=name, email=email, **more)
        self.people[name] = row
        return row

    def password(self, name: str) -> None:
        with self.database.begin() as work:
            accounts.set_password(work, PersonId(self.people[name].id), PASSWORD)

    def hand_in(
        self,
        name: str,
        content: bytes = FILE,
        file: str = "cnn.py",
        assignment: OfferedAssignment | None = None,
    ) -> Receipt:
        stored = self.blobs.put(content)
        with self.database.begin() as work:
            reader = accounts.reader_for(work, PersonId(self.people[name].id))
            upload = Upload(name=file, sha256=stored.sha256, size_bytes=stored.size_bytes)
            return submissions.receive(work, reader, assignment or self.assignment, upload)

    def claim(self) -> Claim:
        with self.database.begin() as work:
            found = runs.claim(work, queues=tuple(Queue), worker="worker-1 slot 0")
        assert found is not None, "nothing waits"
        return found

    def pass_gate(self, claim: Claim) -> Lease:
        with self.database.begin() as work:
            return runs.pass_gate(work, claim.lease)

    def record(self, lease: Lease, results: Sequence[CheckResult], *, pictures: bool = False) -> None:
        with self.database.begin() as work:
            runs.record_checks(work, lease, results, self._artifacts(results) if pictures else ())

    def finish(self, claim: Claim, lease: Lease, results: Sequence[CheckResult], **more: Any) -> None:
        with self.database.begin() as work:
            runs.finish_stage(work, lease, self._report(claim, results, **more))

    def grade(self, results: Sequence[CheckResult] | None = None, *, pictures: bool = False, **more: Any) -> None:
        """Grade whatever is next in the queue, through all of its stages."""
        results = tuple(results or (passed(check) for check in self.plan))
        claim = self.claim()
        run = claim.lease.run
        while True:
            lease = claim.lease
            wanted = {Stage.TRAIN} if lease.stage is Stage.TRAIN else {Stage.GATE, Stage.UNIT}
            ours = [result for result in results if result.stage in wanted]
            if lease.stage is Stage.GATE:
                lease = self.pass_gate(claim)
            self.record(lease, ours, pictures=pictures)
            self.finish(claim, lease, ours, **more)
            if lease.stage is Stage.TRAIN or not any(result.stage is Stage.TRAIN for result in results):
                return
            claim = self.claim()
            assert claim.lease.run == run, "another run was claimed in between"

    def reject(self, message: str) -> None:
        claim = self.claim()
        self.finish(claim, claim.lease, (), status=RunStatus.REJECTED, message=message)

    def fail(self, problem: str) -> None:
        claim = self.claim()
        with self.database.begin() as work:
            runs.give_up_stage(work, claim.lease, problem, again=False)

    def refresh(self) -> None:
        with self.database.begin() as work:
            for row in self.people.values():
                gradebook.refresh(work, self.assignment.id, f"p{row.id}")

    def _report(self, claim: Claim, results: Sequence[CheckResult], **more: Any) -> RunReport:
        values: dict[str, Any] = {
            "assignment": self.assignment.slug,
            "spec_version": claim.spec_version,
            "file": claim.file,
            "sha256": claim.sha256,
            "files": (claim.file,),
            "status": RunStatus.GRADED,
            "score": None,
            "max_score": self.assignment.spec.definition.max_points,
            "mark": None,
            "checks": tuple(results),
            "facts": RunFacts(
                sandbox="bwrap", sandboxes=2, endings=("killed", "killed"), peak_bytes=412_000_000, cpu_s=7.9,
                seed="4f1d", torch="2.9.0", files=((claim.file, "loaded", ""),),
            ),
        }  # fmt: skip
        return RunReport(**(values | more))

    def _artifacts(self, results: Sequence[CheckResult]) -> tuple[runs.ArtifactToKeep, ...]:
        kept = []
        for result in results:
            if result.stage is Stage.TRAIN:
                for kind, title, content in (
                    ("curve", "Held-out loss while training", a_curve()),
                    ("picture", "Grey input, your colours, the truth", a_png()),
                ):
                    blob = self.blobs.put(content)
                    kept.append(
                        runs.ArtifactToKeep(
                            check=result.id, name=kind, kind=kind, title=title, sha256=blob.sha256,
                            size_bytes=blob.size_bytes,
                        )
                    )  # fmt: skip
        return tuple(kept)


def passed(check: CheckDefinition, **changes: Any) -> CheckResult:
    return builders.a_result(check, **({"seconds": 0.21} | changes))


def failed(check: CheckDefinition, message: str = "It came to something else.", **changes: Any) -> CheckResult:
    return builders.a_result(check, changes.pop("status", CheckStatus.FAILED), message=message, **changes)


def a_small_scene(database: Database, blobs: Blobs, **assignment: Any) -> Scene:
    """The tiny assignment of the builders, due in a week."""
    with database.begin() as work:
        course = builders.a_course(work, title="Deep Learning", slug="deep", term="Spring 2027")
        offered = builders.an_assignment(work, course, slug="tiny", **assignment)
    return Scene(database, blobs, course, offered, offered.spec.plan)


def a_real_scene(database: Database, blobs: Blobs, **assignment: Any) -> Scene:
    """A course as it looks in the middle of a term, with the assignment that the real spec describes."""
    spec = load_spec("cmp784-practical2")
    plan = real_plan()
    blob = blobs.put(pack(spec)).sha256
    with database.begin() as work:
        course = builders.a_course(
            work, title="Deep Learning", slug="cmp784", term="Spring 2027", time_zone="Europe/Istanbul"
        )
        values: dict[str, Any] = {
            "slug": "practical2",
            "due_at": datetime.now(UTC).replace(minute=59, second=0) + timedelta(days=3, hours=2),
            "uploads_per_day": 20,
        }
        offered = builders.an_assignment(
            work, course, definition=spec.assignment, plan=plan, blob=blob, **(values | assignment)
        )
    return Scene(database, blobs, course, offered, plan)


def like_a_student(plan: Sequence[CheckDefinition], skill: float, dice: random.Random) -> list[CheckResult]:
    """Results as somebody of this skill (0 to 1) gets them: later parts are harder."""
    results = []
    for index, check in enumerate(plan):
        chance = min(1.0, skill + 0.35 - 0.3 * index / len(plan))
        if check.stage is Stage.GATE or dice.random() < chance:
            results.append(passed(check))
        elif dice.random() < 0.1:
            results.append(
                failed(check, "Your code did not finish in time (20 s) and was stopped.", status=CheckStatus.TIMEOUT)
            )
        else:
            results.append(failed(check, "Expected shape (2, 24, 32, 32), got (2, 32, 32, 24)."))
    return results


def hidden(check: CheckDefinition, visibility: Visibility = Visibility.STAFF) -> CheckDefinition:
    return CheckDefinition(
        id=check.id, part=check.part, title=check.title, points=check.points, stage=check.stage, visibility=visibility
    )


def a_sha256() -> Sha256:
    return Sha256("ab" * 32)
