"""Requests made up from our own OpenAPI document, as a student, an instructor, an administrator and nobody.

No answer is a 5xx, none has a status, a content type or a body that the document does not declare, and whatever is
refused is a problem document with a sentence. `--examples 1000` makes more of them, and new ones.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks
from schemathesis.generation.meta import GenerationMode, ParameterLocation
from schemathesis.generation.stateful import run_state_machine_as_test
from sqlalchemy import select, text

from grader.api.document import document_of
from grader.api.schemas.common import Problem
from grader.domain.sheets import Output, Picture, Sheet, SheetKind, Sheets
from grader.domain.similarity import Fingerprint, Piece, Print
from grader.http.problems import MEDIA_TYPE
from grader.server.app import create_app
from grader.service import sheets, similarity
from grader.storage.models import SpecVersionRow
from tests import database_fixtures
from tests.api.serving import settings_for

BOUNDED = settings.get_profile("bounded")
ROLES = ["student", "instructor", "admin", "anonymous"]
# A request of schemathesis takes twenty times as long as one that any of the other fuzzed targets gets.
PLATFORM = {
    "name": "Campus", "issuer": "https://campus.example.org", "client_id": "grader", "deployments": ["1"],
    "auth_url": "https://example.org/auth", "token_url": "https://example.org/token",
    "jwks_url": "https://example.org/keys",
}  # fmt: skip
FEW = settings(
    BOUNDED, max_examples=max(4, BOUNDED.max_examples // 20), deadline=None, suppress_health_check=list(HealthCheck)
)
# Nothing is connected before a server starts: the document is known without one.
api = schemathesis.openapi.from_dict(document_of(create_app(settings_for("postgresql+psycopg://", Path("unused")))))
PATHS = {path: sorted(operations) for path, operations in api.raw_schema["paths"].items()}


def problems_say_what_to_do(_context, response, _case):
    """A check of schemathesis: an error is a whole problem document about itself."""
    if response.status_code >= 400:
        _is_a_problem(response.status_code, response.headers["content-type"][0], response.json())


def _is_a_problem(status: int, kind: str, body: dict) -> None:
    assert kind == MEDIA_TYPE
    problem = Problem.model_validate(body)
    assert problem.status == status
    assert problem.detail.isprintable() and problem.detail.endswith((".", "?"))
    assert "Traceback" not in problem.detail and "postgresql" not in problem.detail


CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    problems_say_what_to_do,
]


@pytest.fixture(scope="module")
def seeds():
    """What `seeded` made the first time."""
    return {}


@pytest.fixture
def seeded(seeds, world):
    """A small course with one of everything, made once and put back for each test; and what fills the addresses."""
    if seeds:
        database_fixtures.empty(world.database)
        database_fixtures.put_back(world.database)
    else:
        seeds.update(_made(world))
        database_fixtures.keep(world.database)
    return seeds | {"turns": itertools.count()}


def _made(world):
    """A graded submission with pictures, asked about and adjusted, one that waits, and whatever has an address."""
    graded = world.hand_in().json()["id"]
    world.grade(pictures=True)
    picture = world.client("ta").get(f"/submissions/{graded}").json()["run"]["checks"][1]["artifacts"][0]["id"]
    whole = {"target": "whole", "reason": "Once more."}
    asked = world.client("student").post(f"/submissions/{graded}/regrades", json=whole).json()["id"]
    adjusted = world.client("ta").post(
        f"/assignments/{world.assignment.slug}/adjustments/{world.people['student'].id}", json=whole | {"points": 1}
    )
    world.hand_in("classmate", content=b"x = 2\n")
    headers = {role: {"Authorization": f"Bearer {world.token(role)}"} for role in ROLES if role != "anonymous"}
    hooks, hook = f"/courses/{world.course.slug}/webhooks", {"url": "https://example.org/theirs"}
    webhook = world.client("instructor").post(hooks, json=hook).json()["id"]
    platform = world.client("admin").post("/lti/platforms", json=PLATFORM).json()["id"]
    return {
        "headers": headers | {"anonymous": {}},
        "submission": graded,
        "assignment": world.assignment.slug,
        "course": world.course.slug,
        "person": world.people["classmate"].id,
        "artifact": picture,
        "webhook": webhook,
        "platform": platform,
        **_places(world, platform),
        "regrade": asked,
        "adjustment": adjusted.json()["id"],
        "pair": _pair(world),
        **_graded_item(world, graded),
        "trial": _trial(world),
        "sheet_picture": _sheet_picture(world, graded),
    }


def _graded_item(world, submission):
    """An item that a person graded, with a line of the rubric and a comment kept for it."""
    manual = [{"id": "B.why", "title": "Why?", "points": 4}]
    with world.database.begin() as work:
        for row in work.session.scalars(select(SpecVersionRow)):
            parts = [part | ({"manual": manual} if part["id"] == "B" else {}) for part in row.definition["part"]]
            row.definition = row.definition | {"part": parts}
    ta, item = world.client("ta"), f"/assignments/{world.assignment.slug}/items/B.why"
    line = ta.post(f"{item}/rubric", json={"label": "One", "points": 1}).json()["key"]
    grading = ta.post(f"{item}/pieces/{submission}/gradings", json={"applied": [line]}).json()["id"]
    comment = ta.post(f"{item}/comments", json={"text": "Say why."}).json()["id"]
    return {"item": "B.why", "line": line, "grading": grading, "comment": comment}


def _trial(world):
    """Of the version that judges now; it is never claimed."""
    path = f"/assignments/{world.assignment.slug}/trials"
    return world.client("ta").post(path, json={"reason": "To see."}).json()["id"]


def _sheet_picture(world, submission):
    """Of sheets that a sandbox made."""
    client = world.client("ta")
    client.post(f"/submissions/{submission}/sheets")
    with world.database.begin() as work:
        wanted = sheets.claim(work, worker="one")
    page = Sheet(kind=SheetKind.PAGE, path="report.pdf", place=1, text="", outputs=(Output(picture=0),))
    found = Sheets(sheets=(page,), pictures=(Picture(kind="png", width=1, height=1, content=b"pixels"),))
    sheets.keep(world.database, world.serving.services.blobs, wanted, found, "test")
    return client.get(f"/submissions/{submission}/sheets").json()["sheets"][0]["outputs"][0]["picture"]["id"]


def _places(world, platform):
    """A context of the course and a link in it, as a launch would have left them."""
    with world.database.begin() as work:
        said = {"p": platform, "c": world.course.id}
        context = work.session.execute(
            text("""INSERT INTO lti_contexts (platform_id, deployment, context, course_id)
                    VALUES (:p, '1', 'c1', :c) RETURNING id"""),
            said,
        ).scalar_one()
        link = work.session.execute(
            text("INSERT INTO lti_links (context_id, resource) VALUES (:x, 'r1') RETURNING id"), {"x": context}
        ).scalar_one()
    return {"context": context, "link": link}


def _pair(world):
    """What a comparison of the two hand-ins finds if a sandbox says that they are alike."""
    with world.database.begin() as work:
        prepared = similarity.prepare(work, world.assignment.slug, "test")
        for one in prepared.unread:
            prints = tuple(Print(line, line, line) for line in range(1, 41))
            piece = Piece(path="cnn.ipynb", cell=3, text="x = 1\n" * 40, prints=prints)
            similarity.keep(work, one, Fingerprint(pieces=(piece,)), "test")
        similarity.compare(work, prepared, frozenset(), "test")
        return work.session.execute(text("SELECT min(id) FROM similar_pairs")).scalar_one()


# A parameter of our own, though there is one value alone, puts the operation into the test's name.
@pytest.mark.parametrize("roles", [ROLES], ids=["everybody"])
@api.parametrize()
@FEW
def test_the_document_tells_everything_that_can_be_answered(case, roles, seeded, world):
    turn = next(seeded["turns"])
    # Made-up addresses lead nowhere: every other request is about something that is there.
    # One whose address is what is wrong with it stays as it is: it would be right, and taken for it.
    where = None if case.meta is None else case.meta.components.get(ParameterLocation.PATH)
    if turn % 2 and (where is None or where.mode is not GenerationMode.NEGATIVE):
        case.path_parameters = {name: seeded.get(name, value) for name, value in (case.path_parameters or {}).items()}
    # One of them in turn: of the cases that schemathesis always makes, each role gets about six for an operation.
    role = roles[(turn // 2 + turn) % len(roles)]
    case.call_and_validate(headers=seeded["headers"][role], checks=CHECKS, base_url=world.serving.url, timeout=30)


@pytest.mark.parametrize("role", ["instructor"])
def test_what_one_answer_names_the_next_request_asks_for(role, seeded, world):
    class Walk(api.as_state_machine()):
        def get_call_kwargs(self, case):
            return {"headers": seeded["headers"][role], "base_url": world.serving.url, "timeout": 30}

        def validate_response(self, response, case, additional_checks=None, **kwargs):
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(Walk, settings=settings(FEW, stateful_step_count=5))


@pytest.fixture
def asking(seeded, world):
    with httpx.Client(base_url=world.serving.url, timeout=30) as client:
        yield client


def _filled(path, seeded):
    return path.format_map({name: seeded.get(name, "none") for name in ("token", *seeded)})


@pytest.mark.parametrize("role", ROLES)
def test_a_method_that_an_address_does_not_take_is_a_problem_document(role, asking, seeded):
    for path, declared in PATHS.items():
        for method in {"get", "put", "post", "delete", "patch", "trace", "query", "options"} - set(declared):
            answer = asking.request(method.upper(), _filled(path, seeded), headers=seeded["headers"][role])
            assert answer.status_code in (401, 403, 405), (method, path)
            _is_a_problem(answer.status_code, answer.headers["content-type"], answer.json())
            if answer.status_code == 405:
                assert {one.strip().lower() for one in answer.headers["allow"].split(",")} >= set(declared) & {"get"}


_VALUES = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    st.sampled_from(["", "-1", "9" * 30, "nan", "null", "a" * 300, "2026-13-01", "%00", "é", "*/*", "bytes=0-", '"x"', "W/"]),
).map(lambda text: text.strip())  # fmt: skip
_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Authorization", "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Accept", "X-Request-ID", "Cookie", "Range",
         "Content-Type", "X-CSRF-Token", "Origin", "Host", "X-Forwarded-For", "Accept-Encoding"]
    ), _VALUES, max_size=3,
)  # fmt: skip
_QUERIES = st.dictionaries(
    st.sampled_from(["cursor", "limit", "format", "sort", "descending", "course", "assignment", "person", "state", "q"]),
    st.one_of(_VALUES, st.text(max_size=9), st.sampled_from(["eyJhIjoxfQ", "e30", "W10", "csv"])), max_size=3,
)  # fmt: skip
_BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"", b"{}", b"[]", b"null", b"1", b"{" * 2000, b'{"a":' * 500, b'"\\ud800"', b'{"name":"\\u0000"}', b"NaN", b"9" * 5000,
         b'{"email":"\\u0000@x","name":"\\ud800"}', b"--b\r\n\r\n--b--", b"email,name\n\x00,\xff"]
    ),
)  # fmt: skip


def test_no_bytes_at_all_are_the_servers_fault(asking, seeded):
    operations = [
        (method, path) for path, methods in PATHS.items() for method in methods if not path.endswith("/events")
    ]

    @settings(FEW, max_examples=4 * BOUNDED.max_examples)
    @given(
        st.sampled_from(operations), st.sampled_from(ROLES), _HEADERS, _QUERIES, _BODIES,
        st.sampled_from(["application/json", "multipart/form-data; boundary=b", "text/csv", "", "a/b; charset=utf-16"]),
    )  # fmt: skip
    def holds(operation, role, headers, query, body, kind):
        method, path = operation
        sent = {"Content-Type": kind} | seeded["headers"][role] | headers
        raw = [(name, value.encode("latin-1")) for name, value in sent.items()]
        answer = asking.request(
            method.upper(), _filled(path, seeded), headers=raw, params=query, content=body if method != "get" else None
        )
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        if answer.status_code >= 400:
            _is_a_problem(answer.status_code, answer.headers["content-type"], answer.json())

    holds()
