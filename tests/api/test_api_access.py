"""Who gets in, and with what: anonymous first, then each scope, then the web page's session."""

from __future__ import annotations

import httpx
import pytest

from grader.domain.course import Scope
from grader.domain.ids import PersonId
from grader.http.identity import COOKIE, CSRF_HEADER
from grader.service import accounts, tokens
from tests.api.serving import A_FILE

NOWHERE = "0198c0de-7d3c-7cc0-9d4f-0f3a5a1f6a10"
OPEN = ("/healthz", "/readyz", "/metrics")
# Method, path and the scope it takes.
CALLS = [
    ("GET", "/me", "read"),
    ("GET", "/assignments", "read"),
    ("GET", "/assignments/{slug}", "read"),
    ("GET", "/assignments/{slug}/questions", "read"),
    ("GET", "/assignments/{slug}/draft", "read"),
    ("PUT", "/assignments/{slug}/draft", "submit"),
    ("DELETE", "/assignments/{slug}/draft?version=0", "submit"),
    ("POST", "/assignments/{slug}/submissions", "submit"),
    ("GET", "/submissions", "read"),
    ("GET", f"/submissions/{NOWHERE}", "read"),
    ("GET", f"/submissions/{NOWHERE}/events", "read"),
    ("GET", f"/submissions/{NOWHERE}/runs", "read"),
    ("GET", f"/submissions/{NOWHERE}/contributions", "read"),
    ("POST", f"/submissions/{NOWHERE}/contributions", "submit"),
    ("GET", f"/submissions/{NOWHERE}/file", "read"),
    ("GET", f"/artifacts/{NOWHERE}", "read"),
    ("GET", f"/submissions/{NOWHERE}/sheets", "read"),
    ("POST", f"/submissions/{NOWHERE}/sheets", "grade"),
    ("GET", f"/sheet-pictures/{NOWHERE}", "read"),
    ("POST", f"/submissions/{NOWHERE}/rerun", "grade"),
    ("POST", "/assignments/{slug}/rerun", "grade"),
    ("GET", "/assignments/{slug}/trials", "read"),
    ("POST", "/assignments/{slug}/trials", "grade"),
    ("GET", "/assignments/{slug}/trials/1", "read"),
    ("GET", "/assignments/{slug}/trials/1/report", "read"),
    ("POST", "/assignments/{slug}/trials/1/publish", "manage"),
    ("DELETE", "/assignments/{slug}/trials/1?reason=x", "grade"),
    ("GET", "/assignments/{slug}/gradebook", "read"),
    ("GET", "/assignments/{slug}/gradebook?format=csv", "read"),
    ("GET", "/courses/{course}/gradebook", "read"),
    ("GET", "/courses/{course}/gradebook?format=moodle", "read"),
    ("GET", "/assignments/{slug}/statistics", "read"),
    ("GET", "/assignments/{slug}/similarity", "read"),
    ("GET", "/assignments/{slug}/similarity/1", "read"),
    ("PUT", "/assignments/{slug}/overrides/1", "grade"),
    ("DELETE", "/assignments/{slug}/overrides/1?reason=x", "grade"),
    ("GET", "/assignments/{slug}/extensions", "read"),
    ("PUT", "/assignments/{slug}/extensions/1", "grade"),
    ("DELETE", "/assignments/{slug}/extensions/1?reason=x", "grade"),
    ("PUT", "/assignments/{slug}/late-policy", "manage"),
    ("DELETE", "/assignments/{slug}/late-policy?reason=x", "manage"),
    ("PUT", f"/submissions/{NOWHERE}/choice", "submit"),
    ("GET", "/assignments/{slug}/adjustments/1", "read"),
    ("POST", "/assignments/{slug}/adjustments/1", "grade"),
    ("DELETE", "/assignments/{slug}/adjustments/1/1?reason=x", "grade"),
    ("GET", "/assignments/{slug}/items", "read"),
    ("PUT", "/assignments/{slug}/grading", "manage"),
    ("POST", "/assignments/{slug}/items/x/rubric", "grade"),
    ("PUT", "/assignments/{slug}/items/x/rubric/r1", "grade"),
    ("DELETE", "/assignments/{slug}/items/x/rubric/r1", "grade"),
    ("GET", "/assignments/{slug}/items/x/comments", "read"),
    ("POST", "/assignments/{slug}/items/x/comments", "grade"),
    ("DELETE", "/assignments/{slug}/items/x/comments/1", "grade"),
    ("GET", "/assignments/{slug}/items/x/pieces", "read"),
    ("POST", "/assignments/{slug}/items/x/next", "grade"),
    ("GET", f"/assignments/{{slug}}/items/x/pieces/{NOWHERE}", "read"),
    ("POST", f"/assignments/{{slug}}/items/x/pieces/{NOWHERE}/gradings", "grade"),
    ("DELETE", f"/assignments/{{slug}}/items/x/pieces/{NOWHERE}/gradings/1?reason=x", "grade"),
    ("GET", "/assignments/{slug}/given-marks/1", "read"),
    ("PUT", "/assignments/{slug}/given-marks/1", "grade"),
    ("DELETE", "/assignments/{slug}/given-marks/1?reason=x", "grade"),
    ("GET", "/regrades", "read"),
    ("GET", "/regrades/1", "read"),
    ("DELETE", "/regrades/1", "submit"),
    ("PUT", "/regrades/1/answer", "grade"),
    ("POST", f"/submissions/{NOWHERE}/regrades", "submit"),
    ("PUT", "/assignments/{slug}/regrade-window", "manage"),
    ("GET", "/courses", "read"),
    ("POST", "/courses", "manage"),
    ("GET", "/courses/{course}/members", "read"),
    ("POST", "/courses/{course}/roster", "manage"),
    ("PUT", "/courses/{course}/assignments/x", "manage"),
    ("GET", "/courses/{course}/webhooks", "read"),
    ("POST", "/courses/{course}/webhooks", "manage"),
    ("DELETE", "/courses/{course}/webhooks/1", "manage"),
    ("POST", "/courses/{course}/webhooks/1/enable", "manage"),
    ("POST", "/courses/{course}/webhooks/1/test", "manage"),
    ("GET", "/courses/{course}/deliveries", "read"),
    ("GET", "/lti/platforms", "read"),
    ("POST", "/lti/platforms", "manage"),
    ("PUT", "/lti/platforms/1", "manage"),
    ("DELETE", "/lti/platforms/1", "manage"),
    ("DELETE", "/lti/platforms/1/people/1", "manage"),
    ("GET", "/me/platforms", "read"),
    ("GET", "/lti/contexts", "read"),
    ("PUT", "/lti/contexts/1/course", "manage"),
    ("GET", "/courses/{course}/lti", "read"),
    ("PUT", "/courses/{course}/lti/links/1", "manage"),
    ("POST", "/courses/{course}/lti/resend", "manage"),
    ("GET", "/me/mail", "read"),
    ("PUT", "/me/mail", "submit"),
    ("GET", "/people", "manage"),
    ("POST", "/people", "manage"),
    ("PUT", "/people/1/password", "manage"),
    ("GET", "/tokens", "read"),
    ("POST", "/tokens", "manage"),
    ("DELETE", "/tokens/1", "manage"),
]
PLATFORM = {
    "name": "x", "issuer": "x", "client_id": "x", "deployments": ["1"],
    **dict.fromkeys(("auth_url", "token_url", "jwks_url"), "https://example.org/x"),
}  # fmt: skip
BODIES = {
    "/lti/platforms": PLATFORM,
    "/lti/platforms/1": PLATFORM,
    "/lti/contexts/1/course": {"course": "x"},
    "/courses/{course}/lti/links/1": {"assignment": "x"},
    "/courses": {"slug": "new", "title": "New"},
    "/people": {"email": "new@example.org", "name": "New"},
    "/tokens": {"name": "x", "scopes": ["read"]},
    "/courses/{course}/assignments/x": {"spec": "x"},
    "/courses/{course}/webhooks": {"url": "https://example.org/x"},
    "/me/mail": {"graded": False},
    "/assignments/{slug}/overrides/1": {"score": 1, "reason": "x"},
    "/assignments/{slug}/extensions/1": {"extra_days": 1, "reason": "x"},
    "/assignments/{slug}/late-policy": {"grace_minutes": 1, "reason": "x"},
    "/assignments/{slug}/adjustments/1": {"target": "whole", "points": 1, "reason": "x"},
    "/assignments/{slug}/grading": {"is_blind": False},
    "/assignments/{slug}/items/x/rubric": {"label": "x", "points": 1},
    "/assignments/{slug}/items/x/rubric/r1": {"label": "x", "points": 1},
    "/assignments/{slug}/items/x/comments": {"text": "x"},
    f"/assignments/{{slug}}/items/x/pieces/{NOWHERE}/gradings": {"free_points": 1},
    "/assignments/{slug}/given-marks/1": {"value": 5, "reason": "x"},
    "/regrades/1/answer": {"granted": False, "words": "x"},
    f"/submissions/{NOWHERE}/regrades": {"target": "whole", "reason": "x"},
    "/assignments/{slug}/regrade-window": {"days": 3},
    f"/submissions/{NOWHERE}/contributions": {"about": 1, "stance": "confirmed"},
    "/assignments/{slug}/draft": {"version": 0, "answers": {}},
    "/people/1/password": {"password": "a long enough one"},
}


def call(client, world, method, path):
    filled = path.format(slug=world.assignment.slug, course=world.course.slug)
    return client.request(method, filled, json=BODIES.get(path) if method in ("POST", "PUT") else None)


def test_every_endpoint_of_the_document_is_tried_below(world):
    described = httpx.get(f"{world.serving.url}/api/openapi.json").json()["paths"]
    there = {(method.upper(), path) for path, methods in described.items() for method in methods}
    there = {(method, path) for method, path in there if not path.endswith(OPEN)}
    assert len(there) == len({(method, path.split("?")[0]) for method, path, _ in CALLS})


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_nobody_gets_in_without_a_token(world, method, path, scope):
    for headers in (
        {},
        {"Authorization": "Bearer grd_made_up"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
        {"Cookie": f"{COOKIE}=made-up"},
    ):
        answer = call(world.client(**headers), world, method, path)
        assert answer.status_code == 401, headers
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "not-signed-in"


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_token_without_the_scope_is_told_which_it_needs(world, method, path, scope):
    others = [other for other in Scope if other.value != scope]
    answer = call(world.client("admin", *others), world, method, path)
    assert (answer.status_code, answer.json()["code"]) == (403, "needs-scope")
    assert scope in answer.json()["detail"]


@pytest.mark.parametrize("path", OPEN)
def test_health_needs_no_token(world, path):
    assert httpx.get(world.serving.url + path).status_code == 200
    assert world.client().get(path).status_code == 200


def test_a_revoked_token_no_longer_works(world):
    client = world.client("student")
    with world.database.begin() as work:
        for token in tokens.list_tokens(work, PersonId(world.people["student"].id)):
            tokens.revoke(work, PersonId(world.people["student"].id), token.id)
    assert client.get("/me").status_code == 401


class TestTheWebPagesSession:
    @pytest.fixture
    def signed_in(self, world):
        with world.database.begin() as work:
            accounts.set_password(work, PersonId(world.people["student"].id), "correct horse battery")
        email = world.people["student"].email
        return accounts.sign_in(world.database, email=email, password="correct horse battery", address="127.0.0.1")

    @pytest.fixture
    def browser(self, world, signed_in):
        with httpx.Client(base_url=f"{world.serving.url}/api/v1", cookies={COOKIE: signed_in.key}) as client:
            yield client

    def test_reads_need_the_cookie_alone(self, browser, world):
        assert browser.get("/me").json()["email"] == world.people["student"].email

    def test_unsafe_methods_need_the_csrf_token(self, browser, signed_in):
        body = {"name": "x", "scopes": ["read"]}
        for given in (None, "", "wrong", signed_in.csrf + "x", "ü"):
            headers = {} if given is None else {CSRF_HEADER: given.encode()}
            answer = browser.post("/tokens", json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "bad-csrf"), given
        assert browser.post("/tokens", json=body, headers={CSRF_HEADER: signed_in.csrf}).status_code == 201

    def test_an_upload_needs_it_too_and_leaves_nothing_without(self, browser, signed_in, world):
        before = world.serving.stored()
        path = f"/assignments/{world.assignment.slug}/submissions"
        assert browser.post(path, files={"file": ("work.py", A_FILE)}).json()["code"] == "bad-csrf"
        assert world.serving.stored() == before
        answer = browser.post(path, files={"file": ("work.py", A_FILE)}, headers={CSRF_HEADER: signed_in.csrf})
        assert answer.status_code == 202

    def test_a_bearer_token_counts_before_the_cookie(self, browser):
        assert browser.get("/me", headers={"Authorization": "Bearer grd_made_up"}).status_code == 401


def test_ids_that_cannot_be_read_like_unknown_ones(world):
    client = world.client("admin")
    for name in (
        "submissions/{}",
        "submissions/{}/events",
        "submissions/{}/file",
        "submissions/{}/runs",
        "artifacts/{}",
    ):
        answers = {
            client.get("/" + name.format(bad)).json()["detail"]
            for bad in (NOWHERE, "x", "1", "%00", "..%5C..", "0198c0de", NOWHERE.upper() + "0", "%F0%9F%92%A9")
        }
        assert len(answers) == 1, name
    for name in ("assignments/{}", "courses/{}/members", "assignments/{}/statistics"):
        for bad in ("nowhere", "%00", "a%20b", "x" * 300, "%F0%9F%92%A9"):
            assert client.get("/" + name.format(bad)).status_code == 404, name
    for bad in ("0", "-1", "x", "99999999999999999999", "2147483648", "%00", "1.5"):
        assert client.delete(f"/tokens/{bad}").status_code == 404


def test_a_json_body_of_megabytes_is_refused(world):
    client = world.client("admin")
    for path in ("/tokens", "/people", "/courses", f"/assignments/{world.assignment.slug}/rerun"):
        answer = client.post(path, content=b'{"name": "' + b"x" * 2**20, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large"), path
