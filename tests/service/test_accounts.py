from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, text, update

from grader.domain.course import Role, Scope
from grader.domain.errors import AlreadyExists, BadRequest, SignInFailed, TooManyAttempts, UnknownThing
from grader.domain.ids import CourseId, PersonId
from grader.service import accounts
from grader.storage.models import PersonRow, SessionRow, SignInAttemptRow
from tests.builders import a_course, a_person

PASSWORD = "correct horse battery"
HOME = "192.0.2.1"
PRODUCTION = accounts._HASHER


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch):
    """A hash of production strength costs a tenth of a second of a processor; those who test it put it back."""
    accounts._nobodys_hash.cache_clear()
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    yield
    accounts._nobodys_hash.cache_clear()


def make(database, email="ada@example.org", **more):
    with database.begin() as work:
        return accounts.create_person(work, email=email, name="Ada Lovelace", **({"password": PASSWORD} | more))


def enter(database, email="ada@example.org", password=PASSWORD, address=HOME):
    return accounts.sign_in(database, email=email, password=password, address=address)


def fail(database, times, email="ada@example.org", address=HOME):
    for _ in range(times):
        with pytest.raises(SignInFailed):
            enter(database, email=email, password="not the password", address=address)


def test_an_address_is_kept_in_lower_case_and_taken_once(database):
    person = make(database, email=" Ada@Example.ORG ", student_number=" 2021 ")
    assert (person.email, person.student_number, person.is_admin) == ("ada@example.org", "2021", False)
    with pytest.raises(AlreadyExists, match=r"ada@example\.org"):
        make(database, email="ADA@example.org")


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@example.org", "a b@example.org", "a@b@c", "a\x00@example.org", "x" * 250 + "@a.org"]
)
def test_what_is_no_address_is_refused(database, email):
    with pytest.raises(BadRequest, match="not an e-mail address"):
        make(database, email=email)


def test_names_and_passwords_are_looked_at(database):
    with database.begin() as work, pytest.raises(BadRequest, match="name"):
        accounts.create_person(work, email="a@b.c", name=" \x00 ")
    with pytest.raises(BadRequest, match="at least 10"):
        make(database, password="123456789")
    with pytest.raises(BadRequest, match="at most 1000"):
        make(database, password="x" * 1001)


def test_the_right_password_opens_a_session_that_is_kept_as_digests(database):
    person = make(database)
    signed_in = enter(database, email="ADA@example.org ")
    assert signed_in.reader.person == person
    assert signed_in.reader.scopes == frozenset(Scope)
    with database.begin() as work:
        row = work.session.scalars(select(SessionRow)).one()
        assert row.digest == hashlib.sha256(signed_in.key.encode()).hexdigest()
        assert timedelta(days=13, hours=23) < row.expires_at - datetime.now(UTC) < timedelta(days=14, hours=1)
        found = accounts.session_of(work, signed_in.key)
        assert found == signed_in
        kept = work.session.scalars(select(PersonRow)).one().password_hash
        assert kept.startswith("$argon2id$")
        assert PASSWORD not in kept


def test_each_session_has_its_own_key_and_csrf(database):
    make(database)
    one, two = enter(database), enter(database)
    assert len({one.key, two.key, one.csrf, two.csrf}) == 4


def test_a_wrong_password_an_unknown_address_and_no_password_read_the_same(database):
    make(database)
    make(database, email="oidc@example.org", password=None)
    words = set()
    for email in ("ada@example.org", "nobody@example.org", "oidc@example.org", "no address", "nul\x00@example.org"):
        with pytest.raises(SignInFailed) as caught:
            enter(database, email=email, password="not the password")
        words.add(str(caught.value))
    assert words == {"The e-mail address and the password do not belong together."}


def test_an_unknown_address_costs_a_verification_of_a_real_hash(database, monkeypatch):
    make(database)
    verified = []

    class Watched(PasswordHasher):
        def verify(self, known, password):
            verified.append(known)
            return super().verify(known, password)

    monkeypatch.setattr(accounts, "_HASHER", Watched())
    with pytest.raises(SignInFailed):
        enter(database, email="nobody@example.org")
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$")


def test_a_disabled_person_has_neither_sign_in_nor_session(database):
    person = make(database)
    signed_in = enter(database)
    with database.begin() as work:
        work.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(disabled_at=datetime.now(UTC)))
        assert accounts.session_of(work, signed_in.key) is None
    with pytest.raises(SignInFailed):
        enter(database)


def test_the_fifth_failure_closes_an_address_for_a_while_and_says_how_long(database):
    make(database)
    fail(database, 5)
    with pytest.raises(TooManyAttempts, match=r"in 15 minutes"):
        enter(database)
    with database.begin() as work:
        work.session.execute(text("UPDATE sign_in_attempts SET at = at - interval '14 minutes 30 seconds'"))
    with pytest.raises(TooManyAttempts, match=r"in 1 minute\."):
        enter(database, address="198.51.100.7")
    with database.begin() as work:
        work.session.execute(text("UPDATE sign_in_attempts SET at = at - interval '40 seconds'"))
    assert enter(database).reader.person.email == "ada@example.org"


def test_one_network_address_gets_twenty_failures_whatever_the_names(database):
    make(database)
    with database.begin() as work:
        work.session.add_all(SignInAttemptRow(key=f"address:{HOME}") for _ in range(19))
    fail(database, 1, email="someone@example.org")
    with pytest.raises(TooManyAttempts):
        enter(database)
    assert enter(database, address="198.51.100.7")


def test_an_attempt_that_is_turned_away_does_not_lengthen_the_wait(database):
    make(database)
    fail(database, 5)
    for _ in range(3):
        with pytest.raises(TooManyAttempts):
            enter(database)
    with database.begin() as work:
        assert len(work.session.scalars(select(SignInAttemptRow)).all()) == 10


def test_success_forgets_the_failures_at_the_name_and_counts_nothing(database):
    make(database)
    fail(database, 4)
    enter(database)
    fail(database, 4)
    enter(database)
    with database.begin() as work:
        keys = [row.key for row in work.session.scalars(select(SignInAttemptRow))]
    assert keys == [f"address:{HOME}"] * 8


def test_guesses_that_come_at_once_are_all_counted(database):
    make(database)

    def guess(_):
        try:
            enter(database, password="not the password")
        except (SignInFailed, TooManyAttempts) as error:
            return type(error)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(guess, range(12)))
    assert outcomes.count(SignInFailed) == 5
    assert outcomes.count(TooManyAttempts) == 7


def test_a_hash_costs_what_rfc_9106_recommends_for_little_memory(database, monkeypatch):
    monkeypatch.setattr(accounts, "_HASHER", PRODUCTION)
    make(database)
    with database.begin() as work:
        kept = work.session.scalars(select(PersonRow.password_hash)).one()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_old_parameters_of_the_hash_are_renewed_at_sign_in(database, monkeypatch):
    monkeypatch.setattr(accounts, "_HASHER", PRODUCTION)
    person = make(database)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with database.begin() as work:
        work.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(password_hash=weak))
    enter(database)
    with database.begin() as work:
        renewed = work.session.scalars(select(PersonRow.password_hash)).one()
    assert renewed != weak
    assert not PasswordHasher().check_needs_rehash(renewed)
    assert enter(database)


def test_a_broken_hash_is_a_failed_sign_in(database):
    person = make(database)
    with database.begin() as work:
        work.session.execute(update(PersonRow).where(PersonRow.id == person.id).values(password_hash="plain"))
    fail(database, 1)


def test_a_new_password_ends_the_sessions_and_the_old_password(database):
    person = make(database)
    signed_in = enter(database)
    with database.begin() as work:
        with pytest.raises(BadRequest):
            accounts.set_password(work, person.id, "short")
        accounts.set_password(work, person.id, "another good one")
        assert accounts.session_of(work, signed_in.key) is None
    with pytest.raises(SignInFailed):
        enter(database)
    assert enter(database, password="another good one")
    with database.begin() as work, pytest.raises(UnknownThing):
        accounts.set_password(work, PersonId(99_999), "another good one")


def test_a_password_is_the_same_however_its_letters_are_composed(database):
    make(database, password="şifre çok gizli é")
    assert enter(database, password="s\u0327ifre c\u0327ok gizli e\u0301")


def test_a_session_ends_by_signing_out_and_by_time(database):
    make(database)
    one, two = enter(database), enter(database)
    with database.begin() as work:
        accounts.sign_out(work, one.key)
        accounts.sign_out(work, "no such key")
        assert accounts.session_of(work, one.key) is None
        assert accounts.session_of(work, two.key) is not None
        work.session.execute(text("UPDATE web_sessions SET expires_at = clock_timestamp() - interval '1 second'"))
        assert accounts.session_of(work, two.key) is None


def test_a_reader_has_the_roles_of_the_courses_they_have_not_left(database):
    with database.begin() as work:
        here, left = a_course(work), a_course(work)
        person = a_person(work, here, Role.TA)
        work.session.execute(
            text("INSERT INTO memberships (course_id, person_id, role, left_at) VALUES (:c, :p, 'student', now())"),
            {"c": left.id, "p": person.id},
        )
        reader = accounts.reader_for(work, PersonId(person.id))
        assert reader.roles == {CourseId(here.id): Role.TA}
        with pytest.raises(UnknownThing):
            accounts.reader_for(work, PersonId(99_999))


def test_a_person_is_found_by_address_in_any_case(database):
    person = make(database)
    with database.begin() as work:
        assert accounts.find_person(work, "ADA@example.org") == person
        with pytest.raises(UnknownThing):
            accounts.find_person(work, "nobody@example.org")
        with pytest.raises(UnknownThing):
            accounts.find_person(work, "no address")


def subject(work, subject="https://id.example.org|1", email="ada@example.org", verified=True):
    return accounts.sign_in_with_subject(
        work, subject=subject, email=email, email_is_verified=verified, name="Somebody Else"
    )


def test_a_subject_is_linked_once_by_verified_address_and_known_afterwards(database):
    person = make(database, password=None)
    with database.begin() as work:
        assert subject(work, email="Ada@example.org").reader.person == person
        signed_in = subject(work, email="moved@example.org", verified=False)
        assert signed_in.reader.person == person
        assert accounts.session_of(work, signed_in.key) == signed_in


def test_a_subject_gets_nobodys_account(database):
    make(database)
    with database.begin() as work:
        with pytest.raises(SignInFailed):
            subject(work, verified=False)
        with pytest.raises(SignInFailed):
            subject(work, email="stranger@example.org")
        subject(work)
        with pytest.raises(SignInFailed):
            subject(work, subject="https://id.example.org|2")
        assert len(work.session.scalars(select(PersonRow)).all()) == 1
        work.session.execute(update(PersonRow).values(disabled_at=datetime.now(UTC)))
        work.session.expire_all()
        with pytest.raises(SignInFailed):
            subject(work)
