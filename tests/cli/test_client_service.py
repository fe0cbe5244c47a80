"""Problems become one sentence and an exit status; a service that is briefly away is waited for."""

from __future__ import annotations

import socket

import pytest

from grader.cli.client import service as service_module
from grader.cli.client.address import Address
from grader.cli.client.service import Service
from grader.domain.errors import AccessError, BadArguments, ConflictError, InputError, NotSignedIn, TransientError
from tests.cli.stand_in import Answer, problem

NOTHING = {"items": [], "next_cursor": None}


@pytest.fixture
def patient(monkeypatch):
    """No time is lost between two tries."""
    monkeypatch.setattr(service_module, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(service_module, "_LONGEST_WAIT_S", 0.01)


@pytest.fixture
def opened(service, patient):
    said = []
    with Service(Address(url=service.url, token="grd_good"), patience_s=20, say=said.append) as made:
        made.said = said
        yield made


PROBLEMS = [
    (problem(404, "unknown-assignment", "There is no assignment of that name."), InputError, "no assignment"),
    (problem(422, "missing-file", "It holds no notebook."), InputError, "no notebook"),
    (problem(429, "quota-used", "The next is possible at 09:00."), InputError, "09:00"),
    (problem(403, "needs-role", "Only staff may do this."), AccessError, "Only staff"),
    (problem(409, "already-exists", "It is there already."), ConflictError, "there already"),
    (problem(401, "not-signed-in", "Sign in first."), NotSignedIn, "grader login"),
    (problem(500, "grader-error", "The service has a fault."), TransientError, "a fault"),
    (Answer(b"<html>teapot</html>", 418, {"Content-Type": "text/html"}), InputError, "answered 418"),
    (Answer({"detail": ["no text"]}, 400), InputError, "no text"),
    (Answer(b"", 302, {"Location": "https://elsewhere.example.org/"}), BadArguments, "elsewhere"),
    (Answer(b"[1, 2]"), BadArguments, "not a grader"),
    (Answer(b"<html>", 200, {"Content-Type": "text/html"}), BadArguments, "not a grader"),
]


@pytest.mark.parametrize(("answer", "family", "words"), PROBLEMS)
def test_each_problem_is_an_error_of_its_family_with_the_services_sentence(opened, service, answer, family, words):
    service.on("GET", "/me", answer)
    with pytest.raises(family, match=words) as caught:
        opened.get("/me")
    assert type(caught.value) is family
    assert len(service.asked) == 1


@pytest.mark.parametrize(("answer", "status"), [(PROBLEMS[0][0], 2), (PROBLEMS[5][0], 2), (PROBLEMS[6][0], 3)])
def test_the_command_ends_with_one_sentence_and_the_familys_status(grader, service, answer, status):
    service.on("GET", "/courses", answer)
    found, out, err = grader("course", "list")
    assert (found, out) == (status, "")
    assert err.startswith("grader: ")
    assert err.count("\n") == 1


def test_control_characters_in_a_problem_never_reach_the_terminal(grader, service):
    service.on("GET", "/courses", problem(422, "bad", "evil \x1b]0;title\x07 \x9b31m\u202e words"))
    _, _, err = grader("course", "list")
    assert "evil" in err
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(err)


def test_a_service_that_is_briefly_away_is_waited_for_and_said_to_be_once(opened, service):
    service.on("GET", "/me", problem(503, "database-busy", "Try again."), Answer(drop=True), {"id": 1})
    assert opened.get("/me") == {"id": 1}
    assert len(opened.said) == 1
    assert "Trying again" in opened.said[0]


def test_what_may_have_been_done_is_not_done_twice(opened, service):
    service.on("POST", "/courses", Answer(drop=True), {"slug": "c"})
    with pytest.raises(TransientError, match="cannot be reached"):
        opened.post("/courses", {"slug": "c"})
    assert len(service.asked) == 1


def test_a_service_that_stays_away_is_exit_3(grader, monkeypatch, patient):
    monkeypatch.setattr(service_module, "USUAL_PATIENCE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, out, err = grader("status", "--url", f"http://127.0.0.1:{port}", "--token", "grd_x")
    assert (status, out) == (3, "")
    assert "cannot be reached" in err.splitlines()[-1]


def test_lists_are_read_page_after_page(opened, service):
    service.on("GET", "/people", {"items": [{"id": 1}], "next_cursor": "c&1"}, NOTHING | {"items": [{"id": 2}]})
    assert [item["id"] for item in opened.items("/people", {"search": "a b", "state": ""})] == [1, 2]
    first, second = service.asked
    assert first.query == {"search": "a b", "limit": "200"}
    assert second.query == {"search": "a b", "limit": "200", "cursor": "c&1"}


def test_no_more_is_read_than_was_asked_for(opened, service):
    service.on("GET", "/submissions", {"items": [{"id": 1}, {"id": 2}, {"id": 3}], "next_cursor": "more"})
    assert [item["id"] for item in opened.items("/submissions", most=2)] == [1, 2]
    assert [one.query for one in service.asked] == [{"limit": "2"}]
