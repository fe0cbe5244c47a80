from __future__ import annotations

import pytest

ROSTER = "email,name,role,section\nada2@example.org,Ada Two,student,evening\nzoe@example.org,Zoe,ta,\n"


def roster_of(world):
    return f"/courses/{world.course.slug}/roster"


class TestCourses:
    def test_everybody_lists_their_own_and_an_administrator_all(self, world):
        mine = world.client("student").get("/courses").json()["items"]
        assert [(course["slug"], course["role"]) for course in mine] == [(world.course.slug, "student")]
        every = world.client("admin").get("/courses").json()["items"]
        assert {course["slug"] for course in every} == {world.course.slug, world.other_course.slug}
        assert {course["role"] for course in every} == {None}

    def test_administrators_make_them(self, world):
        body = {"slug": "nlp", "title": "Language", "term": "Fall", "time_zone": "Europe/Istanbul"}
        made = world.client("admin").post("/courses", json=body)
        assert made.status_code == 201
        assert {key: made.json()[key] for key in body} == body
        again = world.client("admin").post("/courses", json=body)
        assert (again.status_code, again.json()["code"]) == (409, "already-exists")
        assert world.client("instructor").post("/courses", json=body | {"slug": "b"}).json()["code"] == "needs-role"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"slug": "a b", "title": "x"},
            {"slug": "x", "title": ""},
            {"slug": "x", "title": "x", "time_zone": "Mars"},
            {"slug": "x", "title": "a\x00b"},
        ],
    )
    def test_what_is_no_course_is_told(self, world, body):
        assert world.client("admin").post("/courses", json=body).status_code == 422


class TestRosters:
    def test_a_preview_changes_nothing_and_the_import_does_what_it_said(self, world):
        client = world.client("instructor")
        preview = client.post(roster_of(world), params={"preview": True}, content=ROSTER).json()
        assert (preview["added"], preview["preview"]) == (["ada2@example.org", "zoe@example.org"], True)
        members = f"/courses/{world.course.slug}/members"
        assert len(client.get(members).json()["items"]) == 4
        done = client.post(roster_of(world), content=ROSTER).json()
        assert (done["added"], done["preview"], done["removed"]) == (preview["added"], False, [])
        found = {member["person"]["email"]: member for member in client.get(members).json()["items"]}
        assert (found["zoe@example.org"]["role"], found["ada2@example.org"]["section"]) == ("ta", "evening")

    def test_students_who_are_missing_leave_only_when_asked(self, world):
        done = world.client("instructor").post(roster_of(world), params={"remove_missing": True}, content=ROSTER).json()
        assert set(done["removed"]) == {world.people["student"].email, world.people["classmate"].email}

    def test_instructors_alone_import_and_staff_alone_read(self, world):
        for name, status in (("student", 403), ("ta", 403), ("other instructor", 404)):
            assert world.client(name).post(roster_of(world), content=ROSTER).status_code == status
        members = f"/courses/{world.course.slug}/members"
        assert world.client("student").get(members).json()["code"] == "needs-role"
        assert world.client("ta").get(members).status_code == 200
        assert world.client("other instructor").get(members).status_code == 404

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"name\nAda\n",
            b"email,name\nnot an address,Ada\n",
            b"\xff\xfe\x00",
            b"email,name\na@example.org,a\x00b\n",
        ],
    )
    def test_a_roster_that_cannot_be_read_is_told_with_the_line(self, world, content):
        answer = world.client("instructor").post(roster_of(world), content=content)
        assert (answer.status_code, answer.json()["code"]) == (422, "bad-roster")

    def test_a_roster_of_many_megabytes_is_refused(self, world):
        headers = {"Content-Type": "text/csv"}
        answer = world.client("instructor").post(roster_of(world), content=b"x" * (5 * 2**20), headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")


class TestOffering:
    def put(self, world, name="instructor", slug="p2", **body):
        body = {"spec": "cmp784-practical2", "due_at": "2031-03-02T20:59:59Z"} | body
        return world.client(name).put(f"/courses/{world.course.slug}/assignments/{slug}", json=body)

    def test_a_spec_of_the_servers_folder_is_offered_and_students_see_it(self, world):
        made = self.put(world, uploads_per_day=5, counting="best")
        assert made.status_code == 200, made.text
        assert (made.json()["slug"], made.json()["spec"], made.json()["counting"]) == (
            "p2",
            "cmp784-practical2",
            "best",
        )
        seen = world.client("student").get("/assignments/p2").json()
        assert (seen["due_at"], seen["uploads_per_day"], seen["max_score"]) == ("2031-03-02T20:59:59Z", 5, 40.0)
        assert seen["standing"]["is_open"] is True
        assert seen["standing"]["uploads_left"] == 5
        assert made.json()["standing"] is None
        # The version's bytes are kept, so that a worker can grade by them.
        assert len(world.serving.stored()) > 0

    def test_what_is_left_out_stays_as_it_is(self, world):
        self.put(world, uploads_per_day=5)
        again = self.put(world, due_at=None)
        assert (again.json()["uploads_per_day"], again.json()["due_at"]) == (5, "2031-03-02T20:59:59Z")

    def test_who_may_not_is_refused(self, world):
        for name, status in (("student", 403), ("ta", 403), ("other instructor", 404)):
            assert self.put(world, name).status_code == status

    def test_a_spec_that_is_not_there_and_a_slug_of_another_course(self, world):
        assert self.put(world, spec="nothing-like-this").json()["code"] == "unknown-assignment"
        assert self.put(world, spec="../../etc").json()["code"] == "unknown-assignment"
        self.put(world)
        theirs = world.client("other instructor").put(
            f"/courses/{world.other_course.slug}/assignments/p2", json={"spec": "cmp784-practical2"}
        )
        assert (theirs.status_code, theirs.json()["code"]) == (409, "already-exists")

    @pytest.mark.parametrize(
        "body",
        [
            {"due_at": "tomorrow"},
            {"due_at": "2031-03-02T20:59:59"},
            {"uploads_per_day": 0},
            {"counting": "luck"},
            {"more": 1},
        ],
    )
    def test_what_is_no_offer_is_told(self, world, body):
        assert self.put(world, **body).status_code == 422


def test_assignments_are_listed_by_course(world):
    for name, slugs in (("student", [world.assignment.slug]), ("stranger", []), ("admin", [world.assignment.slug])):
        found = world.client(name).get("/assignments").json()
        assert ([item["slug"] for item in found["items"]], found["next_cursor"]) == (slugs, None)
    assert world.client("stranger").get(f"/assignments/{world.assignment.slug}").status_code == 404
    own = world.client("student").get(f"/assignments/{world.assignment.slug}").json()
    assert own["parts"] == [
        {"id": "A", "title": "Part A", "points": 3.0, "individual": False},
        {"id": "B", "title": "Part B", "points": 2.0, "individual": False},
    ]
    assert (own["standing"]["submissions"], own["standing"]["state"]) == (0, None)


class TestRosterPreviews:
    def test_a_dry_run_tells_every_wrong_line_and_the_import_is_refused(self, world):
        client = world.client("instructor")
        text = ROSTER + "nobody,N,student,\n,M,student,\n"
        told = client.post(roster_of(world), params={"dry_run": True}, content=text)
        assert told.status_code == 200
        assert [problem["line"] for problem in told.json()["problems"]] == [4, 5]
        assert (told.json()["preview"], told.json()["form"], told.json()["missing"]) == (True, "csv", [])
        refused = client.post(roster_of(world), content=text)
        assert (refused.status_code, refused.json()["code"]) == (422, "bad-roster")
        assert len(client.get(f"/courses/{world.course.slug}/members").json()["items"]) == 4

    def test_what_canvas_exports_is_read_with_the_domain_of_its_logins(self, world):
        text = 'Student,ID,SIS User ID,SIS Login ID,Section\n"New, Nora",1,77,nora,S\n'
        params = {"email_domain": "example.edu"}
        done = world.client("instructor").post(roster_of(world), params=params, content=text).json()
        assert (done["form"], done["added"], done["preview"]) == ("canvas", ["nora@example.edu"], False)
        assert set(done["missing"]) == {world.people["student"].email, world.people["classmate"].email}
