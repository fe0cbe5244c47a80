from __future__ import annotations

from uuid import uuid4

from alembic import command
from sqlalchemy import create_engine, make_url, text

from grader.storage import schema

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
