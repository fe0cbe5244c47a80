"""The same commands against the service itself: its server on a socket, its PostgreSQL, its bytes."""

from __future__ import annotations

import io
import json
import threading
import time

import pytest

from grader.cli.client import trials
from grader.domain.check import CheckStatus
from grader.domain.course import Scope
from grader.service import notices
from tests import builders
from tests.api.serving import A_FILE
from tests.waiting import PATIENCE_S

EVERYTHING = tuple(Scope)


@pytest.fixture
def called_by(grader, world, monkeypatch, tmp_path):
    """Runs a command line with the token of somebody of the world."""
    monkeypatch.setenv("GRADER_URL", world.serving.url)
    monkeypatch.setenv("GRADER_CONFIG", str(tmp_path / "none.toml"))
    tokens = {}

    def call(name, *arguments):
        tokens.setdefault(name, world.token(name))
        monkeypatch.setenv("GRADER_TOKEN", tokens[name])
        return grader(*arguments)

    return call


@pytest.fixture
def work(hand_in):
    return hand_in("work.py", A_FILE)


class Grading:
    """Grades the next thing that waits, in a thread, as a worker would."""

    def __init__(self, world, **options):
        self._thread = threading.Thread(target=self._run, args=(world, options))

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join()

    def _run(self, world, options):
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with world.database.begin() as unit:
                from sqlalchemy import text

                waiting = unit.session.execute(text("SELECT count(*) FROM run_stages WHERE state = 'waiting'")).scalar()
            if waiting:
                world.grade(**options)
                return
            time.sleep(0.05)


def test_a_student_hands_in_and_sees_the_card(called_by, world, work):
    slug = world.assignment.slug
    with Grading(world):
        status, out, err = called_by("student", "submit", work, "-a", slug, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert (told["state"], told["score"], told["number"]) == ("graded", 5.0, 1)
    shown = called_by("student", "status", told["id"])[1]
    assert "5 / 5 points" in shown
    assert "It learns" in shown
    overview = called_by("student", "status")[1]
    assert slug in overview
    assert told["id"] in overview
    again = json.loads(called_by("student", "submit", work, "-a", slug, "--no-wait", "--json")[1])
    assert (again["id"], again["is_new"]) == (told["id"], False)


def test_what_the_assignment_does_not_take_is_refused_in_its_words(called_by, world, hand_in):
    status, out, err = called_by("student", "submit", hand_in("notes.txt", b"hello"), "-a", world.assignment.slug)
    assert (status, out) == (2, "")
    assert err.startswith("grader: ")
    assert err.count("\n") == 1


def test_a_student_reaches_nothing_of_the_staffs(called_by, world, work):
    receipt = json.loads(called_by("student", "submit", work, "-a", world.assignment.slug, "--no-wait", "--json")[1])
    for command in (
        ["gradebook", world.assignment.slug],
        ["export", world.assignment.slug],
        ["statistics", world.assignment.slug],
        ["rerun", receipt["id"]],
        ["rerun", "-a", world.assignment.slug, "--all"],
        ["roster", "list", "-c", world.course.slug],
        ["user", "list"],
        ["course", "create", "x", "--title", "X"],
    ):
        status, out, err = called_by("student", *command)
        assert (status, out) == (2, ""), command
        assert err.startswith("grader: ")
    assert called_by("classmate", "status", receipt["id"])[0] == 2


def test_a_teaching_assistant_reads_the_gradebook_and_reruns(called_by, world, work, tmp_path, monkeypatch):
    slug = world.assignment.slug
    results = tuple(
        builders.a_result(check, CheckStatus.FAILED if check.id == "A.two" else CheckStatus.PASSED)
        for check in builders.a_plan()
    )
    with Grading(world, results=results):
        told = json.loads(called_by("student", "submit", work, "-a", slug, "--json")[1])
    assert told["score"] == 3.0
    with Grading(world):
        status, out, err = called_by("ta", "rerun", told["id"])
    assert status == 0, err
    assert "5 / 5 points" in out
    assert "Before: 3 / 5 points" in out
    assert [line.split()[0] for line in out.splitlines() if line.startswith(("A.", "B."))] == ["A.two"]
    status, out, err = called_by("ta", "statistics", slug)
    assert status == 0, err
    assert "Full marks: 1 of 1 who handed in; from the first upload 0.0 h" in out
    assert "too-few: Fewer than 10" in out
    rows = json.loads(called_by("ta", "gradebook", slug, "--json", "--sort", "score", "--descending")[1])
    assert (rows["total"], [row["state"] for row in rows["items"]]) == (2, ["graded", "missing"])
    assert "5 / 5" in called_by("ta", "gradebook", slug, "--search", "Ada")[1]
    for name in ("csv", "canvas", "moodle", "gradescope"):
        path = tmp_path / f"{name}.csv"
        assert called_by("ta", "export", slug, "--format", name, "-o", path)[0] == 0
        assert b"Ada" in path.read_bytes()
    # Nobody is at work: what was begun is not waited for without end.
    monkeypatch.setattr(trials, "STILL_S", 0.1)
    status, out, err = called_by("ta", "rerun", "-a", slug, "--all", "--dry-run")
    assert (status, out.splitlines()[0]) == (0, f"1 submission of {slug}, tried:")
    assert "Nothing has moved" in err


def test_an_instructor_imports_a_roster_and_offers_an_assignment(called_by, world, hand_in, root):
    course = world.course.slug
    path = hand_in("roster.csv", "email;name;role\nzoe@example.org;Zoë;student\n".encode())
    preview = called_by("instructor", "roster", "import", path, "-c", course, "--preview")
    assert preview[0] == 0, preview[2]
    assert "1 would be added" in preview[1]
    assert "zoe@example.org" not in called_by("instructor", "roster", "list", "-c", course)[1]
    assert called_by("instructor", "roster", "import", path, "-c", course)[0] == 0
    members = json.loads(called_by("instructor", "roster", "list", "-c", course, "--json")[1])["items"]
    assert "Zoë" in [member["person"]["name"] for member in members]
    status, out, err = called_by("instructor", "course", "offer", course, "first-steps", "--spec", "hw1", "--due",
                                 "2099-03-02", "--uploads-per-day", "3", "--counting", "best", "--json")  # fmt: skip
    assert status == 0, err
    told = json.loads(out)
    assert (told["slug"], told["spec"], told["uploads_per_day"], told["counting"]) == ("first-steps", "hw1", 3, "best")
    assert told["due_at"] == "2099-03-02T23:59:59Z"


def test_an_administrator_makes_courses_people_and_tokens(called_by, world, grader, monkeypatch):
    assert called_by("admin", "course", "create", "cmp1", "--title", "One", "--time-zone", "Europe/Berlin")[0] == 0
    assert "Europe/Berlin" in called_by("admin", "course", "list")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
    status, _, err = called_by("admin", "user", "create", "new@example.org", "--name", "New", "--password-stdin")
    assert status == 0, err
    monkeypatch.setattr("sys.stdin", io.StringIO("another horse battery\n"))
    assert called_by("admin", "user", "password", "NEW@example.org", "--password-stdin")[0] == 0
    assert "new@example.org" in called_by("admin", "user", "list", "--search", "New")[1]
    status, secret, _ = called_by("admin", "token", "create", "laptop", "--scope", "read", "--days", "7")
    assert status == 0
    assert grader("course", "list", "--token", secret.strip())[0] == 0
    assert grader("course", "create", "cmp2", "--title", "Two", "--token", secret.strip())[0] == 2
    listed = json.loads(called_by("admin", "token", "list", "--json")[1])["items"]
    laptop = next(item for item in listed if item["name"] == "laptop")
    assert called_by("admin", "token", "revoke", laptop["id"])[0] == 0
    assert grader("course", "list", "--token", secret.strip())[0] == 2


class TestLocal:
    @pytest.fixture(autouse=True)
    def _on_the_server(self, postgres_url, monkeypatch):
        monkeypatch.setenv("GRADER_DATABASE_URL", postgres_url)

    def test_the_first_administrator_needs_nobody(self, grader, serving, database, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery\n"))
        made = grader("user", "create", "root@example.org", "--name", "Root", "--admin", "--password-stdin", "--local",
                      "--json")  # fmt: skip
        assert made[0] == 0, made[2]
        assert json.loads(made[1])["is_admin"] is True
        secret = grader("token", "create", "first", "--local", "--person", "root@example.org", "--scope", "read",
                        "--scope", "manage")[1].strip()  # fmt: skip
        command = ["course", "create", "c", "--title", "C", "--url", serving.url, "--token", secret]
        assert grader(*command)[0] == 0

    def test_a_lost_password_is_replaced(self, grader, database, monkeypatch):
        from grader.service import accounts

        with database.begin() as work:
            accounts.create_person(work, email="ada@example.org", name="Ada", password="the old password")
        monkeypatch.setattr("sys.stdin", io.StringIO("the new password\n"))
        assert grader("user", "password", "ada@example.org", "--local", "--password-stdin")[0] == 0
        signed_in = accounts.sign_in(database, email="ada@example.org", password="the new password", address="::1")
        assert signed_in.reader.person.email == "ada@example.org"

    def test_only_an_empty_service_gets_a_first_administrator(self, database):
        from grader.cli.host.accounts import first_admin
        from grader.service import accounts

        made = first_admin(database)
        assert made is not None
        assert accounts.sign_in(database, email=made.email, password=made.password, address="::1")
        assert first_admin(database) is None

    def test_the_schemas_version_is_printed(self, grader):
        from grader.storage import schema

        assert grader("db", "version")[:2] == (0, f"{schema.newest_version()}\n")
        assert grader("db", "upgrade")[:2] == (0, f"{schema.newest_version()}\n")

    def test_without_a_database_the_variable_is_named(self, grader, monkeypatch):
        monkeypatch.delenv("GRADER_DATABASE_URL")
        for command in (["db", "version"], ["user", "create", "a@b.c", "--name", "A", "--no-password", "--local"]):
            status, _, err = grader(*command)
            assert status == 2
            assert "GRADER_DATABASE_URL" in err

    def test_a_database_that_is_away_is_exit_3(self, grader, monkeypatch):
        monkeypatch.setenv("GRADER_DATABASE_URL", "postgresql+psycopg://grader@127.0.0.1:1/grader")
        status, _, err = grader("db", "version")
        assert status == 3
        assert err.startswith("grader: The database cannot be reached")


def test_an_instructor_tells_a_webhook_and_everybody_chooses_their_mail(called_by, world):
    course = world.course.slug
    status, secret, err = called_by("instructor", "webhook", "add", course, "https://example.org/theirs")
    assert (status, secret.startswith("whsec_"), "will not be shown again" in err) == (0, True, True)
    (listed,) = json.loads(called_by("ta", "webhook", "list", course, "--json")[1])["items"]
    assert (listed["url"], "secret" in listed) == ("https://example.org/…", False)
    number = str(listed["id"])
    assert called_by("instructor", "webhook", "test", course, number)[0] == 0
    with world.database.begin() as unit:
        notices.look(unit, with_mail=False)
    assert "webhook.test" in called_by("ta", "webhook", "log", course, "--webhook", number, "--state", "waiting")[1]
    assert called_by("instructor", "webhook", "enable", course, number)[0] == 0
    assert called_by("instructor", "webhook", "remove", course, number)[0] == 0
    assert json.loads(called_by("ta", "webhook", "list", course, "--json")[1])["items"] == []
    for name, command in (("ta", "add"), ("student", "add"), ("other instructor", "add")):
        status, out, err = called_by(name, "webhook", command, course, "https://example.org/x")
        assert (status, out) == (2, "") and err.startswith("grader: ")
    assert called_by("instructor", "webhook", "add", course, "http://example.org/x")[0] == 2
    assert "due-soon          off" in called_by("student", "mail", "--off", "due-soon")[1]
    assert json.loads(called_by("student", "mail", "--json")[1]) == {
        "graded": True, "regrade_answered": True, "items_released": True, "due_soon": False,
    }  # fmt: skip
    assert called_by("student", "mail", "--on", "graded", "--off", "graded")[0] == 2


def test_staff_read_the_term_and_write_it_to_files(called_by, world, work, tmp_path):
    with Grading(world):
        called_by("student", "submit", work, "-a", world.assignment.slug)
    course = world.course.slug
    out = called_by("ta", "course", "gradebook", course)[1]
    assert world.assignment.slug in out and "Ada" in out and "2 students" in out
    for name in ("csv", "canvas", "moodle", "gradescope"):
        path = tmp_path / f"{name}.csv"
        assert called_by("ta", "course", "gradebook", course, "--format", name, "-o", path)[0] == 0
        assert b"Ada" in path.read_bytes()
    assert called_by("student", "course", "gradebook", course)[0] == 2
    assert called_by("ta", "course", "gradebook", course, "-o", tmp_path / "x")[0] == 2


def test_a_preview_of_a_roster_with_wrong_lines_names_them_and_ends_with_status_two(called_by, world, hand_in):
    path = hand_in("roster.csv", b"email,name\nnew@example.org,Nora\nnobody,B\n")
    status, out, err = called_by("instructor", "roster", "import", path, "-c", world.course.slug, "--dry-run")
    assert status == 2
    assert "Line 3: \u201cnobody\u201d" in out and "added    new@example.org" in out
    assert "nothing was changed" in err and err.count("\n") == 1
    assert called_by("instructor", "roster", "import", path, "-c", world.course.slug)[0] == 2
    assert "new@example.org" not in called_by("ta", "roster", "list", "-c", world.course.slug)[1]


def test_an_administrator_registers_a_platform_and_an_instructor_binds_its_links(called_by, world, tmp_path):
    course, slug = world.course.slug, world.assignment.slug
    said = ("--issuer", "https://campus.example.org", "--client-id", "grader", "--deployment", "1", "--deployment", "2",
            "--auth-url", "https://campus.example.org/a", "--token-url", "https://campus.example.org/t",
            "--keys-url", "https://campus.example.org/k")  # fmt: skip
    status, out, _ = called_by("admin", "lti", "register", "Campus", *said, "--may-add", "ta", "--json")
    made = json.loads(out)
    assert (status, made["deployments"], made["roles"]) == (0, ["1", "2"], ["ta"])
    assert called_by("instructor", "lti", "register", "Campus", *said)[0] == 2
    assert "not trusted" in called_by("admin", "lti", "platforms")[1]
    with world.database.begin() as unit:
        from sqlalchemy import text

        query = "INSERT INTO lti_contexts (platform_id, deployment, context, title) VALUES (:p, '1', 'c', 'Monday')"
        context = unit.session.execute(text(f"{query} RETURNING id"), {"p": made["id"]}).scalar_one()
        query = "INSERT INTO lti_links (context_id, resource, line_item) VALUES (:c, 'r', 'https://x') RETURNING id"
        link = unit.session.execute(text(query), {"c": context}).scalar_one()
    assert "Monday" in called_by("admin", "lti", "courses")[1]
    assert called_by("admin", "lti", "link", str(context), course)[0] == 0
    assert called_by("instructor", "lti", "bind", course, str(link), slug)[:2] == (0, f"Link {link} leads to {slug}.\n")
    (listed,) = json.loads(called_by("ta", "lti", "links", course, "--json")[1])["items"]
    assert (listed["assignment"], listed["takes_scores"]) == (slug, True)
    assert slug in called_by("ta", "lti", "links", course)[1]
    assert called_by("instructor", "lti", "resend", course)[:2] == (0, "Scores of 0 students are sent again.\n")
    assert called_by("ta", "lti", "resend", course)[0] == 2
    assert called_by("admin", "lti", "remove", str(made["id"]))[0] == 0
    assert json.loads(called_by("admin", "lti", "platforms", "--json")[1])["items"] == []


def test_a_new_key_comes_first_and_the_one_before_stays(grader, tmp_path):
    path = tmp_path / "keys"
    path.touch(mode=0o444)
    for kept in (1, 2, 2):
        status, _, err = grader("lti", "new-key", str(path))
        found = json.loads(path.read_text())["keys"]
        assert (status, len(found)) == (0, kept)
        assert found[0]["kid"] in err
    assert path.stat().st_mode & 0o777 == 0o444
    path.chmod(0o600)
    path.write_text("something else")
    status, _, err = grader("lti", "new-key", str(path))
    assert status == 3 and "cannot be used" in err and "Traceback" not in err
    assert path.read_text() == "something else"
