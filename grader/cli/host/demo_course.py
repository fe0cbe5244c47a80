"""The demo's course: who is in it, what it offers, and what its students hand in."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from grader.cli.client.address import Address
from grader.cli.client.service import LONG_PATIENCE_S, Service
from grader.cli.host.accounts import Credentials, new_person, token_for

if TYPE_CHECKING:
    from grader.engine.handins import Entry
    from grader.specs.load import Spec
    from grader.storage.database import Database

COURSE = "demo"
# How many broken hand-ins there are in all, but one for each assignment.
BROKEN = 3
STAFF_SCOPES = ("read", "submit", "grade", "manage")
STUDENT_SCOPES = ("read", "submit")


class Someone(NamedTuple):
    email: str
    name: str
    role: str


ADMIN = Someone("admin@example.org", "Demo Administrator", "admin")
PEOPLE = (
    Someone("ada@example.org", "Ada Lovelace", "student"),
    Someone("grace@example.org", "Grace Hopper", "student"),
    Someone("alan@example.org", "Alan Turing", "student"),
    Someone("emmy@example.org", "Emmy Noether", "ta"),
    Someone("kurt@example.org", "Kurt Goedel", "instructor"),
)
STUDENTS = tuple(person for person in PEOPLE if person.role == "student")


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Something a student hands in. Only the reference is expected to have full marks."""

    assignment: str
    email: str
    label: str
    name: str
    content: bytes
    is_reference: bool


def make_course(database: Database, url: str, specs: Sequence[Spec]) -> tuple[list[Credentials], dict[str, str]]:
    """The course with everybody in it and every assignment, due in a week; sign-ins, and API tokens by e-mail.

    Only the administrator and the tokens are made in the database; all the rest goes through the API.
    """
    password = f"demo-{secrets.token_hex(4)}"
    new_person(database, email=ADMIN.email, name=ADMIN.name, password=password, is_admin=True)
    admin = token_for(database, ADMIN.email, name="demo", scopes=STAFF_SCOPES)["secret"]
    with Service(Address(url=url, token=admin), patience_s=LONG_PATIENCE_S) as service:
        for person in PEOPLE:
            service.post("/people", {"email": person.email, "name": person.name, "password": password})
        service.post("/courses", {"slug": COURSE, "title": "Demo course", "term": "This week"})
        service.send("POST", f"/courses/{COURSE}/roster", content=_roster(), headers={"Content-Type": "text/csv"})
        due_at = (datetime.now(UTC) + timedelta(days=7)).replace(minute=0, second=0, microsecond=0)
        for spec in specs:
            offer = {"spec": spec.slug, "due_at": due_at.isoformat(), "uploads_per_day": 20, "counting": "best"}
            service.put(f"/courses/{COURSE}/assignments/{spec.slug}", offer)
    tokens = {ADMIN.email: admin}
    for person in PEOPLE:
        scopes = STUDENT_SCOPES if person.role == "student" else STAFF_SCOPES
        tokens[person.email] = token_for(database, person.email, name="demo", scopes=scopes)["secret"]
    return [Credentials(person.email, password) for person in (ADMIN, *PEOPLE)], tokens


def uploads_of(specs: Sequence[Spec]) -> list[Upload]:
    """The reference of every assignment from one student, a few broken ones from the others."""
    from grader.engine.handins import entries_of, hand_in, reference_hand_in

    found = []
    for spec in specs:
        reference = reference_hand_in(spec)
        found.append(_upload(spec, STUDENTS[0], "reference", reference.name, reference.content))
        broken = _spread(entries_of(spec, "mutant"))[: max(1, BROKEN // len(specs))]
        for number, entry in enumerate(broken):
            made = hand_in(spec, "mutant", entry)
            student = STUDENTS[1 + number % (len(STUDENTS) - 1)]
            found.append(_upload(spec, student, entry.name, made.name, made.content))
    return found


def _upload(spec: Spec, student: Someone, label: str, name: str, content: bytes) -> Upload:
    return Upload(
        assignment=spec.slug,
        email=student.email,
        label=label,
        name=name,
        content=content,
        is_reference=label == "reference",
    )


def _spread(mutants: Sequence[Entry]) -> list[Entry]:
    """Mutants that are each caught by a check of another part."""
    first_of_part: dict[str, Entry] = {}
    for mutant in mutants:
        if mutant.caught_by:
            first_of_part.setdefault(mutant.caught_by[0].rpartition(".")[0], mutant)
    return list(first_of_part.values())


def _roster() -> bytes:
    lines = ["email,name,role", *(f"{person.email},{person.name},{person.role}" for person in PEOPLE)]
    return "\n".join(lines).encode()
