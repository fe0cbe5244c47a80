"""Who dies first, and what is left then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import psycopg
import pytest

from grader.local.faults import AlreadyRunning, ServiceFailed
from grader.local.leashed import Command, LeashedProcess
from grader.local.lock import FolderLock
from grader.local.servers import PrivateServers
from tests.local.living import living_in
from tests.waiting import PATIENCE_S, eventually

ENVIRONMENT = {"PATH": os.defpath}

# A small `grader up`: both servers, and a service whose descendants sit in sessions of their own.
UP = textwrap.dedent(
    """
    import pathlib, signal, sys, threading
    import psycopg
    from grader.local.servers import PrivateServers
    from grader.local.supervisor import ServiceProcess, Supervisor

    folder = pathlib.Path(sys.argv[1])
    stopping = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    script = "setsid sleep 600 & (sleep 600 &) ; (setsid sh -c 'sleep 600 & wait' &) ; echo up; wait"
    with PrivateServers(folder) as servers, Supervisor(folder) as supervisor:
        with psycopg.connect(servers.database_url.replace("+psycopg", "", 1)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
            connection.execute("INSERT INTO kept VALUES ('committed')")
        ready = lambda: "up" in supervisor.log("web").read_text()
        supervisor.start([ServiceProcess(name="web", argv=("/bin/sh", "-c", script), ready=ready, cwd=folder)])
        print("up", flush=True)
        supervisor.wait(stopping)
    print("down", flush=True)
    """
)


@pytest.fixture
def grader_up(tmp_path):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", UP, folder], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert process.stdout.readline() == "up\n"
        yield process, folder
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        assert eventually(lambda: not living_in(tmp_path))


class TestTheParentEnds:
    def test_nothing_outlives_a_killed_parent_and_its_committed_data_are_there(self, grader_up):
        process, folder = grader_up
        # Services have been started when the parent says so; what they start themselves may take a moment.
        assert eventually(lambda: sum("sleep 600 in" in line for line in living_in(folder)) >= 3)
        before = living_in(folder)
        assert any("postgres -D" in line for line in before)
        assert any("redis-server" in line for line in before)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert eventually(lambda: not living_in(folder))
        log = (folder / "postgres" / "postgres.log").read_text()
        assert "received fast shutdown request" in log
        assert "database system is shut down" in log
        with (
            PrivateServers(folder) as servers,
            psycopg.connect(servers.database_url.replace("+psycopg", "", 1)) as connection,
        ):
            assert connection.execute("SELECT text FROM kept").fetchall() == [("committed",)]

    def test_a_start_right_after_the_parent_was_killed_waits_for_what_is_still_ending(self, grader_up):
        process, folder = grader_up
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with PrivateServers(folder) as servers:
            assert servers.postgres.alive

    def test_one_interrupt_from_the_terminal_stops_all_of_it_cleanly(self, grader_up):
        process, folder = grader_up
        os.killpg(process.pid, signal.SIGINT)
        assert process.communicate(timeout=PATIENCE_S)[0] == "down\n"
        assert process.returncode == 0
        assert living_in(folder) == []
        assert "received fast shutdown request" in (folder / "postgres" / "postgres.log").read_text()

    def test_a_second_grader_in_the_folder_is_refused_while_the_first_lives(self, grader_up):
        process, folder = grader_up
        with pytest.raises(AlreadyRunning, match=rf"process {process.pid}\)"):
            PrivateServers(folder).start()
        assert process.poll() is None


class TestOneService:
    def command(self, tmp_path, *argv, **changes):
        return Command(argv=argv, env=ENVIRONMENT, log=tmp_path / "log", cwd=tmp_path, **changes)

    @pytest.mark.parametrize(("script", "status"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137)])
    def test_its_status_is_reported(self, tmp_path, script, status):
        assert LeashedProcess(self.command(tmp_path, "sh", "-c", script)).wait() == status

    def test_a_program_that_cannot_be_run_is_reported_with_the_reason(self, tmp_path):
        (tmp_path / "plain").write_text("not a program")
        with pytest.raises(ServiceFailed, match="plain could not be started: Permission denied"):
            LeashedProcess(self.command(tmp_path, str(tmp_path / "plain")))

    def test_a_log_that_cannot_be_written_is_reported(self, tmp_path):
        with pytest.raises(ServiceFailed, match=r"No such file or directory: .*/nowhere/log"):
            LeashedProcess(Command(argv=("true",), env=ENVIRONMENT, log=tmp_path / "nowhere" / "log", cwd=tmp_path))

    def test_all_its_words_up_to_the_last_are_in_the_log(self, tmp_path):
        LeashedProcess(self.command(tmp_path, "sh", "-c", "seq 20000; echo last words >&2")).wait()
        lines = (tmp_path / "log").read_text().splitlines()
        assert len(lines) == 20001
        assert lines[-1] == "last words"

    def test_a_log_never_grows_past_twice_its_cap(self, tmp_path):
        LeashedProcess(self.command(tmp_path, "sh", "-c", "seq 200000", log_cap_bytes=200_000)).wait()
        sizes = [path.stat().st_size for path in sorted(tmp_path.glob("log*"))]
        # One chunk may go past the cap: a pipe holds 64 KiB.
        assert len(sizes) == 2
        assert max(sizes) < 200_000 + (1 << 16) + 1
        # The very last chunk may be what fills the file that is put aside.
        assert "200000" in (tmp_path / "log.1").read_text() + (tmp_path / "log").read_text()

    def test_orphans_in_other_sessions_go_when_the_service_ends_by_itself(self, tmp_path):
        assert (
            LeashedProcess(self.command(tmp_path, "sh", "-c", "setsid sleep 600 & (sleep 600 &) ; exit 0")).wait() == 0
        )
        assert living_in(tmp_path) == []

    def test_it_inherits_what_it_was_given_and_nothing_else(self, tmp_path):
        kept, held = os.open(tmp_path, os.O_PATH), os.open(tmp_path, os.O_PATH)
        try:
            LeashedProcess(self.command(tmp_path, "ls", "-l", "/proc/self/fd", keep=(kept,), hold=(held,))).wait()
        finally:
            os.close(kept)
            os.close(held)
        seen = {int(line.split()[-3]) for line in (tmp_path / "log").read_text().splitlines() if "->" in line}
        assert kept in seen
        assert held not in seen
        assert len(seen) == 5  # three standard ones, the kept one, and that of ls itself

    def test_its_input_is_empty_and_sigpipe_ends_it_as_usual(self, tmp_path):
        assert LeashedProcess(self.command(tmp_path, "cat")).wait() == 0
        ignored = "grep SigIgn /proc/self/status"
        LeashedProcess(self.command(tmp_path, "sh", "-c", ignored)).wait()
        assert int((tmp_path / "log").read_text().split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0

    def test_a_terminated_leash_stops_its_service_first(self, tmp_path):
        """systemd, and docker stop, signal every process at once."""
        service = LeashedProcess(self.command(tmp_path, "sleep", "600"))
        os.kill(service.leash_pid, signal.SIGTERM)
        assert service.wait(30) == 128 + signal.SIGTERM
        assert living_in(tmp_path) == []

    def test_a_killed_leash_takes_its_service_along(self, tmp_path):
        service = LeashedProcess(self.command(tmp_path, "sleep", "600"))
        os.kill(service.leash_pid, signal.SIGKILL)
        service.wait(30)
        assert eventually(lambda: not living_in(tmp_path))

    def test_a_lock_is_held_until_nothing_is_left_of_what_was_started_under_it(self, tmp_path):
        lock = FolderLock(tmp_path / "locked")
        lock.take()
        script = "trap '' TERM; echo up; while true; do sleep 600; done"
        service = LeashedProcess(self.command(tmp_path, "sh", "-c", script, hold=(lock.descriptor,), stop_wait_s=600))
        lock.release()  # as when we die: our own descriptor is gone, the leash's is not
        with pytest.raises(AlreadyRunning):
            FolderLock(tmp_path / "locked").take()
        service.kill()
        again = FolderLock(tmp_path / "locked")
        again.take()
        again.release()
