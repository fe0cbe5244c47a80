from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text, update

from grader.domain.course import Role, Scope
from grader.domain.errors import BadRequest, UnknownThing
from grader.domain.ids import CourseId, PersonId
from grader.service import tokens
from grader.storage.models import PersonRow, TokenRow
from tests.builders import a_course, a_person

READ = frozenset({Scope.READ})


def issue(work, person, **more):
    values = {"name": "laptop", "scopes": READ, "expires_at": None}
    return tokens.issue(work, PersonId(person.id), **(values | more))


def test_a_token_speaks_for_its_person_within_its_scopes(database):
    with database.begin() as work:
        course = a_course(work)
        person = a_person(work, course, Role.TA)
        made = issue(work, person, scopes=frozenset({Scope.READ, Scope.GRADE}))
        reader = tokens.reader_of(work, made.secret)
        assert reader.id == person.id
        assert reader.scopes == {Scope.READ, Scope.GRADE}
        assert reader.roles == {CourseId(course.id): Role.TA}


def test_the_secret_is_kept_as_a_digest_alone(database):
    with database.begin() as work:
        made = issue(work, a_person(work))
        row = work.session.scalars(select(TokenRow)).one()
        assert made.secret.startswith("grd_")
        assert row.digest == hashlib.sha256(made.secret.encode()).hexdigest()
        kept = work.session.execute(text("SELECT row_to_json(t)::text FROM api_tokens t")).scalar_one()
        assert made.secret not in kept


def test_unknown_revoked_expired_and_disabled_are_nobody(database):
    with database.begin() as work:
        person = a_person(work)
        soon = datetime.now(UTC) + timedelta(hours=1)
        revoked, expired, kept = issue(work, person), issue(work, person, expires_at=soon), issue(work, person)
        assert tokens.reader_of(work, expired.secret) is not None
        tokens.revoke(work, PersonId(person.id), revoked.token.id)
        work.session.execute(text("UPDATE api_tokens SET expires_at = now() WHERE expires_at IS NOT NULL"))
        for secret in (revoked.secret, expired.secret, "grd_unknown", "", kept.secret.removeprefix("grd_")):
            assert tokens.reader_of(work, secret) is None
        assert [token.id for token in tokens.list_tokens(work, PersonId(person.id))] == [kept.token.id]
        assert tokens.reader_of(work, kept.secret) is not None
        work.session.execute(update(PersonRow).values(disabled_at=datetime.now(UTC)))
        assert tokens.reader_of(work, kept.secret) is None


def test_tokens_are_listed_newest_first_and_only_ones_own(database):
    with database.begin() as work:
        person, other = a_person(work), a_person(work)
        first, second = issue(work, person), issue(work, person, name="  server\n2 ")
        issue(work, other)
        listed = tokens.list_tokens(work, PersonId(person.id))
    assert [token.id for token in listed] == [second.token.id, first.token.id]
    assert listed[0].name == "server 2"


def test_only_ones_own_token_can_be_revoked_and_once(database):
    with database.begin() as work:
        person, other = a_person(work), a_person(work)
        made = issue(work, person)
        with pytest.raises(UnknownThing):
            tokens.revoke(work, PersonId(other.id), made.token.id)
        assert tokens.reader_of(work, made.secret) is not None
        tokens.revoke(work, PersonId(person.id), made.token.id)
        with pytest.raises(UnknownThing):
            tokens.revoke(work, PersonId(person.id), made.token.id)


def test_a_use_is_noted_at_most_once_a_minute(database):
    def last_used(work):
        return work.session.execute(text("SELECT last_used_at FROM api_tokens")).scalar_one()

    with database.begin() as work:
        made = issue(work, a_person(work))
        assert last_used(work) is None
        tokens.reader_of(work, made.secret)
        first = last_used(work)
        tokens.reader_of(work, made.secret)
        assert last_used(work) == first is not None
        work.session.execute(text("UPDATE api_tokens SET last_used_at = last_used_at - interval '61 seconds'"))
        tokens.reader_of(work, made.secret)
        assert last_used(work) > first


def test_a_token_needs_a_name_a_scope_a_future_and_somebody(database):
    with database.begin() as work:
        person = a_person(work)
        with pytest.raises(BadRequest, match="name"):
            issue(work, person, name=" \n ")
        with pytest.raises(BadRequest, match="read, submit, grade, manage"):
            issue(work, person, scopes=frozenset())
        with pytest.raises(BadRequest, match="expired already"):
            issue(work, person, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        with pytest.raises(UnknownThing):
            tokens.issue(work, PersonId(99_999), name="x", scopes=READ, expires_at=None)
