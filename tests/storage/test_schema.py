from __future__ import annotations

from sqlalchemy import create_engine, text

from grader.storage import schema


def test_models_and_migrations_agree(postgres_url):
    assert schema.drift(postgres_url) == []


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
