from __future__ import annotations

import csv
import io

import pytest


def path(world, tail):
    return f"/assignments/{world.assignment.slug}/{tail}"


@pytest.fixture
def graded(world):
    """Ada has full marks, Bob has handed nothing in."""
    receipt = world.hand_in().json()
    world.grade()
    return receipt


class TestWhoReadsIt:
    @pytest.mark.parametrize("tail", ["gradebook", "gradebook?format=csv", "statistics"])
    def test_staff_of_the_course_alone(self, world, tail):
        assert world.client("student").get(path(world, tail)).json()["code"] == "needs-role"
        assert world.client("other instructor").get(path(world, tail)).status_code == 404
        for name in ("ta", "instructor", "admin"):
            assert world.client(name).get(path(world, tail)).status_code == 200


class TestRows:
    def test_every_student_has_a_row_whether_they_handed_in_or_not(self, world, graded):
        book = world.client("ta").get(path(world, "gradebook")).json()
        assert (book["total"], book["next_cursor"]) == (2, None)
        ada, bob = book["items"]
        assert (ada["person"]["name"], ada["state"], ada["score"], ada["submission"]) == (
            "Ada",
            "graded",
            5.0,
            graded["id"],
        )
        assert (bob["person"]["name"], bob["state"], bob["score"], bob["submission"]) == ("Bob", "missing", None, None)
        assert (ada["section"], ada["scale"]) == ("morning", {"value": 1.0, "label": "half"})

    def test_paging_sorting_and_filters(self, world, graded):
        client = world.client("ta")
        names, cursor = [], ""
        while cursor is not None:
            query = {"limit": 1, "sort": "name", "descending": True, "cursor": cursor}
            page = client.get(path(world, "gradebook"), params=query).json()
            names += [row["person"]["name"] for row in page["items"]]
            cursor = page["next_cursor"]
        assert names == ["Bob", "Ada"]
        for query, expected in (
            ({"search": "ad"}, ["Ada"]),
            ({"state": "missing"}, ["Bob"]),
            ({"section": "morning"}, ["Ada"]),
            ({"search": "nobody"}, []),
        ):
            page = client.get(path(world, "gradebook"), params=query).json()
            assert [row["person"]["name"] for row in page["items"]] == expected

    @pytest.mark.parametrize("query", ["sort=luck", "limit=0", "state=nice", "cursor=zzz", "format=xls", "search=%00"])
    def test_a_bad_query_is_told(self, world, query):
        assert world.client("ta").get(path(world, f"gradebook?{query}")).status_code == 422

    def test_a_poll_costs_nothing_until_something_changes(self, world):
        client = world.client("ta")
        tag = client.get(path(world, "gradebook")).headers["etag"]
        assert client.get(path(world, "gradebook"), headers={"If-None-Match": tag}).status_code == 304
        world.hand_in()
        assert client.get(path(world, "gradebook"), headers={"If-None-Match": tag}).status_code == 200


class TestFiles:
    @pytest.mark.parametrize("form", ["csv", "canvas", "moodle", "gradescope"])
    def test_the_whole_gradebook_downloads(self, world, graded, form):
        answer = world.client("ta").get(path(world, f"gradebook?format={form}"))
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["content-disposition"].startswith("attachment;")
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert len({len(row) for row in rows}) == 1
        assert any("5" in cell for row in rows for cell in row)
        # Not every system knows names, but each knows who it is about.
        assert "Ada" in answer.text or world.people["student"].email in answer.text


class TestOverrides:
    def test_another_score_counts_until_it_is_withdrawn(self, world, graded):
        client, student = world.client("ta"), world.people["student"].id
        body = {"score": 4.0, "reason": "Read again."}
        assert client.put(path(world, f"overrides/{student}"), json=body).status_code == 204
        row = client.get(path(world, "gradebook"), params={"search": "Ada"}).json()["items"][0]
        assert (row["score"], row["is_overridden"]) == (4.0, True)
        assert client.delete(path(world, f"overrides/{student}"), params={"reason": "A slip."}).status_code == 204
        row = client.get(path(world, "gradebook"), params={"search": "Ada"}).json()["items"][0]
        assert (row["score"], row["is_overridden"]) == (5.0, False)

    def test_it_needs_a_reason_a_score_and_a_student_of_the_course(self, world):
        client, student = world.client("ta"), world.people["student"].id
        for body in (
            {"score": 4.0},
            {"score": -1, "reason": "x"},
            {"reason": "x"},
            {"score": False, "reason": "x"},
            {"score": "4", "reason": "x"},
            {"score": 4, "reason": ""},
            {"score": 4, "reason": "x", "more": 1},
        ):
            assert client.put(path(world, f"overrides/{student}"), json=body).status_code == 422
        assert client.delete(path(world, f"overrides/{student}")).status_code == 422
        for person in (world.people["stranger"].id, 999_999, "x"):
            answer = client.put(path(world, f"overrides/{person}"), json={"score": 4, "reason": "x"})
            assert answer.status_code == 404

    def test_students_and_other_courses_staff_change_nothing(self, world, graded):
        student = world.people["student"].id
        for name, status in (("student", 403), ("other instructor", 404)):
            answer = world.client(name).put(path(world, f"overrides/{student}"), json={"score": 5, "reason": "x"})
            assert answer.status_code == status


def test_statistics_tell_how_it_went(world, graded):
    found = world.client("ta").get(path(world, "statistics")).json()
    assert (found["students"], found["handed_in"], found["graded"]) == (2, 1, 1)
    assert (found["mean_score"], found["median_score"]) == (5.0, 5.0)
    assert sum(bar["students"] for bar in found["histogram"]) == 1
    assert {"from", "to", "students"} == set(found["histogram"][0])
    assert {check["id"]: (check["passed"], check["judged"]) for check in found["checks"]}["A.one"] == (1, 1)
    one = next(check for check in found["checks"] if check["id"] == "A.one")
    assert (one["discrimination"], one["note"]) == (None, "too-few")
    assert one["sentence"].startswith("Fewer than 10")
    assert (found["full_marks"]["reached"], found["full_marks"]["owners"]) == (1, 1)
    assert found["full_marks"]["uploads"][0] == {"uploads": 1, "owners": 1}
    assert {stage["stage"] for stage in found["stages"]} >= {"unit"}
    assert found["flaky"] == []
