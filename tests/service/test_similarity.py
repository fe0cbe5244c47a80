"""Pairs of submissions with passages in common: what is compared, who may see it, and that looking is noted."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from grader.domain.course import Role, Scope
from grader.domain.errors import NeedsRole, NeedsScope, UnknownAssignment, UnknownThing
from grader.domain.similarity import FEWEST_SHARED, LEAST_SHARE, Compared, Fingerprint, Match, Piece, Print, matches
from grader.domain.similarity import pairs as pairs_of
from grader.service import audit, similarity
from grader.storage.models import SubmissionRow
from grader.storage.repositories import care, personal
from tests import builders

MAKING = "test"


def a_fingerprint(*values, path="work.py", problem=""):
    """One piece with a line for each value."""
    body = "\n".join(f"line {value}" for value in values)
    prints = tuple(Print(value, number, number) for number, value in enumerate(values, 1))
    return Fingerprint(pieces=(Piece(path=path, cell=0, text=body, prints=prints),), problem=problem)


class World:
    """Two terms of a course that offer assignments of the same spec, and a course of strangers."""

    def __init__(self, work):
        self.work = work
        self.now, self.before = (builders.a_course(work, term=term) for term in ("Spring 27", "Spring 26"))
        self.assignment, self.earlier = (builders.an_assignment(work, course) for course in (self.now, self.before))
        self.other_spec = builders.an_assignment(
            work, self.now, definition=builders.a_definition(slug="something-else")
        )
        ta = builders.a_person(work, self.now, Role.TA)
        self.ta = builders.a_reader(ta, self.now, role=Role.TA)
        both = builders.a_person(work, self.now, Role.INSTRUCTOR)
        self.both = builders.a_reader(both, self.now, self.before, role=Role.INSTRUCTOR)
        self.student = builders.a_person(work, self.now)

    def hand_in(self, values, person=None, assignment=None, **more):
        person = person or builders.a_person(self.work, self.now)
        row = builders.a_submission(self.work, assignment or self.assignment, person, **more)
        self.read(row, values)
        return row

    def read(self, row, values):
        for one in self.prepared().unread:
            if one.submission == row.id:
                found = values if isinstance(values, Fingerprint) else a_fingerprint(*values)
                similarity.keep(self.work, one, found, MAKING)

    def prepared(self, making=MAKING):
        return similarity.prepare(self.work, self.assignment.slug, making)

    def compare(self, given=frozenset()):
        return similarity.compare(self.work, self.prepared(), frozenset(given), MAKING)

    def pairs(self, reader=None):
        return similarity.overview(self.work, reader or self.both, self.assignment)[1]


@pytest.fixture
def world(database):
    with database.begin() as work:
        yield World(work)


ONE, TWO, THREE = range(100), range(1000, 1100), range(2000, 2100)


class TestComparing:
    def test_the_two_most_alike_of_two_owners_are_a_pair(self, world):
        ada, bob = world.student, builders.a_person(world.work, world.now)
        world.hand_in([*ONE[:30], *TWO[:70]], ada)
        close = world.hand_in([*ONE[:60], *TWO[:40]], ada)
        theirs = world.hand_in(ONE, bob)
        world.hand_in(THREE)
        made = world.compare()
        assert (made.submissions, made.earlier, made.unread) == (4, 0, 0)
        (pair,) = world.pairs()
        assert {UUID(pair.one.submission), UUID(pair.other.submission)} == {close.id, theirs.id}
        assert (pair.shared, pair.one.total, pair.other.total, pair.share) == (60, 100, 100, 0.6)

    def test_what_was_given_and_what_many_have_is_nobodys(self, world):
        for start in range(12):
            world.hand_in([*ONE, *range(10_000 * start + 5000, 10_000 * start + 5050)])
        world.compare()
        assert world.pairs() == ()
        world.hand_in([*TWO, *THREE[:5]])
        world.hand_in([*TWO, *THREE[50:]])
        world.compare()
        assert len(world.pairs()) == 1
        world.compare(given=TWO)
        assert world.pairs() == ()

    def test_earlier_terms_of_the_same_spec_are_compared_and_each_other_they_are_not(self, world):
        old = world.hand_in(ONE, assignment=world.earlier)
        world.hand_in(ONE, assignment=world.earlier)
        world.hand_in(ONE, assignment=world.other_spec)
        new = world.hand_in([*ONE, *TWO[:20]])
        made = world.compare()
        assert (made.submissions, made.earlier) == (1, 2)
        found = world.pairs()
        assert {UUID(pair.one.submission) for pair in found} == {new.id}
        assert old.id in {UUID(pair.other.submission) for pair in found}
        assert found[0].other.term == "Spring 26"
        assert found[0].share == 1.0

    def test_nobody_is_compared_with_themselves_whatever_team_they_are_in(self, world):
        team = builders.a_team(world.work, world.now)
        mates = [builders.a_person(world.work, world.now, team_id=team.id) for _ in range(2)]
        world.hand_in(ONE, mates[0], owner=f"t{team.id}")
        world.hand_in(ONE, mates[1], assignment=world.earlier)
        world.hand_in(TWO, world.student)
        world.hand_in(TWO, world.student)
        world.compare()
        assert world.pairs() == ()

    def test_little_in_common_is_nothing(self, world):
        world.hand_in([*ONE[: FEWEST_SHARED - 1], *TWO[:5]])
        world.hand_in([*ONE[: FEWEST_SHARED - 1], *THREE[:5]])
        shared = int(LEAST_SHARE * 100) - 1
        world.hand_in([*range(5000, 5000 + shared), *range(6000, 6100 - shared)])
        world.hand_in([*range(5000, 5000 + shared), *range(7000, 7100 - shared)])
        world.compare()
        assert world.pairs() == ()

    def test_a_new_comparison_takes_the_place_of_the_last(self, world):
        world.hand_in(ONE)
        world.hand_in(ONE)
        world.compare()
        before = [pair.id for pair in world.pairs()]
        world.compare()
        after = [pair.id for pair in world.pairs()]
        assert len(before) == len(after) == 1
        with pytest.raises(UnknownThing, match="newer comparison"):
            similarity.pair(world.work, world.both, world.assignment, before[0])

    def test_only_what_has_not_been_read_is_read_and_what_cannot_be_is_counted(self, world):
        assert world.prepared().unread == ()
        row = world.hand_in(Fingerprint(problem="No Python."))
        assert world.prepared().unread == ()
        assert [one.submission for one in world.prepared("another making").unread] == [row.id]
        again = similarity.prepare(world.work, world.assignment.slug, MAKING, again=True)
        assert [one.submission for one in again.unread] == [row.id]
        world.hand_in(ONE)
        gone = world.hand_in(ONE)
        care.empty(world.work, [gone.id])
        made = world.compare()
        assert (made.submissions, made.unread) == (1, 2)
        assert world.prepared("another making").unread[-1].submission != gone.id

    def test_an_unknown_assignment_is_said(self, world):
        with pytest.raises(UnknownAssignment):
            similarity.prepare(world.work, "nowhere", MAKING)


class TestLooking:
    @pytest.fixture
    def pair(self, world):
        """Of this term and the one before."""
        world.hand_in(ONE, assignment=world.earlier)
        world.hand_in(ONE)
        world.compare()
        return world.pairs()[0]

    def test_both_texts_and_their_passages_are_there(self, world, pair):
        texts = similarity.pair(world.work, world.both, world.assignment, pair.id)
        assert texts.one[0].text == texts.other[0].text
        assert texts.matches == (Match(0, 1, 100, 0, 1, 100),)

    def test_a_pair_with_another_course_is_for_staff_of_both(self, world, pair):
        assert world.pairs(world.ta) == ()
        with pytest.raises(UnknownThing):
            similarity.pair(world.work, world.ta, world.assignment, pair.id)
        admin = builders.a_reader(builders.a_person(world.work, is_admin=True))
        assert len(world.pairs(admin)) == 1

    def test_students_and_staff_of_others_see_nothing(self, world, pair):
        strangers = builders.a_course(world.work)
        student = builders.a_reader(world.student, world.now)
        stranger = builders.a_person(world.work, strangers, Role.INSTRUCTOR)
        # A student here who teaches the term before.
        mixed = builders.a_reader(world.student, world.now)
        mixed = type(mixed)(person=mixed.person, roles={**mixed.roles, world.before.id: Role.TA})
        for reader in (student, builders.a_reader(stranger, strangers, role=Role.INSTRUCTOR), mixed):
            with pytest.raises(NeedsRole):
                similarity.overview(world.work, reader, world.assignment)
            with pytest.raises(NeedsRole):
                similarity.pair(world.work, reader, world.assignment, pair.id)
        limited = type(world.both)(person=world.both.person, roles=world.both.roles, scopes=frozenset({Scope.SUBMIT}))
        with pytest.raises(NeedsScope):
            similarity.overview(world.work, limited, world.assignment)

    def test_a_pair_is_found_under_its_own_assignment_alone(self, world, pair):
        with pytest.raises(UnknownThing):
            similarity.pair(world.work, world.both, world.earlier, pair.id)

    def test_who_looked_is_noted_with_both_submissions(self, world, pair):
        similarity.pair(world.work, world.both, world.assignment, pair.id)
        who = world.both.person.email
        for one in (pair.one, pair.other):
            (noted,) = audit.trail(world.work, world.both, f"submission:{one.submission}")
            assert noted[1:] == (who, "look at similarity", "")
        trail = audit.trail(world.work, world.both, f"similarity:{world.assignment.id}")
        assert [entry[1:] for entry in trail] == [
            (who, "look at two submissions", f"{pair.one.submission} and {pair.other.submission}"),
            (who, "look at similar submissions", "1 pairs"),
            ("the service", "compare submissions", "2: 1 pairs"),
        ]


class TestLettingGo:
    @pytest.mark.parametrize("how", [care.empty, care.delete])
    def test_retention_takes_fingerprints_and_pairs_along(self, world, how):
        row = world.hand_in(ONE)
        world.hand_in(ONE)
        world.compare()
        how(world.work, [row.id])
        assert world.pairs() == ()
        left = world.work.session.execute(text("SELECT submission_id FROM fingerprints")).scalars().all()
        assert row.id not in left
        assert len(left) == 1

    def test_older_code_that_knows_nothing_of_them_can_delete_a_submission(self, world):
        row = world.hand_in(ONE)
        world.hand_in(ONE)
        world.compare()
        world.work.session.execute(text("DELETE FROM submissions WHERE id = :id"), {"id": row.id})
        assert world.pairs() == ()

    def test_a_student_who_asks_gets_what_is_about_them_and_nobody_elses_name(self, world):
        other = builders.a_person(world.work, world.now)
        mine = world.hand_in(ONE, world.student)
        theirs = world.hand_in(ONE, other)
        world.compare()
        similarity.pair(world.work, world.both, world.assignment, world.pairs()[0].id)
        found = personal.rows_about(world.work, world.student.id)
        assert "look at similarity" in {row["action"] for row in found["audit"]}
        assert [row["submission_id"] for row in found["fingerprints"]] == [mine.id]
        (pair,) = found["similar_pairs"]
        assert (pair["submission_id"], pair["shared"], pair["total"]) == (mine.id, 100, 100)
        assert str(theirs.id) not in str(found)

    def test_what_went_while_it_was_read_is_not_kept(self, world):
        row = builders.a_submission(world.work, world.assignment, world.student)
        (one,) = world.prepared().unread
        world.work.session.get(SubmissionRow, row.id).removed_at = datetime.now(UTC)
        world.work.session.flush()
        similarity.keep(world.work, one, a_fingerprint(*ONE), MAKING)
        assert world.work.session.execute(text("SELECT count(*) FROM fingerprints")).scalar() == 0


class TestMatches:
    def pieces(self, *texts):
        return tuple(
            Piece(path="a.ipynb", cell=number, text="\n" * 99, prints=tuple(Print(*one) for one in prints))
            for number, prints in enumerate(texts, 1)
        )

    def test_neighbours_are_joined_and_what_is_elsewhere_is_not(self):
        one = self.pieces([(1, 1, 2), (2, 2, 4), (9, 5, 6), (3, 40, 41)])
        other = self.pieces([(3, 7, 8)], [(1, 11, 12), (2, 12, 14)])
        assert matches(one, other, frozenset({1, 2, 3})) == (Match(0, 1, 4, 1, 11, 14), Match(0, 40, 41, 0, 7, 8))

    def test_of_several_places_the_one_that_goes_on_alike_is_meant(self):
        one = self.pieces([(1, 1, 1), (2, 2, 2), (3, 3, 3)])
        other = self.pieces([(1, 1, 1), (7, 2, 2), (1, 30, 30), (2, 31, 31), (3, 32, 32)])
        assert matches(one, other, frozenset({1, 2, 3})) == (Match(0, 1, 3, 0, 30, 32),)

    def test_a_hundred_owners_are_compared_in_a_moment(self):
        handed = [
            Compared(
                submission=f"s{owner}.{number}", owner=f"p{owner}", people=frozenset({owner}), is_here=True,
                values=frozenset(range(owner * 450, owner * 450 + 500)),
            )
            for owner in range(100) for number in range(5)
        ]  # fmt: skip
        assert pairs_of(handed, frozenset()) == []
