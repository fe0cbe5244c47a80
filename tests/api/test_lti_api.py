"""Learning platforms over HTTP: each role against each request, and what is refused."""

from __future__ import annotations

import pytest
from sqlalchemy import text

PLATFORM = {
    "name": "Campus", "issuer": "https://campus.example.org", "client_id": "grader", "deployments": ["1", "1", " 2 "],
    "auth_url": "https://campus.example.org/auth", "token_url": "https://campus.example.org/token",
    "jwks_url": "https://campus.example.org/keys",
}  # fmt: skip
ROLES = ["student", "ta", "instructor", "stranger", "other instructor", "admin"]


@pytest.fixture
def platform(world):
    return world.client("admin").post("/lti/platforms", json=PLATFORM).json()


@pytest.fixture
def place(world, platform):
    """As somebody's launches would have left it: a context of the course with a link, and one that leads nowhere."""
    with world.database.begin() as work:
        said = {"p": platform["id"], "c": world.course.id}
        insert = (
            "INSERT INTO lti_contexts (platform_id, deployment, context, title, course_id) VALUES (:p, '1', :x, :x, :c)"
        )
        one = work.session.execute(text(f"{insert} RETURNING id"), said | {"x": "c1"}).scalar_one()
        other = work.session.execute(text(f"{insert} RETURNING id"), said | {"x": "c2", "c": None}).scalar_one()
        link = work.session.execute(
            text("INSERT INTO lti_links (context_id, resource, line_item) VALUES (:x, 'r', 'https://x') RETURNING id"),
            {"x": one},
        ).scalar_one()
    return {"linked": one, "loose": other, "link": link}


def test_a_platform_is_as_it_was_said(world, platform):
    assert platform | {"id": 0} == {
        **PLATFORM, "id": 0, "deployments": ["1", "2"], "trusts_email": False, "roles": ["student"],
    }  # fmt: skip
    assert world.client("admin").get("/lti/platforms").json()["items"] == [platform]


@pytest.mark.parametrize("name", ROLES)
def test_each_role_against_each_request(world, platform, place, name):
    client, course = world.client(name), f"/courses/{world.course.slug}/lti"
    is_admin = name == "admin"
    outside = name in ("stranger", "other instructor")
    read = 404 if outside else 403 if name == "student" else 200
    write = 404 if outside else 204 if name in ("instructor", "admin") else 403
    assert client.get("/lti/platforms").status_code == (200 if is_admin else 403)
    assert client.get("/lti/contexts").status_code == (200 if is_admin else 403)
    assert client.post("/lti/platforms", json=PLATFORM).status_code == (409 if is_admin else 403)
    one = f"/lti/platforms/{platform['id']}"
    assert client.put(one, json=PLATFORM | {"name": "New"}).status_code == (200 if is_admin else 403)
    linked = client.put(f"/lti/contexts/{place['loose']}/course", json={"course": world.course.slug})
    assert linked.status_code == (204 if is_admin else 403)
    assert client.get(course).status_code == read
    bound = client.put(f"{course}/links/{place['link']}", json={"assignment": world.assignment.slug})
    assert bound.status_code == write
    if write != 204:
        world.client("admin").put(f"{course}/{place['link']}", json={"assignment": world.assignment.slug})
    assert client.post(f"{course}/resend").status_code == (200 if write == 204 else write)
    assert client.delete(one).status_code == (204 if is_admin else 403)


@pytest.mark.parametrize(
    ("name", "status"), [("student", 204), ("classmate", 403), ("instructor", 403), ("admin", 204)]
)
def test_oneself_or_an_administrator_ends_a_connection(world, platform, name, status):
    student = world.people["student"].id
    with world.database.begin() as work:
        query = "INSERT INTO lti_people (platform_id, subject, person_id, how) VALUES (:p, 'u', :s, 'e-mail')"
        work.session.execute(text(query), {"p": platform["id"], "s": student})
    (known,) = world.client("student").get("/me/platforms").json()["items"]
    assert (known["name"], known["how"]) == ("Campus", "e-mail")
    one = f"/lti/platforms/{platform['id']}/people/{student}"
    assert world.client(name).delete(one).status_code == status
    assert len(world.client("student").get("/me/platforms").json()["items"]) == (0 if status == 204 else 1)
    if status == 204:
        assert world.client(name).delete(one).status_code == 404


def test_another_courses_link_and_assignment_are_not_there(world, place):
    client = world.client("other instructor")
    theirs = f"/courses/{world.other_course.slug}/lti"
    assert client.put(f"{theirs}/{place['link']}", json={"assignment": None}).status_code == 404
    assert client.get(theirs).json()["items"] == []
    mine = world.client("admin").put(
        f"/courses/{world.course.slug}/lti/links/{place['link']}", json={"assignment": "nowhere"}
    )
    assert mine.status_code == 404


def test_a_context_is_linked_once_and_let_go(world, place):
    admin, one = world.client("admin"), f"/lti/contexts/{place['linked']}/course"
    again = admin.put(one, json={"course": world.other_course.slug})
    assert (again.status_code, again.json()["detail"]) == (
        422, f"It is linked to {world.course.slug} already; unlink it first."
    )  # fmt: skip
    assert admin.put(one, json={"course": None}).status_code == 204
    assert admin.put(one, json={"course": world.other_course.slug}).status_code == 204
    assert {item["course"] for item in admin.get("/lti/contexts").json()["items"]} == {None, world.other_course.slug}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"jwks_url": "http://campus.example.org/keys"}, "Only https"),
        ({"jwks_url": "https://169.254.169.254/latest"}, "no public address"),
        ({"token_url": "https://localhost/token"}, "localhost"),
        ({"auth_url": "javascript:alert(1)"}, "no address"),
        ({"deployments": []}, "1 to 20 deployment ids"),
        ({"deployments": [" "]}, "1 to 20 deployment ids"),
        ({"name": " "}, "name is 1 to 255"),
        ({"roles": ["admin"]}, "role"),
        ({"trusts_email": "yes"}, "trusts_email"),
    ],
)
def test_what_is_no_platform_is_refused_in_a_sentence(world, changes, words):
    answer = world.client("admin").post("/lti/platforms", json=PLATFORM | changes)
    assert answer.status_code == 422
    assert words in answer.text


def test_issuer_and_client_stay(world, platform):
    one = f"/lti/platforms/{platform['id']}"
    for changes in ({"issuer": "https://other.example"}, {"client_id": "other"}):
        assert world.client("admin").put(one, json=PLATFORM | changes).status_code == 422


def test_where_no_link_takes_scores_nothing_is_sent_again(world, place):
    answer = world.client("instructor").post(f"/courses/{world.course.slug}/lti/resend")
    assert answer.status_code == 422 and "No link" in answer.json()["detail"]
