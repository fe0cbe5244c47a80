"""The doctor of a whole service, on real servers: what is well, and each thing that can be wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from grader.engine.sandbox import select
from grader.engine.sandbox.base import Readiness
from grader.local.servers import PrivateServers
from grader.service import audit
from grader.storage.blobs import Blobs
from grader.storage.models import WorkerRow
from tests.builders import a_course, a_definition, a_person, a_run, a_submission, an_assignment

PASSWORD = "Unspeakable"


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory):
    """A Redis of the tests."""
    from grader.local.redis import PrivateRedis

    server = PrivateRedis(tmp_path_factory.mktemp("redis"), durable=False)
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def checked(grader, place, redis_url, tmp_path, monkeypatch):
    """Runs the doctor with these settings besides those of a service that works: (exit status, findings by name)."""
    # This machine's sandboxes are tried by tests of their own; they take a second each time.
    usable = Readiness(backend="bwrap", usable=True, facts={}, problems=())
    monkeypatch.setattr(select, "readiness", lambda: [usable])
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef")
    secret.chmod(0o600)
    usual = {
        "GRADER_BROKER_URL": redis_url,
        "GRADER_SECRET_FILE": str(secret),
        "GRADER_PUBLIC_URL": "https://grader.example.org",
    }

    def check(**settings: str):
        for name, value in (usual | settings).items():
            monkeypatch.setenv(name, value)
        status, out, err = grader("doctor", "--json")
        assert err == ""
        assert PASSWORD not in out
        return status, {finding["name"]: finding for finding in json.loads(out)["findings"]}

    return check


@pytest.fixture
def filled(place, database):
    """A blob that a row names, a worker for every queue, a backup of a moment ago."""
    blobs = Blobs(str(place.blobs))
    with database.begin() as work:
        course = a_course(work)
        assignment = an_assignment(work, course, blob=blobs.put(b"spec").sha256)
        person = a_person(work, course)
        a_submission(work, assignment, person, sha256=blobs.put(b"work").sha256)
        work.session.add(WorkerRow(name="w", queues=["cpu", "gpu", "rerun"], slots=1))
        audit.note(work, None, "make backup", "service", "now")
    return assignment, person


SERVICE = {
    "settings", "secret file", "public URL", "database", "clock", "schema", "queue cpu", "queue gpu", "queue rerun",
    "failed runs", "backup", "broker", "blobs", "blobs of rows", "room for blobs", "room for temporary files",
}  # fmt: skip


def test_a_service_that_works(checked, filled):
    status, found = checked()
    assert status == 0
    assert set(found) >= SERVICE
    assert {name: found[name] for name in SERVICE if found[name]["level"] != "ok" and not name.startswith("room")} == {}


@pytest.mark.parametrize(
    ("settings", "name", "level", "says"),
    [
        ({"GRADER_BROKER_URL": f"redis://:{PASSWORD}@127.0.0.1:1/0"}, "broker", "error", "Start Redis"),
        ({"GRADER_DATABASE_URL": f"postgresql+psycopg://me:{PASSWORD}@127.0.0.1:1/db"}, "database", "error", "Start it"),
        ({"GRADER_DATABASE_URL": "nonsense"}, "database", "error", "postgresql+psycopg://"),
        ({"GRADER_PUBLIC_URL": "http://grader.example.org"}, "public URL", "warning", "TLS"),
        ({"GRADER_SECRET_FILE": "/nowhere"}, "secret file", "error", "GRADER_SECRET_FILE"),
        ({"GRADER_DATABSE_URL": "x"}, "settings", "error", "did you mean GRADER_DATABASE_URL"),
        ({"GRADER_BLOBS_URL": "/proc/nothing"}, "blobs", "error", "GRADER_BLOBS_URL"),
        ({"GRADER_BLOBS_URL": ""}, "settings", "error", "docs/settings.md"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_setting_is_said_with_its_remedy(checked, filled, settings, name, level, says):
    status, found = checked(**settings)
    assert status == (3 if level == "error" else 0)
    assert found[name]["level"] == level
    assert says in found[name]["remedy"]


def test_another_blob_store_than_the_others_have(checked, filled, tmp_path):
    status, found = checked(GRADER_BLOBS_URL=str(tmp_path / "other"))
    assert status == 3
    assert found["blobs"]["ok"]
    assert "same place for all" in found["blobs of rows"]["remedy"]


def test_a_secret_that_others_may_read(checked, filled, tmp_path):
    (tmp_path / "secret").chmod(0o644)
    assert "chmod 600" in checked()[1]["secret file"]["remedy"]


def test_an_old_schema(checked, place):
    place.create()
    status, found = checked()
    assert status == 3
    assert found["schema"]["remedy"] == "Run grader db upgrade."


def test_queues_that_nobody_serves_failed_runs_and_no_backup(checked, filled, database):
    assignment, person = filled
    with database.begin() as work:
        work.session.execute(text("UPDATE workers SET queues = '{rerun}'"))
        work.session.execute(text("DELETE FROM audit_events"))
        broken = a_submission(work, assignment, person)
        a_run(work, assignment, broken, state="failed")
        waiting = a_run(work, assignment, a_submission(work, assignment, person))
        work.session.execute(
            text(
                "INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue) VALUES (:r, 'gate', :a, 'p', 'cpu')"
            ),
            {"r": waiting.id, "a": assignment.id},
        )
        an_assignment(work, a_course(work), definition=a_definition(queue="gpu"))
    status, found = checked()
    assert status == 3
    assert (found["queue cpu"]["level"], found["queue gpu"]["level"]) == ("error", "warning")
    assert "grader worker --queues cpu" in found["queue cpu"]["remedy"]
    assert str(broken.id) in found["failed runs"]["remedy"]
    assert found["backup"]["level"] == "warning"


# What the server's image does not have.
BARE = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("docker", "msgpack", "pyseccomp", "pytest", "torch", "numpy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name in ("docker", "msgpack", "pyseccomp", "pytest") else find(name, *rest)
from grader.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(("service", "level"), [(True, "ok"), (False, "error")])
def test_a_machine_that_does_not_grade(place, redis_url, filled, tmp_path, service, level):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    if service:
        environment |= place.settings | {"GRADER_BROKER_URL": redis_url, "GRADER_SPECS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", BARE, "doctor", "--json"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["grading"]["level"] == level
    assert done.returncode == (0 if service else 3)


def test_the_folder_of_a_grader_up(grader, tmp_path, monkeypatch):
    for name in ("GRADER_DATABASE_URL", "GRADER_BLOBS_URL"):
        monkeypatch.delenv(name)
    assert grader("doctor", "--data", tmp_path)[0] == 2
    folder = Path("/var/tmp") / f"grader-doctor-{os.getpid()}"
    try:
        with PrivateServers(folder / "servers", durable=False) as servers:
            (folder / "service.env").write_text(
                f"export GRADER_DATABASE_URL='{servers.database_url}'\nexport GRADER_BROKER_URL='{servers.broker_url}'\n"
                f"export GRADER_BLOBS_URL={folder / 'blobs'}\n"
            )
            _, out, _ = grader("doctor", "--data", folder, "--json")
            found = {finding["name"]: finding for finding in json.loads(out)["findings"]}
            assert (found["broker"]["level"], found["schema"]["level"]) == ("ok", "error")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
