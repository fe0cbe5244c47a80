from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
import redis
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from grader.local.faults import AlreadyRunning, ServiceFailed
from grader.local.redis import PrivateRedis
from grader.local.servers import PrivateServers
from tests.local.living import living_in
from tests.waiting import eventually


def client(server: PrivateRedis) -> redis.Redis:
    return redis.Redis.from_url(server.redis_url, decode_responses=True)


@pytest.fixture
def server(tmp_path):
    server = PrivateRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()
    assert living_in(tmp_path) == []


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_list_is_kept_over_a_restart(server, end):
    with client(server) as before:
        before.rpush("waiting", "first", "second")
    getattr(server, end)()
    assert living_in(server.folder) == []
    server.start()
    with client(server) as after:
        assert after.lrange("waiting", 0, -1) == ["first", "second"]


def test_a_queue_message_put_before_a_kill_is_got_after_it(server):
    with Connection(server.url) as connection, connection.SimpleQueue("wakeups") as queue:
        queue.put({"run": 7})
    server.kill()
    server.start()
    with Connection(server.url) as connection, connection.SimpleQueue("wakeups") as queue:
        message = queue.get(timeout=60)
        assert message.payload == {"run": 7}
        message.ack()


def test_a_second_start_in_the_same_folder_is_refused(server):
    with pytest.raises(AlreadyRunning, match="already running"):
        PrivateRedis(server.folder).start()
    with client(server) as still:
        assert still.ping()


def test_a_server_that_lost_its_leash_is_followed_by_the_next_one(server):
    with client(server) as before:
        before.set("kept", "yes")
    os.kill(server._process.leash_pid, signal.SIGKILL)
    assert eventually(lambda: server.lost)
    server.revive()
    with client(server) as after:
        assert after.get("kept") == "yes"


def test_it_listens_nowhere_but_in_its_own_closed_folder(server):
    with client(server) as connection:
        assert connection.config_get("port") == {"port": "0"}
        assert connection.config_get("appendonly") == {"appendonly": "yes"}
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_started_by_root_it_does_not_run_as_root(server):
    assert Path(f"/proc/{server.pid}").stat().st_uid not in (0, 65534)


@pytest.mark.parametrize("name", ["with blank & 100% more", "y" * 120])
def test_any_folder_name_can_be_reached(tmp_path, name):
    server = PrivateRedis(tmp_path / name, durable=False)
    server.start()
    with client(server) as direct:
        assert direct.ping()
    with Connection(server.url) as connection, connection.SimpleQueue("wakeups") as queue:
        queue.put("x")
        assert queue.get(timeout=60).payload == "x"
    server.stop()
    if (server.folder / "runtime").exists():
        runtime = Path((server.folder / "runtime").read_text())
        (runtime / "data").unlink()
        runtime.rmdir()


def test_a_port_wants_the_password_of_the_folder(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = PrivateRedis(tmp_path / "redis", port=port, durable=False)
    server.start()
    with client(server) as connection:
        assert connection.ping()
    with Connection(server.url) as connection, connection.SimpleQueue("wakeups") as queue:
        queue.put("x")
    with redis.Redis(port=port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert "requirepass" not in Path(f"/proc/{server.pid}/cmdline").read_text()
    server.stop()


def test_a_server_that_cannot_work_says_so_in_its_own_words(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServiceFailed, match="Address already in use"):
            PrivateRedis(tmp_path / "redis", port=taken.getsockname()[1]).start()
    assert living_in(tmp_path) == []


class TestBothServers:
    def test_they_start_and_end_together_and_one_that_crashes_comes_back(self, tmp_path):
        with PrivateServers(tmp_path / "run", durable=False) as servers:
            with Connection(servers.broker_url) as connection, connection.SimpleQueue("wakeups") as queue:
                queue.put("x")
            assert servers.database_url == servers.postgres.url
            with pytest.raises(AlreadyRunning, match=f"{tmp_path / 'run'} "):
                PrivateServers(tmp_path / "run").start()
            for crashed in (servers.redis, servers.postgres):
                first = crashed.pid
                os.kill(first, signal.SIGKILL)
                assert eventually(lambda crashed=crashed, first=first: crashed.alive and crashed.pid != first)
            with redis.Redis.from_url(servers.redis_url) as connection:
                assert connection.ping()
        assert living_in(tmp_path) == []
        with PrivateServers(tmp_path / "run", durable=False):
            pass

    def test_a_failure_of_one_leaves_neither(self, tmp_path):
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "postgres").write_text("in the way")
        servers = PrivateServers(tmp_path / "run", durable=False)
        with pytest.raises(Exception, match="postgres"):
            servers.start()
        assert living_in(tmp_path) == []
        (tmp_path / "run" / "postgres").unlink()
        with servers:
            assert servers.postgres.alive
