"""Real server processes: they start only on a schema they know, and stop without cutting anybody off."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest
from sqlalchemy import text

from grader.http.settings import ServerSettings
from grader.server.serve import serve
from grader.storage.schema import OldSchema
from tests.api.serving import settings_for

CODE = """
import json, logging, sys
from grader.http.settings import ServerSettings
from grader.server.serve import serve
logging.basicConfig(level="INFO")
settings = json.loads(sys.argv[1])
if __name__ == "__main__":
    serve(ServerSettings(**settings), "127.0.0.1", int(sys.argv[2]), workers=int(sys.argv[3]))
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(tmp_path, postgres_url):
    import json

    started = []
    script = tmp_path / "serve.py"
    script.write_text(CODE)

    def start(workers):
        settings = settings_for(postgres_url, tmp_path / "blobs")
        values = {name: getattr(settings, name) for name in ServerSettings.__dataclass_fields__}
        port = free_port()
        command = [sys.executable, str(script), json.dumps(values), str(port), str(workers)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        started.append(process)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        reader.start()
        url = f"http://127.0.0.1:{port}"
        pause = threading.Event()
        for _ in range(600):
            try:
                if httpx.get(f"{url}/healthz").status_code == 200:
                    return url, process, lines, reader
            except httpx.TransportError:
                assert process.poll() is None, "".join(lines)
            pause.wait(0.05)
        raise AssertionError("it did not come up: " + "".join(lines))

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_open_streams_and_then_the_server(start, world, workers, number):
    url, process, lines, reader = start(workers)
    receipt = world.hand_in().json()
    headers = {"Authorization": f"Bearer {world.token('student')}"}
    with httpx.stream("GET", f"{url}/api/v1/submissions/{receipt['id']}/events", headers=headers, timeout=60) as answer:
        received = answer.iter_lines()
        assert next(received).startswith(":")
        process.send_signal(number)
        # A stream that was cut off would raise; and the run is not over, so it did not end by itself.
        assert "event: end" not in list(received)
    process.wait(60)
    reader.join()
    assert "Traceback" not in "".join(lines)


def test_requests_are_logged_once_through_logging(start):
    url, process, lines, reader = start(1)
    assert httpx.get(f"{url}/nowhere-to-be-found").status_code == 404
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    reader.join()
    assert len([line for line in lines if "/nowhere-to-be-found" in line]) == 1


def test_a_schema_of_another_version_ends_the_start_with_one_sentence(postgres_url, tmp_path):
    from grader.storage.database import Database

    database = Database(postgres_url)
    try:
        with database.engine.begin() as connection:
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        with pytest.raises(OldSchema, match="grader db upgrade"):
            serve(settings_for(postgres_url, tmp_path), "127.0.0.1", free_port())
    finally:
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
        database.close()
