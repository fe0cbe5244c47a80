from __future__ import annotations

import psycopg
import pytest
from kombu.utils.url import parse_url
from sqlalchemy import make_url

from grader.cli.host.accounts import database_url
from grader.domain.errors import BadArguments, SetupError
from grader.http.settings import server_settings
from grader.kit.addresses import BadAddress, address
from worker.settings import sweep_settings, worker_settings

DATABASE, BROKER = "GRADER_DATABASE_URL", "GRADER_BROKER_URL"
# What a generator of passwords may come up with, and what a URL means by it.
AWKWARD = "p@ss/w:o#r?d %41&ü+"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text(f"{AWKWARD}\n")
    return str(path)


def test_a_password_from_a_file_reaches_the_libraries_as_it_was_written(secret):
    url = address(
        {DATABASE: "postgresql+psycopg://me@db:5433/grader?sslmode=require", "GRADER_DATABASE_PASSWORD_FILE": secret},
        DATABASE,
    )
    read = make_url(url)
    assert (read.username, read.password, read.host, read.port) == ("me", AWKWARD, "db", 5433)
    assert (read.database, read.query) == ("grader", {"sslmode": "require"})
    libpq = psycopg.conninfo.conninfo_to_dict(url.replace("+psycopg", ""))
    assert (libpq["user"], libpq["password"]) == ("me", AWKWARD)

    broker = address({BROKER: "redis://cache:6379/2", "GRADER_BROKER_PASSWORD_FILE": secret}, BROKER)
    parts = parse_url(broker)
    assert (parts["password"], parts["hostname"], parts["port"]) == (AWKWARD, "cache", 6379)
    assert parts["virtual_host"] == "2"


def test_without_a_file_an_address_is_left_alone():
    url = "postgresql+psycopg://me:own@/grader?host=/run/db"
    assert address({DATABASE: url}, DATABASE) == url
    assert address({DATABASE: url, "GRADER_DATABASE_PASSWORD_FILE": ""}, DATABASE) == url
    assert address({"GRADER_DATABASE_PASSWORD_FILE": "/nowhere"}, DATABASE) == ""


@pytest.mark.parametrize("url", ["postgresql+psycopg://me:own@db/grader", "postgresql+psycopg://me@db/g?password=own"])
def test_two_passwords_are_one_too_many(secret, url):
    with pytest.raises(BadAddress, match="leave one of them out") as raised:
        address({DATABASE: url, "GRADER_DATABASE_PASSWORD_FILE": secret}, DATABASE)
    assert "own" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "cannot be read: No such file"), (b"\n", "but is empty"), (b"\xff\xfe", "it is not text")],
)
def test_a_file_that_is_no_good_is_named_with_its_variable(tmp_path, content, says):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadAddress, match=says) as raised:
        address({BROKER: "redis://cache", "GRADER_BROKER_PASSWORD_FILE": str(path)}, BROKER)
    assert "GRADER_BROKER_PASSWORD_FILE" in str(raised.value)
    assert str(path) in str(raised.value)


def test_server_worker_sweep_and_commands_read_the_files(tmp_path, secret):
    key = tmp_path / "key"
    key.write_text("k" * 32)
    environment = {
        DATABASE: "postgresql+psycopg://me@db/grader", "GRADER_DATABASE_PASSWORD_FILE": secret,
        BROKER: "redis://cache/0", "GRADER_BROKER_PASSWORD_FILE": secret,
        "GRADER_BLOBS_URL": "/blobs", "GRADER_SECRET_FILE": str(key),
    }  # fmt: skip
    readers = (
        server_settings,
        lambda found: worker_settings(found, queues="cpu", jobs=1),
        lambda found: sweep_settings(found, every_s=None),
    )
    for read in readers:
        settings = read(environment)
        assert make_url(settings.database_url).password == AWKWARD
        assert parse_url(settings.broker_url)["password"] == AWKWARD
        for variable in ("GRADER_DATABASE_PASSWORD_FILE", "GRADER_BROKER_PASSWORD_FILE"):
            with pytest.raises(SetupError, match=variable):
                read(environment | {variable: str(tmp_path / "nothing")})
    assert make_url(database_url(environment)).password == AWKWARD
    with pytest.raises(BadArguments, match="GRADER_DATABASE_PASSWORD_FILE"):
        database_url(environment | {"GRADER_DATABASE_PASSWORD_FILE": str(tmp_path / "nothing")})
