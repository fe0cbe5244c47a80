from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from grader.local.faults import AlreadyRunning, FolderUnusable, ServiceFailed
from grader.local.leftovers import end_leftover
from grader.local.postgres import PrivatePostgres
from tests.local.living import living_in
from tests.waiting import PATIENCE_S, eventually


def ask(server: PrivatePostgres, question: str) -> list[object]:
    with psycopg.connect(server.url.replace("+psycopg", "", 1)) as connection:
        return [row[0] for row in connection.execute(question)]


def write(server: PrivatePostgres, text: str) -> None:
    with psycopg.connect(server.url.replace("+psycopg", "", 1)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path):
    server = PrivatePostgres(tmp_path / "pg", durable=False)
    server.start()
    yield server
    server.stop()
    assert living_in(tmp_path) == []


class TestLife:
    def test_data_are_found_again_after_a_stop(self, server):
        write(server, "committed")
        server.stop()
        assert living_in(server.folder) == []
        server.start()
        assert ask(server, "SELECT text FROM kept") == ["committed"]

    def test_committed_data_survive_a_kill(self, tmp_path):
        server = PrivatePostgres(tmp_path / "pg")
        server.start()
        write(server, "committed")
        server.kill()
        assert living_in(tmp_path) == []
        assert (server.data / "postmaster.pid").exists()  # as after a crash
        server.start()
        assert ask(server, "SELECT text FROM kept") == ["committed"]
        assert "not properly shut down" in server.log.read_text()
        server.stop()

    def test_the_address_stays_over_a_restart(self, server):
        before = server.url
        first = server.pid
        server.restart()
        assert server.url == before
        assert server.pid != first
        assert ask(server, "SELECT 1") == [1]

    def test_stopping_does_not_wait_for_open_sessions(self, server):
        with psycopg.connect(server.url.replace("+psycopg", "", 1)) as session:
            session.execute("SELECT 1")
            server.stop()
            assert not server.alive
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")

    def test_stopping_twice_and_killing_what_is_stopped_are_harmless(self, server):
        server.stop()
        server.stop()
        server.kill()
        assert server.pid is None

    def test_a_crash_is_noticed_and_mended(self, server):
        write(server, "committed")
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: server.lost)
        server.revive()
        assert ask(server, "SELECT text FROM kept") == ["committed"]

    def test_what_was_stopped_on_purpose_is_not_revived(self, server):
        server.kill()
        assert not server.lost
        server.revive()
        assert not server.alive


class TestLeftovers:
    def test_a_stale_pid_file_that_names_a_stranger_does_not_stop_a_start(self, server):
        """After a reboot the number belongs to somebody else; PostgreSQL alone would refuse."""
        server.kill()
        owner = server.data.stat()
        become = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        stranger = subprocess.Popen(["sleep", "600"], cwd="/", **become)
        try:
            for stale in (server.data / "postmaster.pid", server.data / ".s.PGSQL.5432.lock"):
                stale.write_text(f"{stranger.pid}\n" + "\n".join(stale.read_text().splitlines()[1:]) + "\n")
            server.start()
            assert ask(server, "SELECT 1") == [1]
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()

    def test_a_server_that_lost_its_leash_is_followed_by_the_next_one(self, server):
        write(server, "committed")
        os.kill(server._process.leash_pid, signal.SIGKILL)
        assert eventually(lambda: server.lost)
        server.revive()
        assert ask(server, "SELECT text FROM kept") == ["committed"]

    def test_whoever_still_works_in_the_folder_is_ended_first(self, tmp_path):
        survivor = subprocess.Popen(["sleep", "600"], cwd=tmp_path)
        try:
            (tmp_path / "server.pid").write_text(f"{survivor.pid}\n")
            end_leftover(tmp_path, "server.pid", signal.SIGINT)
            assert survivor.wait(PATIENCE_S) == -signal.SIGINT
        finally:
            survivor.kill()
            survivor.wait()
        assert not (tmp_path / "server.pid").exists()

    def test_half_a_data_folder_is_made_anew(self, tmp_path):
        half = tmp_path / "pg" / "data.new"
        half.mkdir(parents=True)
        (half / "PG_VERSION").write_text("18\n")
        server = PrivatePostgres(tmp_path / "pg", durable=False)
        server.start()
        assert ask(server, "SELECT 1") == [1]
        assert not half.exists()
        server.stop()


class TestRefusals:
    def test_a_second_start_in_the_same_folder_is_one_clear_sentence(self, server):
        with pytest.raises(AlreadyRunning, match=rf"already running in {server.folder} \(process {os.getpid()}\)"):
            PrivatePostgres(server.folder).start()
        with pytest.raises(AlreadyRunning):
            server.start()
        assert ask(server, "SELECT 1") == [1]

    def test_another_process_is_refused_too(self, server):
        code = (
            "import sys, pathlib; from grader.local.faults import AlreadyRunning; "
            "from grader.local.postgres import PrivatePostgres\n"
            "try: PrivatePostgres(pathlib.Path(sys.argv[1])).start()\n"
            "except AlreadyRunning as refusal: print(refusal.code)"
        )
        done = subprocess.run([sys.executable, "-c", code, server.folder], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "already-running"
        assert ask(server, "SELECT 1") == [1]

    def test_a_server_that_cannot_work_says_so_in_its_own_words(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            server = PrivatePostgres(tmp_path / "pg", port=taken.getsockname()[1], durable=False)
            with pytest.raises(ServiceFailed, match="Address already in use"):
                server.start()
        assert living_in(tmp_path) == []
        server.start()  # the folder is not locked by the failure
        server.stop()

    def test_data_of_another_version_are_refused(self, server):
        server.stop()
        (server.data / "PG_VERSION").write_text("16\n")
        with pytest.raises(FolderUnusable, match="PostgreSQL 16"):
            server.start()
        (server.data / "PG_VERSION").write_text("18\n")

    def test_a_folder_that_is_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(FolderUnusable, match="file"):
            PrivatePostgres(tmp_path / "file").start()


class TestAddress:
    def test_it_listens_nowhere_but_in_its_own_closed_folder(self, server):
        assert ask(server, "SHOW listen_addresses") == [""]
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700

    @pytest.mark.parametrize("name", ["with blank & 100% more", "x" * 120])
    def test_any_folder_name_can_be_reached_also_after_a_restart(self, tmp_path, name):
        server = PrivatePostgres(tmp_path / name / "pg", durable=False)
        server.start()
        engine = sqlalchemy.create_engine(server.url, poolclass=sqlalchemy.NullPool)
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_database()")) == "grader"
        server.restart()
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
        assert PrivatePostgres(server.folder).url == server.url
        server.stop()
        _remove_runtime(server.folder)

    def test_a_port_wants_the_password_of_the_folder(self, tmp_path):
        port = free_port()
        server = PrivatePostgres(tmp_path / "pg", port=port, durable=False)
        server.start()
        assert f"@127.0.0.1:{port}/" in server.url
        assert ask(server, "SELECT inet_server_port()") == [port]
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host="127.0.0.1", port=port, user="grader", dbname="grader", password="wrong")
        assert stat.S_IMODE((server.folder / "password").stat().st_mode) == 0o600
        server.stop()


class TestSettings:
    @pytest.mark.parametrize(("durable", "setting"), [(True, "on"), (False, "off")])
    def test_nothing_is_traded_for_speed_unless_asked(self, tmp_path, durable, setting):
        server = PrivatePostgres(tmp_path / "pg", durable=durable)
        server.start()
        for name in ("fsync", "full_page_writes"):
            assert ask(server, f"SHOW {name}") == [setting]
        assert ask(server, "SHOW synchronous_commit") == ["on"]
        assert ask(server, "SHOW max_connections") == ["200"]
        server.stop()

    def test_text_is_unicode_and_sorted_the_same_everywhere(self, server):
        assert ask(server, "SHOW server_encoding") == ["UTF8"]
        assert ask(server, "SELECT lower('ÄÉ') || (SELECT min(x) FROM (VALUES ('a'), ('B')) AS v(x))") == ["äéB"]
        assert ask(server, "SHOW timezone") == ["UTC"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
    def test_started_by_root_it_runs_as_somebody_who_owns_only_its_data(self, server):
        who = Path(f"/proc/{server.pid}").stat().st_uid
        assert who not in (0, 65534)
        assert who == server.data.stat().st_uid
        assert server.folder.stat().st_uid == 0


def _remove_runtime(folder: Path) -> None:
    record = folder / "runtime"
    if record.exists():
        runtime = Path(record.read_text())
        assert stat.S_IMODE(runtime.lstat().st_mode) == 0o700
        (runtime / "data").unlink()
        runtime.rmdir()
