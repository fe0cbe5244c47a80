from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from grader.domain.ids import PersonId
from grader.service import tokens
from grader.storage.models import AssignmentRow
from tests import builders
from tests.api.serving import A_FILE


def a_zip(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def change(world, **values):
    with world.database.begin() as work:
        row = work.session.get(AssignmentRow, world.assignment.id)
        for name, value in values.items():
            setattr(row, name, value)


class TestHandingIn:
    def test_the_receipt_names_what_was_received_and_where_it_is(self, world):
        answer = world.hand_in()
        receipt = answer.json()
        assert answer.status_code == 202
        assert receipt["sha256"] == hashlib.sha256(A_FILE).hexdigest()
        assert receipt["size_bytes"] == len(A_FILE)
        assert (receipt["file"], receipt["number"], receipt["late_days"], receipt["is_new"]) == ("work.py", 1, 0, True)
        assert receipt["received_at"].endswith("Z")
        assert answer.headers["location"] == receipt["links"]["self"]
        found = world.client("student").get(f"{world.serving.url}{receipt['links']['self']}")
        assert found.json()["sha256"] == receipt["sha256"]
        assert found.json()["state"] == "waiting"

    def test_the_bytes_come_back_as_they_were_and_only_as_an_attachment(self, world):
        content = a_zip(**{"ödev.py": "x = 1", "notes.txt": "hello"})
        receipt = world.hand_in(content=content, file='ödev "1".zip').json()
        answer = world.client("student").get(f"/submissions/{receipt['id']}/file")
        assert answer.content == content
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert "%C3%B6dev" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]

    def test_the_same_bytes_twice_are_one_submission(self, world):
        first, second = world.hand_in().json(), world.hand_in().json()
        assert (first["id"], first["is_new"]) == (second["id"], True)
        assert second["is_new"] is False

    def test_the_same_key_twice_is_one_submission_and_with_other_bytes_it_is_refused(self, world):
        first = world.hand_in(**{"Idempotency-Key": "monday"})
        world.hand_in(content=b"x = 2\n")
        again = world.hand_in(**{"Idempotency-Key": "monday"})
        assert again.json()["id"] == first.json()["id"]
        refused = world.hand_in(content=b"x = 3\n", **{"Idempotency-Key": "monday"})
        assert (refused.status_code, refused.json()["code"]) == (422, "bad-request")
        assert len(world.client("student").get("/submissions").json()["items"]) == 2

    def test_the_key_may_be_a_field_before_the_file(self, world):
        client = world.client("student")
        path = f"/assignments/{world.assignment.slug}/submissions"
        ids = set()
        for content in (A_FILE, b"x = 2\n", A_FILE):
            key = "one" if content == A_FILE else "two"
            answer = client.post(path, data={"idempotency_key": key}, files={"file": ("work.py", content)})
            ids.add(answer.json()["id"])
        assert len(ids) == 2

    @pytest.mark.parametrize(
        ("content", "name", "code"),
        [
            (b"", "work.py", "bad-archive"),
            (b"%PDF-1.7 ...", "report.pdf", "input"),
            (b"not a zip", "work.zip", "bad-archive"),
            (a_zip(**{"report.txt": "no code"}), "work.zip", "missing-file"),
            (a_zip(**{"../work.py": "x"}), "work.zip", "bad-archive"),
        ],
    )
    def test_what_cannot_be_graded_is_refused_and_nothing_of_it_is_kept(self, world, content, name, code):
        before = world.serving.stored()
        answer = world.hand_in(content=content, file=name)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["detail"].endswith(".")
        assert world.serving.stored() == before
        assert world.client("student").get("/submissions").json()["items"] == []

    def test_a_form_without_a_file_is_refused(self, world):
        path = f"/assignments/{world.assignment.slug}/submissions"
        for arguments in ({"json": {}}, {"data": {"file": "text"}}, {"files": {"upload": ("work.py", A_FILE)}}, {}):
            answer = world.client("student").post(path, **arguments)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad-request"), arguments

    def test_after_the_days_uploads_the_sentence_says_when_the_next_is_possible(self, world):
        change(world, uploads_per_day=1)
        assert world.hand_in().status_code == 202
        refused = world.hand_in(content=b"x = 2\n")
        assert (refused.status_code, refused.json()["code"]) == (429, "quota-used")
        assert "the next is possible from" in refused.json()["detail"]
        # Its bytes lie in the store, where nothing names them, until retention clears them.
        assert len(world.client("student").get("/submissions").json()["items"]) == 1

    def test_what_is_refused_costs_no_upload(self, world):
        change(world, uploads_per_day=1)
        assert world.hand_in(content=b"", file="work.py").status_code == 422
        assert world.hand_in().status_code == 202

    def test_past_the_deadline_nothing_is_taken(self, world):
        change(world, due_at=datetime.now(UTC) - timedelta(minutes=1))
        refused = world.hand_in()
        assert (refused.status_code, refused.json()["code"]) == (403, "past-deadline")

    def test_an_assignment_of_another_course_reads_like_one_that_does_not_exist(self, world):
        there = world.hand_in("stranger")
        nowhere = world.client("stranger").post("/assignments/nowhere/submissions", files={"file": ("work.py", A_FILE)})
        assert (there.status_code, nowhere.status_code) == (404, 404)
        assert there.json()["detail"].replace(world.assignment.slug, "nowhere") == nowhere.json()["detail"]
        assert there.json()["code"] == nowhere.json()["code"]


class TestReadingBack:
    def test_another_students_submission_reads_like_one_that_does_not_exist(self, world):
        receipt = world.hand_in().json()
        for name in ("classmate", "stranger", "other instructor"):
            client = world.client(name)
            for tail in ("", "/events", "/file", "/runs"):
                theirs = client.get(f"/submissions/{receipt['id']}{tail}")
                unknown = client.get(f"/submissions/00000000-0000-7000-8000-000000000000{tail}")
                malformed = client.get(f"/submissions/no-id{tail}")
                shown = [{k: v for k, v in a.json().items() if k != "instance"} for a in (theirs, unknown, malformed)]
                assert shown[0] == shown[1] == shown[2]
                assert theirs.status_code == 404
            assert client.get("/submissions").json()["items"] == []

    def test_staff_of_the_course_and_administrators_read_it(self, world):
        receipt = world.hand_in().json()
        for name in ("student", "ta", "instructor", "admin"):
            assert world.client(name).get(f"/submissions/{receipt['id']}").status_code == 200

    def test_a_poll_costs_nothing_until_something_changes(self, world):
        receipt = world.hand_in().json()
        client = world.client("student")
        first = client.get(f"/submissions/{receipt['id']}")
        tag = first.headers["etag"]
        for named in (tag, f"W/{tag}", f'"other", {tag}'):
            again = client.get(f"/submissions/{receipt['id']}", headers={"If-None-Match": named})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        world.claim()
        changed = client.get(f"/submissions/{receipt['id']}", headers={"If-None-Match": tag})
        assert (changed.status_code, changed.json()["state"]) == (200, "grading")
        assert changed.headers["etag"] != tag

    def test_lists_are_read_on_by_cursor_newest_first(self, world):
        ids = [world.hand_in(content=f"x = {n}\n".encode()).json()["id"] for n in range(5)]
        client, seen, cursor = world.client("student"), [], ""
        while True:
            page = client.get("/submissions", params={"limit": 2, "cursor": cursor}).json()
            assert len(page["items"]) <= 2
            seen += [line["id"] for line in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == ids[::-1]

    def test_lists_are_filtered(self, world):
        world.hand_in("student")
        world.hand_in("classmate", content=b"x = 2\n")
        staff = world.client("ta")
        assert len(staff.get("/submissions").json()["items"]) == 2
        one = staff.get("/submissions", params={"person": world.people["classmate"].id}).json()["items"]
        assert [line["person"]["name"] for line in one] == ["Bob"]
        assert staff.get("/submissions", params={"state": "graded"}).json()["items"] == []
        assert len(staff.get("/submissions", params={"assignment": world.assignment.slug}).json()["items"]) == 2
        assert staff.get("/submissions", params={"assignment": "nowhere"}).json()["code"] == "unknown-assignment"

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=201",
            "limit=x",
            "person=0",
            "person=99999999999",
            "state=nice",
            "cursor=%00",
            "cursor=zzz",
            "assignment=%00",
        ],
    )
    def test_a_bad_query_is_told_and_an_unknown_parameter_is_not(self, world, query):
        assert world.client("ta").get(f"/submissions?{query}").status_code == 422
        assert world.client("ta").get("/submissions?unknown=1").status_code == 200

    def test_a_graded_submission_shows_its_checks_score_and_what_counts(self, world):
        receipt = world.hand_in().json()
        world.grade()
        answer = world.client("student").get(f"/submissions/{receipt['id']}").json()
        assert (answer["state"], answer["score"], answer["max_score"], answer["counts"]) == ("graded", 5.0, 5.0, True)
        assert [check["id"] for check in answer["run"]["checks"]] == ["A.loads", "A.one", "A.two", "B.learns"]
        assert {check["status"] for check in answer["run"]["checks"]} == {"passed"}
        assert [(part["id"], part["points"], part["max_points"]) for part in answer["run"]["parts"]] == [
            ("A", 3.0, 3.0),
            ("B", 2.0, 2.0),
        ]
        assert answer["run"]["scale"] == {"value": 1.0, "label": "half"}
        assert answer["queue"] is None

    def test_a_waiting_submission_lists_what_will_be_checked(self, world):
        receipt = world.hand_in().json()
        answer = world.client("student").get(f"/submissions/{receipt['id']}").json()
        assert {check["status"] for check in answer["run"]["checks"]} == {None}
        assert {check["withheld"] for check in answer["run"]["checks"]} == {False}
        assert answer["queue"]["ahead"] == 0


class TestPictures:
    def test_a_picture_is_read_by_whoever_may_read_its_check(self, world):
        receipt = world.hand_in().json()
        world.grade(pictures=True)
        check = world.client("student").get(f"/submissions/{receipt['id']}").json()["run"]["checks"][1]
        by_kind = {artifact["kind"]: artifact for artifact in check["artifacts"]}
        picture = world.client("student").get(f"/artifacts/{by_kind['picture']['id']}")
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
        curve = world.client("student").get(f"/artifacts/{by_kind['curve']['id']}")
        assert curve.json() == {"x": [1], "y": [2]}
        refused = world.client("classmate").get(f"/artifacts/{by_kind['picture']['id']}")
        unknown = world.client("classmate").get("/artifacts/no-id")
        assert (refused.status_code, unknown.status_code) == (404, 404)
        assert refused.json()["detail"] == unknown.json()["detail"]


class TestReruns:
    def test_staff_rerun_and_read_all_runs(self, world):
        receipt = world.hand_in().json()
        world.grade()
        answer = world.client("ta").post(f"/submissions/{receipt['id']}/rerun")
        assert answer.status_code == 202
        assert (answer.json()["reason"], answer.json()["state"]) == ("rerun", "waiting")
        runs = world.client("ta").get(f"/submissions/{receipt['id']}/runs").json()["items"]
        assert [run["reason"] for run in runs] == ["rerun", "upload"]
        assert runs[1]["stages"][0]["stage"] == "gate"
        assert runs[0]["requested_by"] is not None

    def test_students_rerun_nothing_and_read_no_runs(self, world):
        receipt = world.hand_in().json()
        client = world.client("student")
        assert client.post(f"/submissions/{receipt['id']}/rerun").json()["code"] == "needs-role"
        assert client.get(f"/submissions/{receipt['id']}/runs").json()["code"] == "needs-role"
        assert world.client("classmate").post(f"/submissions/{receipt['id']}/rerun").json()["code"] == "not-yours"

    def test_a_whole_assignment_is_counted_first_and_then_run_again(self, world):
        world.hand_in("student")
        world.hand_in("classmate", content=b"x = 2\n")
        world.grade()
        path = f"/assignments/{world.assignment.slug}/rerun"
        counted = world.client("ta").post(path, json={"dry_run": True})
        assert (counted.status_code, counted.json()) == (202, {"submissions": 2, "dry_run": True})
        assert world.claim(expect=False) is None
        done = world.client("ta").post(path)
        assert done.json() == {"submissions": 2, "dry_run": False}
        assert world.claim() is not None
        assert world.client("student").post(path).json()["code"] == "needs-role"
        assert world.client("other instructor").post(path).status_code == 404


def test_a_team_shares_its_submissions(world):
    with world.database.begin() as work:
        team = builders.a_team(work, world.course)
        mates = [builders.a_person(work, world.course, team_id=team.id) for _ in range(2)]
        assignment = builders.an_assignment(work, world.course, definition=builders.a_definition(team_size=(1, 2)))
        secrets = [
            tokens.issue(work, PersonId(mate.id), name="t", scopes=frozenset(tokens.Scope), expires_at=None).secret
            for mate in mates
        ]
    headers = [{"Authorization": f"Bearer {secret}"} for secret in secrets]
    client = world.client()
    receipt = client.post(
        f"/assignments/{assignment.slug}/submissions", files={"file": ("work.py", A_FILE)}, headers=headers[0]
    ).json()
    answer = client.get(f"/submissions/{receipt['id']}", headers=headers[1]).json()
    assert answer["team"] == team.name
    assert client.get("/submissions", headers=headers[1]).json()["items"][0]["id"] == receipt["id"]
    assert world.client("student").get(f"/submissions/{receipt['id']}").status_code == 404
