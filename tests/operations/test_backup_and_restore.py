"""Backups are tested by restoring them, of a service that takes uploads meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, text

from grader.cli.host.backup_folder import BackupFolder, sealed, sha256_of_file
from grader.cli.host.programs import postgres_tool
from grader.domain.errors import SetupError
from grader.local.postgres import PrivatePostgres
from grader.storage import dump, schema
from grader.storage.blobs import Blobs
from tests.api.serving import InThread, settings_for
from tests.operations.conftest import stop


def everything(url: str, token: str, slug: str) -> dict[str, object]:
    """What staff read: the gradebook, every submission with its run, every file and every picture, byte for byte."""
    import httpx

    with httpx.Client(base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        book = client.get(f"/assignments/{slug}/gradebook").json()
        lines = client.get("/submissions", params={"limit": 200}).json()["items"]
        read = {}
        for line in lines:
            found = client.get(f"/submissions/{line['id']}").json()
            pictures = {
                artifact["id"]: client.get(f"/artifacts/{artifact['id']}").content
                for check in found["run"]["checks"]
                for artifact in check.get("artifacts", ())
            }
            read[line["id"]] = (found, client.get(f"/submissions/{line['id']}/file").content, pictures)
    return {"book": book, "submissions": read}


@pytest.fixture
def filled(world):
    """The world with graded submissions, pictures and an override."""
    spec = world.serving.services.blobs.put(b"a packed spec").sha256
    with world.database.begin() as work:
        work.session.execute(text("UPDATE spec_versions SET blob_sha256 = :sha"), {"sha": spec})
        work.session.execute(text("UPDATE assignments SET uploads_per_day = 100000"))
    world.hand_in("student", b"def answer():\n    return 1\n")
    world.hand_in("classmate", b"def answer():\n    return 2\n")
    world.grade(pictures=True)
    slug, person = world.assignment.slug, world.people["student"].id
    answer = world.client("instructor").put(
        f"/assignments/{slug}/overrides/{person}", json={"score": 4.5, "reason": "a bonus"}
    )
    assert answer.status_code in (200, 204), answer.text
    return world


def test_what_is_restored_is_what_was_there_although_uploads_went_on(filled, server, place, grader, tmp_path):
    world, folder = filled, tmp_path / "backups"
    token = world.token("instructor")
    enough = threading.Event()

    def upload():
        client, number = world.client("classmate"), 0
        while not enough.is_set():
            number += 1
            file = {"file": ("work.py", f"n = {number}\n".encode() * 2000)}
            client.post(f"/assignments/{world.assignment.slug}/submissions", files=file)
            # Enough to come in between, and few enough to read them all again.
            time.sleep(0.1)

    uploads = threading.Thread(target=upload)
    uploads.start()
    try:
        time.sleep(0.3)
        assert grader("backup", folder)[0] == 0
    finally:
        enough.set()
        uploads.join()
    made = json.loads(next(folder.glob("2*/manifest.json")).read_text())
    assert made["rows"]["submissions"] > 2
    assert made["missing"] == []
    # The second has the rest, and copies nothing twice.
    before = {path: path.stat().st_mtime_ns for path in (folder / "blobs").rglob("*") if path.is_file()}
    status, out, _ = grader("backup", folder, "--json")
    second = json.loads(out)
    assert status == 0
    assert second["rows"]["submissions"] >= made["rows"]["submissions"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert grader("backup", "--verify", folder)[0] == 0
    expected = everything(world.serving.url, token, world.assignment.slug)
    world.close()
    stop(server)
    world.database.close()

    place.create()
    shutil.rmtree(place.blobs)
    status, out, err = grader("restore", folder)
    assert status == 0, err
    assert f"{second['rows']['submissions']} submissions" in out
    with InThread(settings_for(place.url, place.blobs)) as again:
        assert everything(again.url, token, world.assignment.slug) == expected
    stop(again)
    # The first one, too: it is a moment before.
    first = min(path.name for path in folder.glob("2*"))
    status, out, err = grader("restore", folder, "--at", first)
    assert (status, "--replace" in err) == (2, True)
    status, _, err = grader("restore", folder, "--replace", "--at", first)
    assert status == 0, err
    assert dump.rows(place.url)["submissions"] == made["rows"]["submissions"]
    assert schema.drift(place.url) == []


@pytest.fixture
def a_few(place, database):
    """Rows and blobs without a server."""
    from tests.builders import a_course, a_person, a_submission, an_assignment

    blobs = Blobs(str(place.blobs))
    kept = [blobs.put(os.urandom(50_000)).sha256 for _ in range(12)]
    with database.begin() as work:
        course = a_course(work)
        assignment = an_assignment(work, course, blob=blobs.put(b"a spec").sha256)
        person = a_person(work, course)
        for digest in kept:
            a_submission(work, assignment, person, sha256=digest)
    database.close()
    return kept


def only_whole(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("2"))


def test_a_backup_that_is_killed_leaves_the_former_one(a_few, place, grader, started, tmp_path):
    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    whole = only_whole(folder)
    blobs = Blobs(str(place.blobs))
    engine = create_engine(place.url)
    with engine.begin() as connection:
        for _ in range(150):
            stored = blobs.put(os.urandom(20_000))
            connection.execute(
                text("INSERT INTO submissions (id, assignment_id, person_id, owner, number, file_name, sha256, size_bytes)"
                     " SELECT gen_random_uuid(), 1, 1, 'p1', max(number) + 1, 'x', :sha, 1 FROM submissions"),
                {"sha": stored.sha256},
            )  # fmt: skip
    engine.dispose()
    making = started("backup", folder)
    until_s = time.monotonic() + 30
    while not (folder / "new.unfinished" / "database.dump").exists():
        assert time.monotonic() < until_s
        time.sleep(0.01)
    making.send_signal(signal.SIGKILL)
    making.wait()
    assert only_whole(folder) == whole
    assert (folder / "new.unfinished").exists()
    assert grader("backup", "--verify", folder)[0] == 0
    assert grader("restore", folder, "--replace")[0] == 0
    assert dump.rows(place.url)["submissions"] == len(a_few)
    assert grader("backup", folder)[0] == 0
    assert not (folder / "new.unfinished").exists()


@pytest.mark.parametrize("part", ["dump", "blob", "list", "manifest"])
def test_a_byte_that_was_flipped_is_found_and_nothing_is_changed(a_few, place, grader, tmp_path, part):
    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    (made,) = [folder / name for name in only_whole(folder)]
    path = {
        "dump": made / "database.dump",
        "list": made / "blobs.txt",
        "manifest": made / "manifest.json",
        "blob": folder / "blobs" / a_few[3][:2] / a_few[3],
    }[part]
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 0x55]) + whole[middle + 1 :])
    status, _, err = grader("backup", "--verify", folder)
    assert status == 3
    assert "damaged" in err or "cannot be read" in err
    (place.blobs / a_few[3][:2] / a_few[3]).unlink()
    before = dump.rows(place.url)
    status, _, err = grader("restore", folder, "--replace")
    assert status == 3
    assert "Traceback" not in err
    assert dump.rows(place.url) == before


def test_restore_refuses_what_would_do_harm(a_few, place, grader, tmp_path, database):
    folder = tmp_path / "backups"
    assert "no whole backup" in grader("restore", folder)[2]
    assert grader("backup", folder)[0] == 0
    status, _, err = grader("restore", folder)
    assert (status, "--replace" in err) == (2, True)
    with database.begin() as work:
        work.session.execute(text("SELECT 1"))
        status, _, err = grader("restore", folder, "--replace")
        assert (status, "stop server" in err) == (2, True)
    database.close()
    with dump.care(place.url):
        status, _, err = grader("restore", folder, "--replace")
        assert (status, "under way" in err) == (2, True)
    (made,) = BackupFolder(folder).every()
    manifest = made.folder / "manifest.json"
    manifest.write_text(sealed(replace(made.manifest, schema="9999")))
    status, _, err = grader("restore", folder, "--replace")
    assert (status, "schema 9999" in err) == (3, True)
    manifest.write_text(sealed(replace(made.manifest, postgres=99)))
    assert grader("restore", folder, "--replace")[0] == 3


def test_a_dump_of_an_older_schema_is_brought_up_to_date(place, grader, tmp_path):
    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    (made,) = BackupFolder(folder).every()
    engine = create_engine(place.url)
    with engine.connect() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0004")
        connection.execute(text("INSERT INTO courses (slug, title) VALUES ('old', 'Old')"))
        connection.commit()
        seen = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        was = dump.Snapshot(seen, datetime.now(UTC), "0004", {"courses": 1}, ())
        dump.dump(postgres_tool("pg_dump", at_least=18), place.url, made.dump, of=was)
    engine.dispose()
    said = replace(made.manifest, schema="0004", rows=was.rows, dump_sha256=sha256_of_file(made.dump))
    (made.folder / "manifest.json").write_text(sealed(said))
    place.create()
    status, out, err = grader("restore", folder)
    assert (status, err) == (0, "")
    assert f"schema {schema.newest_version()}" in out
    assert schema.drift(place.url) == []
    assert dump.rows(place.url)["courses"] == 1


def test_old_backups_go_with_the_blobs_that_only_they_name(a_few, place, grader, tmp_path):
    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    engine = create_engine(place.url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM submissions WHERE sha256 = :sha"), {"sha": a_few[0]})
    engine.dispose()
    assert grader("backup", folder, "--keep", "2")[0] == 0
    assert (folder / "blobs" / a_few[0][:2] / a_few[0]).exists()
    assert grader("backup", folder, "--keep", "2")[0] == 0
    assert len(only_whole(folder)) == 2
    assert not (folder / "blobs" / a_few[0][:2] / a_few[0]).exists()
    assert (folder / "blobs" / a_few[1][:2] / a_few[1]).exists()
    assert grader("backup", "--verify", folder)[0] == 0


def test_a_blob_that_the_store_lost_is_told_and_the_rest_is_kept(a_few, place, grader, tmp_path):
    (place.blobs / a_few[3][:2] / a_few[3]).unlink()
    status, out, err = grader("backup", tmp_path / "backups")
    assert (status, a_few[3][:16] in err) == (3, True)
    assert "12 blobs" in out
    assert grader("restore", tmp_path / "backups", "--replace")[0] == 0


def test_a_backup_is_its_owners_alone(a_few, grader, tmp_path):
    folder = tmp_path / "backups"
    assert grader("backup", folder)[0] == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_password_is_in_no_argument(tmp_path, monkeypatch, grader):
    """A server with a password, and in front of the real programs one that writes down how it was called."""
    server = PrivatePostgres(Path("/var/tmp") / f"grader-{os.getpid()}", port=_free_port(), durable=False)
    server.start()
    try:
        schema.upgrade(server.url)
        password = server._password()
        assert password in server.url
        tools = tmp_path / "bin"
        tools.mkdir()
        for name in ("pg_dump", "pg_restore"):
            real = postgres_tool(name, at_least=18)
            (tools / name).write_text(f'#!/bin/sh\necho "$0 $@" >>{tmp_path}/called\nexec {real} "$@"\n')
            (tools / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
        monkeypatch.setenv("GRADER_DATABASE_URL", server.url)
        status, out, err = grader("backup", tmp_path / "b")
        assert status == 0, err
        assert grader("restore", tmp_path / "b", "--replace")[0] == 0
        called = (tmp_path / "called").read_text()
        assert "pg_dump" in called
        assert "pg_restore" in called
        monkeypatch.setenv("GRADER_DATABASE_URL", server.url.replace(password, "wrong-one"))
        told = out + err + "".join(grader("backup", tmp_path / "b")[1:])
        assert password not in called + told
        assert "wrong-one" not in told
    finally:
        server.stop()
        shutil.rmtree(server.folder)


def test_programs_too_old_for_the_server_are_said():
    with pytest.raises(SetupError, match="pg_dump of PostgreSQL 99 or later"):
        postgres_tool("pg_dump", at_least=99)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
