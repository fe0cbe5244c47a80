"""A server that starts before its disk is mounted takes the empty folder for no new store."""

from __future__ import annotations

import asyncio

import pytest

from grader.domain.errors import TransientError
from grader.http.settings import ServerSettings
from grader.server.app import create_app
from tests.builders import a_course, an_assignment


@pytest.fixture
def settings(postgres_url, tmp_path):
    return ServerSettings(
        database_url=postgres_url, broker_url="memory://", blobs_url=str(tmp_path / "disk" / "blobs"),
        public_url="http://testserver", secret="a secret of the tests alone",
    )  # fmt: skip


def started(settings) -> object:
    """The blob store of a server that has started."""
    app = create_app(settings)

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(start())
    return app.state.services.blobs


def test_a_service_that_has_published_a_spec_has_a_store(settings, database, tmp_path):
    with database.begin() as work:
        an_assignment(work, a_course(work))
    blobs = started(settings)
    with pytest.raises(TransientError):
        blobs.put(b"an upload whose receipt would be worth nothing")
    assert not (tmp_path / "disk").exists()


@pytest.mark.usefixtures("database")
def test_a_new_service_begins_its_store(settings):
    blobs = started(settings)
    assert blobs.get(blobs.put(b"the first spec").sha256) == b"the first spec"
