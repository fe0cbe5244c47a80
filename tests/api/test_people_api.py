from __future__ import annotations

import pytest

from grader.domain.course import Scope


def test_me_says_who_where_and_with_which_scopes(world):
    me = world.client("ta", Scope.READ, Scope.GRADE).get("/me").json()
    assert (me["email"], me["is_admin"], me["scopes"]) == (world.people["ta"].email, False, ["read", "grade"])
    assert me["courses"] == [{"slug": world.course.slug, "title": "Deep Learning", "term": "", "role": "ta"}]
    admin = world.client("admin").get("/me").json()
    assert admin["is_admin"] is True
    assert {course["role"] for course in admin["courses"]} == {None}


class TestPeople:
    def test_administrators_list_search_and_page(self, world):
        client = world.client("admin")
        every = {person["email"] for person in client.get("/people").json()["items"]}
        assert every == {person.email for person in world.people.values()}
        found = client.get("/people", params={"search": "ada"}).json()["items"]
        assert [person["name"] for person in found] == ["Ada"]
        assert client.get("/people", params={"search": "%"}).json()["items"] == []
        seen, cursor = [], ""
        while cursor is not None:
            page = client.get("/people", params={"limit": 2, "cursor": cursor}).json()
            seen += [person["email"] for person in page["items"]]
            cursor = page["next_cursor"]
        assert seen == sorted(every)
        assert client.get("/people", params={"cursor": "no cursor"}).status_code == 422

    def test_administrators_make_people(self, world):
        body = {"email": "Grace@Example.org", "name": "Grace", "password": "correct horse battery"}
        made = world.client("admin").post("/people", json=body)
        assert (made.status_code, made.json()["email"], made.json()["is_admin"]) == (201, "grace@example.org", False)
        assert "password" not in made.text
        assert world.client("admin").post("/people", json=body).status_code == 409

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"email": "x", "name": "x"},
            {"email": "a@example.org", "name": "x", "password": "short"},
            {"email": "a@example.org", "name": ""},
        ],
    )
    def test_what_is_no_person_is_told_without_repeating_a_password(self, world, body):
        answer = world.client("admin").post("/people", json=body)
        assert answer.status_code == 422
        assert "short" not in answer.text

    @pytest.mark.parametrize("name", ["student", "ta", "instructor"])
    def test_nobody_else_does(self, world, name):
        assert world.client(name).get("/people").json()["code"] == "needs-role"
        body = {"email": "a@example.org", "name": "x"}
        assert world.client(name).post("/people", json=body).json()["code"] == "needs-role"


class TestPasswords:
    def test_oneself_or_an_administrator(self, world):
        own, other = world.people["student"].id, world.people["classmate"].id
        body = {"password": "correct horse battery"}
        assert world.client("student").put(f"/people/{own}/password", json=body).status_code == 204
        assert world.client("student").put(f"/people/{other}/password", json=body).json()["code"] == "needs-role"
        assert world.client("admin").put(f"/people/{other}/password", json=body).status_code == 204
        assert world.client("admin").put("/people/999999/password", json=body).status_code == 404
        assert world.client("student").put(f"/people/{own}/password", json={"password": "short"}).status_code == 422


class TestTokens:
    def test_a_token_is_made_shown_once_used_and_revoked(self, world):
        client = world.client("student")
        made = client.post("/tokens", json={"name": "laptop", "scopes": ["read"], "days": 30})
        assert made.status_code == 201
        secret = made.json()["secret"]
        assert secret.startswith("grd_")
        listed = client.get("/tokens")
        assert secret not in listed.text
        assert next((token["name"], token["scopes"]) for token in listed.json()["items"]) == ("laptop", ["read"])
        used = world.client()
        assert used.get("/me", headers={"Authorization": f"Bearer {secret}"}).json()["scopes"] == ["read"]
        assert client.delete(f"/tokens/{made.json()['id']}").status_code == 204
        assert used.get("/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401

    def test_a_token_makes_none_that_may_do_more_than_itself(self, world):
        client = world.client("student", Scope.READ, Scope.MANAGE)
        answer = client.post("/tokens", json={"name": "x", "scopes": ["read", "grade"]})
        assert (answer.status_code, answer.json()["code"]) == (403, "needs-scope")

    def test_nobody_revokes_anothers(self, world):
        made = world.client("student").post("/tokens", json={"name": "x", "scopes": ["read"]}).json()
        assert world.client("classmate").delete(f"/tokens/{made['id']}").status_code == 404

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["rule"]},
            {"name": "x", "scopes": ["read"], "days": 0},
        ],
    )
    def test_what_is_no_token_is_told(self, world, body):
        assert world.client("student").post("/tokens", json=body).status_code == 422
