"""A service with a database, a server and a blob store of its own, which tests may wipe."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from grader.cli.main import run
from grader.storage import schema
from grader.storage.database import Database
from tests.api.serving import InThread, Serving, World, settings_for, world

__all__ = ["world"]
COMMAND = [sys.executable, "-m", "grader.cli.main"]


@dataclass
class Place:
    """A database on the tests' server and a folder of blobs, with no service that uses them."""

    url: str
    admin_url: str
    blobs: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"GRADER_DATABASE_URL": self.url, "GRADER_BLOBS_URL": str(self.blobs)}

    def drop(self) -> None:
        self._on_server(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def create(self, how: str = "") -> None:
        self.drop()
        self._on_server(f"CREATE DATABASE {self.name} {how}")

    @property
    def name(self) -> str:
        return str(make_url(self.url).database)

    def _on_server(self, statement: str) -> None:
        engine = create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def template(postgres_url, tmp_path_factory):
    """An empty database with the newest schema, made once and copied."""
    url = make_url(postgres_url).set(database="operated_template").render_as_string(hide_password=False)
    made = Place(url, postgres_url, tmp_path_factory.mktemp("none"))
    made.create()
    schema.upgrade(url)
    yield made.name
    made.drop()


@pytest.fixture
def place(postgres_url, template, tmp_path):
    """An empty one with the newest schema."""
    url = make_url(postgres_url).set(database="operated").render_as_string(hide_password=False)
    made = Place(url, postgres_url, tmp_path / "blobs")
    made.create(f"TEMPLATE {template}")
    yield made
    made.drop()


@pytest.fixture
def grader(capsys, monkeypatch, place):
    """Runs a command line about the place: (exit status, stdout, stderr)."""
    for name, value in place.settings.items():
        monkeypatch.setenv(name, value)

    def call(*arguments):
        status = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture
def started(place):
    """Starts a command as a process of its own."""
    processes = []

    def start(*arguments, **environment):
        made = subprocess.Popen(
            [*COMMAND, *map(str, arguments)], env=os.environ | place.settings | environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        processes.append(made)
        return made

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def server(place):
    """A server over the place; `stop` ends it before the test does."""
    with InThread(settings_for(place.url, place.blobs)) as running:
        yield running


def stop(running: InThread) -> None:
    services = running.server.config.app.state.services
    running.__exit__()
    services.database.close()


@pytest.fixture
def serving(server, place):
    return Serving(url=server.url, services=server.server.config.app.state.services, blobs=place.blobs)


@pytest.fixture
def database(place):
    made = Database(place.url)
    yield made
    made.close()


__all__ += ["InThread", "World"]
