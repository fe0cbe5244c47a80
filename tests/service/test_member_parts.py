"""Parts that each member of a team hands in alone: which run judges what, and what counts for each. On the database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from grader.domain.adjustment import WHOLE, Target, TargetKind
from grader.domain.assignment import Assignment
from grader.domain.check import CheckDefinition, CheckStatus, Stage
from grader.domain.course import Role
from grader.domain.errors import BadRequest, NotYours, RegradeClosed
from grader.domain.gradebook import GradebookQuery
from grader.domain.notices import NoticeKind
from grader.domain.submission import Upload
from grader.service import (
    adjustments,
    assignments,
    extensions,
    gradebook,
    gradings,
    notices,
    overrides,
    regrades,
    runs,
    submissions,
)
from grader.storage.models import SpecVersionRow
from tests import builders
from tests.service.test_queue_stages import a_report, claim, finish

PARTS = [
    {"id": "hand-in", "title": "What to hand in", "points": 0, "checks": 1},
    {"id": "I", "title": "By hand", "points": 3, "checks": 2, "individual": True},
    {"id": "II", "title": "The code", "points": 7, "checks": 1},
]
PLAN = (
    CheckDefinition(id="hand-in.loads", part="hand-in", title="It loads", points=0, stage=Stage.GATE),
    CheckDefinition(id="I.one", part="I", title="One", points=1, stage=Stage.UNIT),
    CheckDefinition(id="I.two", part="I", title="Two", points=2, stage=Stage.UNIT),
    CheckDefinition(id="II.code", part="II", title="The code", points=7, stage=Stage.UNIT),
)
OWN, TEAM = ("I.one", "I.two"), ("hand-in.loads", "II.code")


class Pair:
    """A team of two, somebody who works alone, and a TA, with an assignment of both kinds of parts."""

    def __init__(self, database, **given) -> None:
        self.database = database
        with database.begin() as work:
            self.course = builders.a_course(work)
            self.team = builders.a_team(work, self.course, name="Team 1")
            definition = builders.a_definition(**{"team_size": [1, 3], "part": PARTS} | given.pop("definition", {}))
            self.assignment = builders.an_assignment(work, self.course, definition=definition, plan=PLAN, **given)
            self.ada, self.bob = (
                builders.a_reader(builders.a_person(work, self.course, name=name, team_id=self.team.id), self.course)
                for name in ("Ada", "Bob")
            )
            self.cem = builders.a_reader(builders.a_person(work, self.course, name="Cem"), self.course)
            ta = builders.a_person(work, self.course, Role.TA)
            self.ta = builders.a_reader(ta, self.course, role=Role.TA)

    def hand_in(self, reader, content="1", *, own=False):
        upload = Upload(name="work.zip", sha256=content * 64, size_bytes=10)
        with self.database.begin() as work:
            return submissions.receive(work, reader, self.assignment, upload, own=own).id

    def grade(self, **changed):
        """Everything that waits, as a worker does it: the checks of the parts that the claim names."""
        judged = []
        while (claimed := claim(self.database)) is not None:
            plan = [check for check in PLAN if not claimed.parts or check.part in claimed.parts]
            judged.append(tuple(str(check.id) for check in plan))
            finish(self.database, claimed.lease, a_report(Stage.GATE, Stage.UNIT, plan=plan, **changed))
        return judged

    def row(self, reader):
        with self.database.begin() as work:
            found = gradebook.page(work, self.ta, self.assignment, GradebookQuery(limit=200))
        return next(row for row in found.rows if row.person.id == reader.id)

    def score(self, reader):
        row = self.row(reader)
        return row.score, row.max_score


@pytest.fixture
def pair(database):
    return Pair(database)


def test_a_definition_is_published_without_the_word_where_it_says_nothing():
    definition = builders.a_definition(team_size=[1, 3], part=PARTS)
    plain = definition.model_dump(mode="json")["part"]
    assert [part.get("individual") for part in plain] == [None, True, None]
    assert (definition.max_points, definition.individual_parts) == (10, ("I",))
    assert [definition.is_individual(question) for question in ("I.one", "II.x", "Ix", "why")] == [True] + [False] * 3
    for wrong in ({"team_size": [1, 1]}, {"part": [PARTS[1]]}):
        with pytest.raises(ValidationError, match="individual parts"):
            Assignment.model_validate(plain_of(definition) | wrong)


def plain_of(definition):
    return definition.model_dump(mode="json") | {"team_size": [1, 3]}


def test_the_teams_run_judges_the_teams_parts_and_each_members_own_their_own(pair):
    pair.hand_in(pair.ada)
    own = pair.hand_in(pair.bob, own=True)
    assert sorted(pair.grade()) == sorted([TEAM, OWN])
    assert pair.score(pair.ada) == (7.0, 10.0)
    assert pair.score(pair.bob) == (10.0, 10.0)
    assert (pair.row(pair.ada).submissions, pair.row(pair.bob).submissions) == (1, 2)
    assert pair.row(pair.bob).own_submission == own
    assert pair.row(pair.ada).own_submission is None
    with pair.database.begin() as work:
        found = submissions.find(work, pair.bob, own)
        run = submissions.latest_run(work, pair.bob, found)
        assert (run.score, run.max_score, [str(check.id) for check in run.plan]) == (3.0, 3.0, list(OWN))
        # A member's own is not the others'.
        with pytest.raises(NotYours):
            submissions.find(work, pair.ada, own)
        lines = submissions.list_submissions(work, pair.bob, submissions.SubmissionQuery()).lines
        assert [line.counts for line in lines] == [True, True]


def test_own_parts_may_come_first_and_alone(pair):
    pair.hand_in(pair.ada, own=True)
    assert (pair.row(pair.ada).state, pair.row(pair.ada).score) == ("waiting", None)
    pair.grade(I_two=CheckStatus.FAILED)
    assert pair.score(pair.ada) == (1.0, 10.0)
    assert pair.row(pair.bob).state is None
    pair.hand_in(pair.bob)
    assert pair.score(pair.ada) == (1.0, 10.0)
    pair.grade()
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((8.0, 10.0), (7.0, 10.0))
    pair.hand_in(pair.ada, "2", own=True)
    # What is being graded displaces nothing that has a score.
    assert pair.score(pair.ada) == (8.0, 10.0)
    pair.grade()
    assert pair.score(pair.ada) == (10.0, 10.0)


def test_whoever_is_in_no_team_hands_everything_in_at_once(pair):
    pair.hand_in(pair.cem)
    assert pair.grade() == [tuple(str(check.id) for check in PLAN)]
    assert pair.score(pair.cem) == (10.0, 10.0)
    with pytest.raises(BadRequest, match="in no team"):
        pair.hand_in(pair.cem, "2", own=True)
    with pair.database.begin() as work:
        plain = builders.an_assignment(work, pair.course, definition=builders.a_definition(team_size=[1, 3]))
        with pytest.raises(BadRequest, match="no parts that each member"):
            submissions.refuse_unless_open(work, pair.ada, plain, own=True)


def test_the_same_bytes_are_another_submission_for_the_other_half(pair):
    assert pair.hand_in(pair.ada) != pair.hand_in(pair.ada, own=True)
    assert pair.hand_in(pair.ada, own=True) == pair.hand_in(pair.ada, own=True)


def test_adjustments_of_own_parts_are_the_members_and_the_others_the_teams(pair):
    pair.hand_in(pair.ada)
    for reader in (pair.ada, pair.bob):
        pair.hand_in(reader, own=True)
    pair.grade(II_code=CheckStatus.FAILED, I_one=CheckStatus.FAILED)
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((2.0, 10.0), (2.0, 10.0))

    def adjust(target, points):
        with pair.database.begin() as work:
            return adjustments.adjust(
                work, pair.ta, pair.assignment, pair.ada.id, target=target, points=points, reason="Right."
            )

    mine = adjust(Target(kind=TargetKind.CHECK, id="I.one"), 1)
    adjust(Target(kind=TargetKind.PART, id="II"), 4)
    adjust(WHOLE, 0.5)
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((7.5, 10.0), (6.5, 10.0))
    with pair.database.begin() as work:
        targets = {one.words for one in adjustments.targets_of(work, pair.ta, pair.assignment, pair.ada.id)}
        assert {"One (I.one)", "The code (II.code)"} <= targets
        assert len(adjustments.of_line(work, pair.ta, pair.assignment, pair.ada.id)) == 3
        assert len(adjustments.of_line(work, pair.ta, pair.assignment, pair.bob.id)) == 2
        adjustments.withdraw(work, pair.ta, pair.assignment, pair.ada.id, mine, reason="No.")
    assert pair.score(pair.ada) == (6.5, 10.0)
    with pair.database.begin() as work:
        overrides.override(work, pair.ta, pair.assignment, pair.ada.id, score=9, reason="So.")
    assert pair.score(pair.ada) == (9.0, 10.0)


def test_a_member_asks_about_their_own_parts_and_is_answered_with_points(pair):
    pair.hand_in(pair.ada)
    own = pair.hand_in(pair.ada, own=True)
    pair.grade(I_two=CheckStatus.FAILED)
    target = Target(kind=TargetKind.CHECK, id="I.two")
    with pair.database.begin() as work:
        asked = regrades.ask(work, pair.ada, submissions.find(work, pair.ada, own), target=target, reason="Look.")
        regrades.answer(work, pair.ta, asked.id, granted=True, words="Right.", points=2)
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((10.0, 10.0), (7.0, 10.0))
    pair.hand_in(pair.ada, "2", own=True)
    pair.grade()
    with pair.database.begin() as work, pytest.raises(RegradeClosed):
        regrades.ask(work, pair.ada, submissions.find(work, pair.ada, own), target=target, reason="Again.")


def test_each_half_loses_what_it_is_late_and_a_teams_extension_is_for_both(database):
    late = {"beyond": "penalise", "penalty_per_day": 0.5, "extension_days_per_term": 0}
    pair = Pair(database, definition={"late": late}, due_at=datetime.now(UTC) - timedelta(hours=2))
    pair.hand_in(pair.bob)
    pair.hand_in(pair.ada, own=True)
    pair.grade()
    assert (pair.score(pair.ada), pair.row(pair.ada).penalty) == ((5.0, 10.0), 5.0)
    with database.begin() as work:
        work.session.execute(text("UPDATE submissions SET received_at = received_at - interval '3 hours' WHERE is_own"))
        gradebook.work_out_anew(work, pair.assignment.id)
    assert (pair.score(pair.ada), pair.row(pair.ada).late_days) == ((6.5, 10.0), 1)
    with database.begin() as work:
        work.session.execute(text("UPDATE submissions SET received_at = received_at + interval '3 hours' WHERE is_own"))
        extensions.give(work, pair.ta, pair.assignment, pair.bob.id, extra_days=1, reason="Ill.")
    assert (pair.score(pair.ada), pair.row(pair.ada).late_days) == ((10.0, 10.0), 0)


def test_everything_that_counts_is_run_again_by_its_own_parts(pair):
    pair.hand_in(pair.ada)
    pair.hand_in(pair.ada, own=True)
    pair.hand_in(pair.cem)
    pair.grade()
    with pair.database.begin() as work:
        assert runs.rerun_all(work, pair.ta, pair.assignment, dry_run=True) == 3
        assert runs.rerun_all(work, pair.ta, pair.assignment) == 3
    assert sorted(pair.grade(I_one=CheckStatus.FAILED)) == sorted([TEAM, OWN, tuple(str(one.id) for one in PLAN)])
    assert (pair.score(pair.ada), pair.score(pair.cem)) == ((9.0, 10.0), (9.0, 10.0))
    with pair.database.begin() as work:
        own = submissions.list_submissions(work, pair.ada, submissions.SubmissionQuery()).lines[0].submission
        runs.rerun(work, pair.ta, own)
    assert pair.grade() == [OWN]
    assert pair.score(pair.ada) == (10.0, 10.0)


def test_a_team_graded_as_a_whole_before_stays_so_until_it_is_run_again(database):
    pair = Pair(database)
    whole = [{name: value for name, value in part.items() if name != "individual"} for part in PARTS]
    with database.begin() as work:
        row = work.session.query(SpecVersionRow).filter_by(version=pair.assignment.spec.version).one()
        split, row.definition = row.definition, row.definition | {"part": whole}
    with database.begin() as work:
        pair.assignment = assignments.offered(work, pair.ta, pair.assignment.slug)
    pair.hand_in(pair.ada)
    pair.grade(I_one=CheckStatus.FAILED)
    assert pair.score(pair.bob) == (9.0, 10.0)
    with database.begin() as work:
        work.session.query(SpecVersionRow).filter_by(version=pair.assignment.spec.version).update({"definition": split})
    with database.begin() as work:
        pair.assignment = assignments.offered(work, pair.ta, pair.assignment.slug)
    pair.hand_in(pair.bob, own=True)
    pair.grade()
    assert pair.score(pair.bob) == (9.0, 10.0)
    with database.begin() as work:
        runs.rerun_all(work, pair.ta, pair.assignment)
    pair.grade()
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((7.0, 10.0), (10.0, 10.0))


def test_statistics_count_each_check_where_it_was_judged(pair):
    pair.hand_in(pair.ada)
    for reader in (pair.ada, pair.bob):
        pair.hand_in(reader, own=True)
    pair.grade()
    with pair.database.begin() as work:
        found = gradebook.statistics(work, pair.ta, pair.assignment)
    assert {rate.id: rate.judged for rate in found.checks} == {
        "hand-in.loads": 1, "I.one": 2, "I.two": 2, "II.code": 1,
    }  # fmt: skip
    assert (found.handed_in, found.mean_score) == (2, 10.0)


def test_a_worker_that_knows_no_parts_is_refused_such_a_run_alone(pair):
    pair.hand_in(pair.ada)
    with pytest.raises(DBAPIError, match="too old"), pair.database.begin() as work:
        work.session.execute(text("SET LOCAL grader.code = '0012'"))
        work.session.execute(text("UPDATE run_stages SET state = 'leased'"))


def test_an_item_is_graded_on_the_work_that_it_is_about(database):
    """A question of a part that each hands in alone is read in everybody's own work, the others in the team's."""
    items = [{"id": "I.why", "title": "Why?", "points": 2}], [{"id": "II.plot", "title": "The plot", "points": 4}]
    parts = [PARTS[0], PARTS[1] | {"manual": items[0]}, PARTS[2] | {"manual": items[1]}]
    pair = Pair(database, definition={"part": parts})
    teams, own = pair.hand_in(pair.ada), pair.hand_in(pair.bob, "2", own=True)
    pair.grade()
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((7.0, 16.0), (10.0, 16.0))
    with database.begin() as work:
        lists = {item: gradings.list_pieces(work, pair.ta, pair.assignment, item) for item in ("I.why", "II.plot")}
        assert {item: [one.submission for one in lines] for item, lines in lists.items()} == {
            "I.why": [own], "II.plot": [teams],
        }  # fmt: skip
        gradings.grade(work, pair.ta, pair.assignment, "II.plot", teams, free_points=3)
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((10.0, 16.0), (13.0, 16.0))
    assert (pair.row(pair.ada).items_waiting, pair.row(pair.bob).items_waiting) == (0, 1)
    with database.begin() as work:
        gradings.grade(work, pair.ta, pair.assignment, "I.why", own, free_points=2)
    assert (pair.score(pair.ada), pair.score(pair.bob)) == ((10.0, 16.0), (15.0, 16.0))
    assert (pair.row(pair.ada).items_points, pair.row(pair.bob).items_points) == (3.0, 5.0)
    # Whoever is in no team hands everything in at once, and all of it is read there.
    alone = pair.hand_in(pair.cem, "3")
    pair.grade()
    with database.begin() as work:
        for item, points in (("I.why", 1), ("II.plot", 4)):
            gradings.grade(work, pair.ta, pair.assignment, item, alone, free_points=points)
    assert pair.score(pair.cem) == (15.0, 16.0)
    with database.begin() as work:
        found = submissions.find(work, pair.ta, own)
        run = submissions.latest_run(work, pair.ta, found)
        assert [one.id for one in adjustments.shown_with(work, pair.ta, pair.assignment, found, run).items] == ["I.why"]


def test_whoever_lacks_one_half_is_reminded_of_the_due_date_until_it_is_there(database):
    pair = Pair(database, due_at=datetime.now(UTC) + timedelta(hours=5))

    def reminded():
        with database.begin() as work:
            parcels = notices.look(work, with_mail=True, due_soon=timedelta(days=1)).parcels
        return {one.email for one in parcels if one.kind is NoticeKind.DUE_SOON}

    emails = {reader.id: reader.person.email for reader in (pair.ada, pair.bob, pair.cem)}
    pair.hand_in(pair.ada)
    pair.hand_in(pair.ada, own=True)
    pair.hand_in(pair.cem)
    assert reminded() == {emails[pair.bob.id]}
    with database.begin() as work:
        work.session.execute(text("UPDATE deliveries SET not_before = clock_timestamp() - interval '1 hour'"))
    # What was handed in before the letter went makes it moot.
    pair.hand_in(pair.bob, own=True)
    assert reminded() == set()
