from __future__ import annotations

from uuid import uuid4

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url, text

from grader.storage import schema
from grader.storage.database import code

AN_OLD_SUBMISSION = (
    "INSERT INTO courses (slug, title) VALUES ('c', 'C')",
    "INSERT INTO people (email, name) VALUES ('a@example.org', 'A')",
    "INSERT INTO spec_versions (spec_slug, version, definition, blob_sha256) VALUES ('s', 'v', '{}', 'b')",
    "INSERT INTO assignments (course_id, slug, title, spec_version_id) VALUES (1, 's', 'S', 1)",
    """INSERT INTO submissions (id, assignment_id, person_id, owner, number, file_name, sha256, size_bytes)
       VALUES (:id, 1, 1, 'p1', :number, 'a.py', 'ab', 1)""",
)


def test_models_and_migrations_agree(postgres_url):
    assert schema.drift(postgres_url) == []


def test_a_database_of_the_first_version_keeps_its_submissions_when_answers_come(postgres_url):
    """0002 is run on 0001 with a row in it, in a database of its own, and the version before can go on writing."""
    url = make_url(postgres_url).set(database="of_the_first_version")
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS of_the_first_version"))
        connection.execute(text("CREATE DATABASE of_the_first_version"))
    address = url.render_as_string(hide_password=False)
    engine = create_engine(address)
    try:
        config = schema._config()
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            connection.commit()
            for statement in AN_OLD_SUBMISSION:
                connection.execute(text(statement), {"id": uuid4(), "number": 1})
            connection.commit()
        assert schema.current_version(address) == "0001"
        assert schema.drift(address) != []
        schema.upgrade(address)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT sha256, answers_sha256 FROM submissions")).all() == [("ab", None)]
            # A server of the version before, which does not know the column.
            connection.execute(text(AN_OLD_SUBMISSION[-1]), {"id": uuid4(), "number": 2})
        assert schema.drift(address) == []
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text("DROP DATABASE of_the_first_version"))
        admin.dispose()


def test_a_column_that_no_model_knows_is_drift(postgres_url):
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE people ADD COLUMN shoe_size integer"))
    try:
        assert any("shoe_size" in difference for difference in schema.drift(postgres_url))
    finally:
        with engine.begin() as connection:
            connection.execute(text("ALTER TABLE people DROP COLUMN shoe_size"))
        engine.dispose()


def test_upgrading_twice_changes_nothing(postgres_url):
    assert schema.upgrade(postgres_url) == schema.current_version(postgres_url) == schema.newest_version()


@pytest.fixture
def newer_code(postgres_url):
    """A function that makes the database look as if code of another version had upgraded it."""

    def pretend(version: str, *, oldest_code: str | None) -> None:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
            connection.execute(text("DELETE FROM schema_support"))
            if oldest_code is not None:
                connection.execute(text("INSERT INTO schema_support VALUES (:oldest)"), {"oldest": oldest_code})

    engine = create_engine(postgres_url)
    yield pretend
    pretend(schema.newest_version(), oldest_code="0001")
    engine.dispose()


def test_a_newer_schema_that_still_serves_this_code_is_worked_with_and_left_alone(postgres_url, newer_code):
    newer_code("9998", oldest_code=schema.newest_version())
    schema.require_current(postgres_url)
    assert schema.is_usable(postgres_url)
    assert schema.upgrade(postgres_url) == "9998" == schema.current_version(postgres_url)


@pytest.mark.parametrize("oldest_code", ["9997", None])
def test_a_newer_schema_that_serves_this_code_no_longer_is_refused(postgres_url, newer_code, oldest_code):
    newer_code("9998", oldest_code=oldest_code)
    assert not schema.is_usable(postgres_url)
    for refused in (schema.require_current, schema.upgrade):
        with pytest.raises(schema.NewSchema, match="install the new version"):
            refused(postgres_url)


def test_an_older_schema_is_to_be_upgraded_whomever_it_serves(postgres_url, newer_code):
    newer_code("0001", oldest_code="0001")
    with pytest.raises(schema.OldSchema, match="grader db upgrade"):
        schema.require_current(postgres_url)


def test_the_policy_of_migrations_is_kept():
    """Numbered in a line, each with the oldest code that its schema serves, which never goes back."""
    scripts = [*ScriptDirectory.from_config(schema._config()).walk_revisions()][::-1]
    assert [script.revision for script in scripts] == [f"{number:04}" for number in range(1, len(scripts) + 1)]
    promised = [script.module.oldest_code for script in scripts if script.revision > "0002"]
    assert promised == sorted(promised)
    assert all(oldest < script.revision for oldest, script in zip(promised, scripts[2:], strict=True))
    assert scripts[-1].revision == code()


def test_upgrading_says_whom_the_schema_serves(postgres_url):
    schema.upgrade(postgres_url)
    newest = ScriptDirectory.from_config(schema._config()).get_revision("head")
    assert schema.versions(postgres_url) == (newest.revision, newest.module.oldest_code)
