"""Who did what, when."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select

from grader.domain.course import Role
from grader.domain.errors import NeedsRole
from grader.service import audit
from grader.storage.models import AuditEventRow
from tests import builders


@pytest.fixture
def readers(database):
    with database.begin() as work:
        course = builders.a_course(work)
        admin = builders.a_person(work, is_admin=True, email="admin@example.org")
        return {
            role.value: builders.a_reader(
                builders.a_person(work, course, role, email=f"{role}@example.org"), course, role=role
            )
            for role in Role
        } | {"admin": builders.a_reader(admin)}


def test_a_trail_is_newest_first_and_about_one_subject(database, readers):
    for action in ("make thing", "change thing"):
        with database.begin() as work:
            audit.note(work, readers["ta"], action, "thing:1", "a detail")
            audit.note(work, readers["ta"], action, "thing:12")
    with database.begin() as work:
        trail = audit.trail(work, readers["ta"], "thing:1")
    assert [entry[1:] for entry in trail] == [
        ("ta@example.org", "change thing", "a detail"),
        ("ta@example.org", "make thing", "a detail"),
    ]
    assert all(datetime.fromisoformat(entry[0]).tzinfo is not None for entry in trail)


def test_what_nobody_asked_for_was_done_by_the_service(database, readers):
    with database.begin() as work:
        audit.note(work, None, "sweep", "thing:1")
        assert audit.trail(work, readers["admin"], "thing:1")[0][1] == "the service"


def test_what_is_rolled_back_was_not_done(database, readers):
    with pytest.raises(ZeroDivisionError), database.begin() as work:
        audit.note(work, readers["ta"], "make thing", "thing:1")
        raise ZeroDivisionError
    with database.begin() as work:
        assert work.session.scalar(select(func.count()).select_from(AuditEventRow)) == 0


def test_a_detail_is_one_line_without_control_characters(database, readers):
    with database.begin() as work:
        audit.note(work, readers["ta"], "make thing", "thing:1", "two\nlines \x1b[31mred\x00")
        assert audit.trail(work, readers["ta"], "thing:1")[0][3] == "two lines [31mred"


@pytest.mark.parametrize(("role", "allowed"), [("student", False), ("ta", True), ("instructor", True), ("admin", True)])
def test_students_read_no_trail(database, readers, role, allowed):
    with database.begin() as work:
        if allowed:
            assert audit.trail(work, readers[role], "thing:1") == []
        else:
            with pytest.raises(NeedsRole):
                audit.trail(work, readers[role], "thing:1")
