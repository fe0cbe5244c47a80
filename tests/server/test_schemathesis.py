"""Requests made up from our own OpenAPI document, as a student, an instructor and an administrator.

No answer is a 5xx, none has a status, a content type or a body that the document does not declare.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from grader.api.document import document_of
from grader.server.app import create_app
from tests.api.serving import settings_for

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
ROLES = ["student", "instructor", "admin"]
# Nothing is connected before a server starts: the document is known without one.
api = schemathesis.openapi.from_dict(document_of(create_app(settings_for("postgresql+psycopg://", Path("unused")))))


@pytest.fixture
def seeded(world):
    """A graded submission with pictures, one that waits, and what fills the addresses."""
    graded = world.hand_in().json()["id"]
    world.grade(pictures=True)
    picture = world.client("ta").get(f"/submissions/{graded}").json()["run"]["checks"][1]["artifacts"][0]["id"]
    world.hand_in("classmate", content=b"x = 2\n")
    return {
        "turns": itertools.count(),
        "tokens": {role: world.token(role) for role in ROLES},
        "submission": graded,
        "assignment": world.assignment.slug,
        "course": world.course.slug,
        "person": world.people["classmate"].id,
        "artifact": picture,
    }


# A parameter of our own, though there is one value alone, puts the operation into the test's name.
@pytest.mark.parametrize("roles", [ROLES], ids=["everybody"])
@api.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_the_document_tells_everything_that_can_be_answered(case, roles, seeded, world):
    turn = next(seeded["turns"])
    # Made-up addresses lead nowhere: every other request is about something that is there.
    if turn % 2:
        case.path_parameters = {name: seeded.get(name, value) for name, value in (case.path_parameters or {}).items()}
    # Everybody in turn is the first: what one has removed is not there for the next.
    first = turn % len(roles)
    for role in roles[first:] + roles[:first]:
        case.call_and_validate(
            headers={"Authorization": f"Bearer {seeded['tokens'][role]}"},
            checks=CHECKS,
            base_url=world.serving.url,
            timeout=30,
        )
