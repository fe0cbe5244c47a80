"""What staff and administrators do from the command line, against a stand-in."""

from __future__ import annotations

import io
import json
from typing import ClassVar

import pytest

from grader.cli.client import follow as follow_module
from grader.cli.client.courses import due_at
from grader.domain.errors import BadArguments
from tests.cli.stand_in import ID, OLD_RUN, RUN, Answer, a_check, a_run, a_submission, problem

ROW = {"person": {"id": 1, "email": "ada@example.org", "name": "Ada", "student_number": "21"}, "section": "S1",
       "team": None, "submission": ID, "run": RUN, "state": "graded", "score": 1.5, "max_score": 2.0,
       "scale": {"value": 3.5, "label": "good"}, "is_overridden": True, "late_days": 0, "submissions": 3,
       "received_at": "2026-03-02T09:30:00Z"}  # fmt: skip
MISSING = ROW | {"state": "missing", "score": None, "scale": None, "submission": None, "run": None,
                 "is_overridden": False, "received_at": None, "submissions": 0}  # fmt: skip


@pytest.fixture
def typed(monkeypatch):
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


class TestRerun:
    @pytest.fixture
    def rerun_service(self, service, monkeypatch):
        monkeypatch.setattr(follow_module, "_POLL_S", 0.01)
        old = a_run("graded", a_check("A.one"), a_check("A.two", "failed", 0.0), a_check("A.gone"), id=OLD_RUN,
                    spec_version="old", score=1.0)  # fmt: skip
        new = a_run("graded", a_check("A.one"), a_check("A.two"), a_check("A.new"), score=2.0)
        service.on("POST", f"/submissions/{ID}/rerun", Answer(a_run("waiting"), 202))
        service.on("GET", f"/submissions/{ID}", a_submission(run=old), a_submission("graded", new))
        service.on(
            "GET", f"/submissions/{ID}/runs", {"items": [new, a_run("waiting", id="x"), old], "next_cursor": None}
        )
        return service

    def test_it_waits_and_shows_what_changed(self, grader, rerun_service):
        status, out, _ = grader("rerun", ID)
        assert status == 0
        assert "2 / 2 points" in out
        assert "Before: 1 / 2 points (spec old)" in out
        lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("A.")}
        assert set(lines) == {"A.two", "A.new", "A.gone"}
        assert "failed 0" in lines["A.two"] and "passed 1" in lines["A.two"]
        assert lines["A.new"].index("not there") < lines["A.new"].index("passed 1")
        assert lines["A.gone"].index("passed 1") < lines["A.gone"].index("not there")

    def test_json_is_the_new_run(self, grader, rerun_service):
        told = json.loads(grader("rerun", ID, "--json")[1])
        assert (told["id"], told["score"]) == (RUN, 2.0)

    def test_no_wait_gives_the_run_that_waits(self, grader, rerun_service):
        told = json.loads(grader("rerun", ID, "--no-wait", "--json")[1])
        assert told == a_run("waiting")
        assert len(rerun_service.asked) == 1

    def test_a_run_that_failed_is_exit_3(self, grader, rerun_service):
        rerun_service.on("GET", f"/submissions/{ID}", a_submission("failed"))
        assert grader("rerun", ID)[0] == 3

    @pytest.mark.parametrize("fresh", [True, False])
    def test_all_of_an_assignment(self, grader, service, fresh):
        service.on("POST", "/assignments/hw1/rerun", Answer({"submissions": 412, "dry_run": False}, 202))
        status, out, _ = grader("rerun", "--assignment", "hw1", "--all", *(["--fresh"] if fresh else []))
        assert status == 0
        assert out.startswith("412 submissions of hw1 ")
        assert service.asked[0].json() == {"dry_run": False, "fresh": fresh}

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--all"],
            [ID, "--all", "-a", "x"],
            [ID, "-a", "hw1"],
            ["-a", "hw1"],
            [ID, "--dry-run"],
            ["--all", "-a", "x", "--spec-version", "folder"],
        ],
    )
    def test_arguments_that_do_not_fit_send_nothing(self, grader, service, arguments):
        status, _, err = grader("rerun", *arguments)
        assert status == 2
        assert "--all" in err
        assert service.asked == []


class TestGradebook:
    PATH = "/assignments/hw1/gradebook"

    def test_it_is_read_whole_and_shown(self, grader, service):
        pages = [
            {"items": [ROW], "next_cursor": "c", "total": 2},
            {"items": [MISSING], "next_cursor": None, "total": 2},
        ]
        service.on("GET", self.PATH, *pages)
        status, out, _ = grader("gradebook", "hw1", "--sort", "score", "--descending", "--search", "a", "--state", "x")
        assert status == 0
        assert "1.5 / 2 *" in out and "3.5" in out and "missing" in out and "2 students; * 1 overridden" in out
        wanted = {"sort": "score", "descending": "true", "search": "a", "state": "x", "limit": "200"}
        assert [one.query for one in service.asked] == [wanted, wanted | {"cursor": "c"}]

    def test_json_is_one_list_of_everybody(self, grader, service, tmp_path):
        service.on("GET", self.PATH, {"items": [ROW, MISSING], "next_cursor": None, "total": 2})
        wanted = {"items": [ROW, MISSING], "next_cursor": None, "total": 2}
        assert json.loads(grader("gradebook", "hw1", "--json")[1]) == wanted
        assert grader("gradebook", "hw1", "--json", "-o", tmp_path / "g.json")[:2] == (0, "")
        assert json.loads((tmp_path / "g.json").read_text()) == wanted

    @pytest.mark.parametrize("command", [["gradebook", "hw1"], ["export", "hw1"]])
    @pytest.mark.parametrize("format_", ["csv", "canvas", "moodle", "gradescope"])
    def test_a_file_is_exactly_what_the_service_gives(self, grader, service, tmp_path, command, format_):
        content = "\ufeffname;é\r\n".encode()
        service.on("GET", self.PATH, Answer(content, 200, {"Content-Type": "text/csv"}))
        path = tmp_path / "out.csv"
        assert grader(*command, "--format", format_, "-o", path)[:2] == (0, "")
        assert path.read_bytes() == content
        assert service.asked[0].query == {"format": format_}

    def test_csv_on_stdout_is_untouched_when_piped(self, service, monkeypatch):
        import subprocess
        import sys

        content = b"\xef\xbb\xbfname\r\n\x1b[2J\r\n"
        service.on("GET", self.PATH, Answer(content, 200, {"Content-Type": "text/csv"}))
        done = subprocess.run(
            [sys.executable, "-m", "grader.cli.main", "gradebook", "hw1", "--csv"], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, content), done.stderr

    @pytest.mark.parametrize("also", [["--json"], ["--sort", "score"], ["--search", "a"], ["--descending"]])
    def test_a_file_takes_no_filters(self, grader, service, also):
        assert grader("gradebook", "hw1", "--csv", *also)[0] == 2
        assert service.asked == []

    def test_an_impossible_place_is_refused_before_asking(self, grader, service, tmp_path):
        assert grader("export", "hw1", "-o", tmp_path / "no" / "g.csv")[0] == 2
        assert service.asked == []


class TestRoster:
    CHANGE: ClassVar = {"added": ["ada@example.org"], "changed": [], "unchanged": 4, "removed": ["bob@example.org"]}

    def test_the_file_is_sent_as_it_is(self, grader, service, hand_in):
        service.on("POST", "/courses/c1/roster", self.CHANGE | {"preview": True})
        path = hand_in("roster.csv", b"\xef\xbb\xbfemail;name\r\n")
        status, out, _ = grader("roster", "import", path, "--course", "c1", "--preview", "--remove-missing")
        assert status == 0
        (asked,) = service.asked
        assert asked.body == b"\xef\xbb\xbfemail;name\r\n"
        assert asked.headers["content-type"] == "text/csv"
        assert asked.query == {"dry_run": "true", "remove_missing": "true"}
        assert "removed  bob@example.org" in out
        assert "1 would be added, 0 would be changed, 1 would be removed, 4 unchanged" in out

    def test_json_and_list(self, grader, service, hand_in):
        service.on("POST", "/courses/c1/roster", self.CHANGE | {"preview": False})
        told = json.loads(grader("roster", "import", hand_in("r.csv"), "-c", "c1", "--json")[1])
        assert told == self.CHANGE | {"preview": False}
        member = {"person": ROW["person"], "role": "student", "team": "T1", "section": "S1"}
        service.on("GET", "/courses/c1/members", {"items": [member], "next_cursor": None})
        out = grader("roster", "list", "-c", "c1")[1]
        assert "ada@example.org" in out and "T1" in out
        assert json.loads(grader("roster", "list", "-c", "c1", "--json")[1])["items"] == [member]


class TestCourse:
    def test_made_and_listed(self, grader, service):
        course = {"slug": "c1", "title": "Deep Learning", "term": "Spring", "role": None, "time_zone": "UTC"}
        service.on("POST", "/courses", Answer(course, 201))
        service.on("GET", "/courses", {"items": [course], "next_cursor": None})
        assert "Deep Learning" in grader("course", "create", "c1", "--title", "Deep Learning", "--term", "Spring")[1]
        wanted = {"slug": "c1", "title": "Deep Learning", "term": "Spring", "time_zone": "UTC"}
        assert service.asked[0].json() == wanted
        assert json.loads(grader("course", "list", "--json")[1])["items"] == [course]

    def test_offering_sends_only_what_was_given(self, grader, service):
        course = {"slug": "c1", "time_zone": "Europe/Istanbul"}
        service.on("GET", "/courses", {"items": [course], "next_cursor": None})
        service.on("PUT", "/courses/c1/assignments/hw1", {"slug": "hw1", "due_at": None, "max_score": 2.0})
        assert grader("course", "offer", "c1", "hw1")[0] == 0
        assert service.asked[-1].json() == {"spec": "hw1"}
        grader("course", "offer", "c1", "hw1", "--spec", "s", "--due", "2026-03-02", "--uploads-per-day", "5",
               "--counting", "best")  # fmt: skip
        assert service.asked[-1].json() == {
            "spec": "s", "due_at": "2026-03-02T23:59:59+03:00", "uploads_per_day": 5, "counting": "best"}  # fmt: skip

    @pytest.mark.parametrize(
        ("words", "wanted"),
        [
            ("2026-03-02T18:00", "2026-03-02T18:00:00+01:00"),
            ("2026-07-02 18:00", "2026-07-02T18:00:00+02:00"),
            ("2026-03-02T18:00Z", "2026-03-02T18:00:00+00:00"),
            ("2026-03-02T18:00+05:30", "2026-03-02T18:00:00+05:30"),
        ],
    )
    def test_a_time_without_offset_is_the_courses(self, words, wanted):
        assert due_at(words, lambda: "Europe/Berlin") == wanted

    @pytest.mark.parametrize("words", ["tomorrow", "2026-13-01", ""])
    def test_what_is_no_time_is_refused(self, words):
        with pytest.raises(BadArguments, match="no time"):
            due_at(words, lambda: "UTC")


class TestStatistics:
    CHECK: ClassVar = {"id": "A.one", "part": "A", "title": "One", "passed": 1, "judged": 12, "discrimination": -0.7,
                       "note": "inverse", "sentence": "Those who pass it do worse elsewhere."}  # fmt: skip
    FOUND: ClassVar = {
        "students": 40, "handed_in": 12, "graded": 12, "mean_score": 3.25, "median_score": 3.0, "gpu_s": 90.0,
        "checks": [CHECK, CHECK | {"id": "A.two", "discrimination": None, "note": None, "sentence": ""}],
        "flaky": [{"id": "A.two", "part": "A", "title": "Two", "differing": 3, "repeated": 9, "runs": 7, "passed": 4,
                   "examples": [ID]}],
        "full_marks": {"owners": 12, "reached": 4, "median_s": 5400.0, "p90_s": 36000.0, "median_uploads": 2.5,
                       "p90_uploads": 6.0, "uploads": []},
        "stages": [{"stage": "train", "runs": 12, "median_s": 31.5, "p95_s": 40.0, "total_s": 400.0, "gpu_s": 90.0}],
    }  # fmt: skip

    def test_it_says_how_it_went(self, grader, service):
        service.on("GET", "/assignments/hw1/statistics", self.FOUND)
        status, out, err = grader("statistics", "hw1")
        assert (status, err) == (0, "")
        assert "12 of 40 students handed in" in out
        lines = [line.split() for line in out.splitlines()]
        assert ["A.one", "One", "8%", "12", "-0.70", "inverse"] in lines
        assert "inverse: Those who pass it do worse elsewhere." in out
        assert ["A.two", "Two", "3", "9", "7", "4", ID] in lines
        assert "4 of 12 who handed in; from the first upload 1.5 h (median), 90% within 10.0 h; uploads 2.5" in out
        assert ["train", "12", "31.5", "40", "400", "1.5"] in lines

    def test_nothing_graded_is_said_too(self, grader, service):
        nobody = {"owners": 0, "reached": 0, "median_s": None, "p90_s": None, "uploads": []}
        empty = self.FOUND | {"checks": [], "flaky": [], "stages": [], "full_marks": nobody, "median_score": None}
        service.on("GET", "/assignments/hw1/statistics", empty)
        status, out, _ = grader("statistics", "hw1")
        assert status == 0
        assert "Full marks: 0 of 0 who handed in." in out

    def test_json_is_the_object(self, grader, service):
        service.on("GET", "/assignments/hw1/statistics", self.FOUND)
        assert json.loads(grader("statistics", "hw1", "--json")[1]) == self.FOUND

    def test_whom_it_is_not_for_reads_why(self, grader, service):
        service.on("GET", "/assignments/hw1/statistics", problem(403, "needs-role", "This is for staff."))
        status, out, err = grader("statistics", "hw1")
        assert (status, out) == (2, "")
        assert "This is for staff." in err


class TestUser:
    PERSON: ClassVar = {"id": 7, "email": "ada@example.org", "name": "Ada", "student_number": None, "is_admin": True}

    def test_a_password_comes_from_stdin_and_never_back(self, grader, service, typed):
        service.on("POST", "/people", Answer(self.PERSON, 201))
        typed("correct horse battery\n")
        status, out, err = grader("user", "create", "ada@example.org", "--name", "Ada", "--admin", "--password-stdin")
        assert status == 0
        assert service.asked[0].json() == {
            "email": "ada@example.org", "name": "Ada", "is_admin": True, "password": "correct horse battery"}  # fmt: skip
        assert "correct horse" not in out + err

    def test_without_a_password(self, grader, service):
        service.on("POST", "/people", Answer(self.PERSON, 201))
        assert grader("user", "create", "a@b.c", "--name", "A", "--no-password", "--json")[0] == 0
        assert service.asked[0].json() == {"email": "a@b.c", "name": "A", "is_admin": False}

    def test_nobody_to_type_one_is_said(self, grader, service, typed):
        typed("")
        status, _, err = grader("user", "create", "a@b.c", "--name", "A")
        assert status == 2
        assert "--password-stdin" in err
        assert service.asked == []

    def test_a_password_is_set_for_exactly_that_person(self, grader, service, typed):
        other = self.PERSON | {"id": 8, "email": "ada@example.org.evil"}
        service.on("GET", "/people", {"items": [other, self.PERSON], "next_cursor": None})
        service.on("PUT", "/people/7/password", Answer(None, 204))
        typed("correct horse battery\n")
        assert grader("user", "password", "Ada@Example.org", "--password-stdin")[0] == 0
        assert service.asked[-1].path == "/people/7/password"
        typed("correct horse battery\n")
        assert grader("user", "password", "nobody@example.org", "--password-stdin")[0] == 2

    def test_ones_own_password(self, grader, service, typed):
        service.on("GET", "/me", {"id": 9})
        service.on("PUT", "/people/9/password", Answer(None, 204))
        typed("correct horse battery\n")
        assert grader("user", "password", "--password-stdin")[0] == 0
        assert service.asked[-1].json() == {"password": "correct horse battery"}

    def test_list(self, grader, service):
        service.on("GET", "/people", {"items": [self.PERSON], "next_cursor": None})
        assert "ada@example.org" in grader("user", "list", "--search", "ada")[1]
        assert service.asked[0].query["search"] == "ada"


class TestToken:
    TOKEN: ClassVar = {"id": 3, "name": "laptop", "scopes": ["read", "submit"], "created_at": "2026-03-02T09:30:00Z",
             "expires_at": None, "last_used_at": None}  # fmt: skip

    def test_the_secret_alone_is_on_stdout(self, grader, service):
        service.on("POST", "/tokens", Answer(self.TOKEN | {"secret": "grd_secret"}, 201))
        status, out, _ = grader("token", "create", "laptop", "--scope", "read", "--scope", "grade", "--days", "30")
        assert (status, out) == (0, "grd_secret\n")
        assert service.asked[0].json() == {"name": "laptop", "scopes": ["read", "grade"], "days": 30}

    def test_list_and_revoke(self, grader, service):
        service.on("GET", "/tokens", {"items": [self.TOKEN], "next_cursor": None})
        service.on("DELETE", "/tokens/3", Answer(None, 204))
        assert "read, submit" in grader("token", "list")[1]
        assert grader("token", "revoke", "3")[:2] == (0, "")
        assert service.asked[-1].method == "DELETE"

    def test_local_needs_a_person(self, grader, service):
        assert grader("token", "create", "x", "--local")[0] == 2
        assert grader("token", "create", "x", "--person", "a@b.c")[0] == 2
        assert service.asked == []
