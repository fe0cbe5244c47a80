"""Uploads over a raw socket: refused while they stream, given up when the sender goes, and nothing left behind."""

from __future__ import annotations

import json
import socket
import threading
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from grader.domain.errors import DatabaseBusy
from grader.domain.ids import PersonId
from grader.http import problems
from grader.http.identity import COOKIE, session_of_request
from grader.http.uploads import receive_upload
from grader.service import accounts, submissions
from tests import builders
from tests.api.serving import A_FILE

LIMIT = 200_000
BEGINNING = b'--edge\r\nContent-Disposition: form-data; name="file"; filename="work.py"\r\n\r\n'


@pytest.fixture
def limited(world):
    """The world with an assignment that takes 200,000 bytes."""
    definition = builders.a_definition(limits={"archive_bytes": LIMIT})
    with world.database.begin() as work:
        world.assignment = builders.an_assignment(work, world.course, definition=definition)
    return world


class Upload:
    """A request whose body is sent piece by piece."""

    def __init__(self, world, *headers):
        address = urlsplit(world.serving.url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=30)
        lines = [
            f"POST /api/v1/assignments/{world.assignment.slug}/submissions HTTP/1.1",
            "Host: test",
            f"Authorization: Bearer {world.token('student')}",
            "Content-Type: multipart/form-data; boundary=edge",
            *headers,
        ]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def send(self, piece):
        self.socket.sendall(piece)

    def chunk(self, piece):
        self.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")

    def answer(self):
        """(status, body) once the server has answered."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self.socket.recv(65536)
        head, body = received.split(b"\r\n\r\n", 1)
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += self.socket.recv(65536)
        return int(head.split()[1]), json.loads(body)

    def has_answer(self):
        self.socket.settimeout(0.02)
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(30)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def settled(world, before):
    pause = threading.Event()
    for _ in range(200):
        if world.serving.stored() == before:
            return True
        pause.wait(0.05)
    return False


def test_a_body_that_grows_beyond_the_limit_is_refused_while_it_streams(limited):
    before = limited.serving.stored()
    upload = Upload(limited, "Transfer-Encoding: chunked")
    upload.chunk(BEGINNING)
    sent = 0
    # It would never end by itself.
    while not upload.has_answer():
        upload.chunk(b"x" * 10_000)
        sent += 10_000
        assert sent < 50 * LIMIT, "nobody stopped it"
    status, problem = upload.answer()
    assert (status, problem["code"]) == (413, "upload-too-large")
    assert limited.serving.stored() == before
    upload.close()
    assert limited.client("student").get("/submissions").json()["items"] == []


def test_a_length_that_is_beyond_the_limit_is_refused_before_the_first_byte(limited):
    before = limited.serving.stored()
    with Upload(limited, f"Content-Length: {10 * LIMIT}") as upload:
        status, problem = upload.answer()
    assert (status, problem["code"]) == (413, "upload-too-large")
    assert limited.serving.stored() == before


def test_one_byte_too_many_is_refused_and_the_last_that_fits_is_taken(limited):
    fits = b"#" * (LIMIT - 1) + b"\n"
    assert limited.hand_in(content=fits).status_code == 202
    refused = limited.hand_in(content=b"#" + fits)
    assert (refused.status_code, refused.json()["code"]) == (413, "upload-too-large")


def test_fields_and_headers_cannot_make_the_envelope_large(limited):
    with Upload(limited, "Transfer-Encoding: chunked") as upload:
        upload.chunk(b'--edge\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n' + b"x" * 100_000)
        assert upload.answer()[0] == 422


def test_a_sender_who_goes_away_leaves_nothing(limited):
    before = limited.serving.stored()
    upload = Upload(limited, f"Content-Length: {LIMIT}")
    upload.send(BEGINNING + b"x" * 100_000)
    upload.close()
    assert settled(limited, before)
    assert limited.client("student").get("/submissions").json()["items"] == []


def test_an_upload_that_is_refused_early_is_not_read(limited):
    before = limited.serving.stored()
    with Upload(limited, "Transfer-Encoding: chunked", "Idempotency-Key: " + "x" * 300) as upload:
        status, problem = upload.answer()
    assert (status, problem["code"]) == (422, "bad-request")
    assert limited.serving.stored() == before


def test_a_commit_that_broke_is_tried_again_and_makes_one_submission(limited, monkeypatch):
    """The connection breaks after the first commit has happened: the second try finds what the first one wrote."""
    real, broken = submissions.receive, []

    def receive(work, *arguments, **keywords):
        receipt = real(work, *arguments, **keywords)
        if not broken:
            work.session.commit()
            broken.append(keywords["idempotency_key"])
            raise DatabaseBusy
        assert keywords["idempotency_key"] == broken[0]
        return receipt

    monkeypatch.setattr(submissions, "receive", receive)
    answer = limited.hand_in()
    assert (answer.status_code, answer.json()["number"]) == (202, 1)
    assert len(limited.client("student").get("/submissions").json()["items"]) == 1


def test_a_database_that_stays_away_is_told_and_the_upload_can_be_sent_again(limited, monkeypatch):
    def receive(*_, **__):
        raise DatabaseBusy

    with monkeypatch.context() as patch:
        patch.setattr(submissions, "receive", receive)
        answer = limited.hand_in(**{"Idempotency-Key": "once"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database-busy")
    assert limited.hand_in(**{"Idempotency-Key": "once"}).json()["number"] == 1


def test_many_at_once_from_one_student_are_all_taken_and_numbered(limited):
    token = limited.token("student")
    answers = []

    def hand_in(number):
        answers.append(
            httpx.post(
                f"{limited.serving.url}/api/v1/assignments/{limited.assignment.slug}/submissions",
                files={"file": ("work.py", A_FILE + f"# {number}\n".encode())},
                headers={"Authorization": f"Bearer {token}"},
                timeout=60,
            )
        )

    threads = [threading.Thread(target=hand_in, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {202}
    assert sorted(answer.json()["number"] for answer in answers) == list(range(1, 9))


class TestAFormOfTheWebPage:
    """The page's form has no header: its CSRF token is a field, and must come before the file."""

    @pytest.fixture
    def signed_in(self, limited):
        with limited.database.begin() as work:
            accounts.set_password(work, PersonId(limited.people["student"].id), "correct horse battery")
        email = limited.people["student"].email
        return accounts.sign_in(limited.database, email=email, password="correct horse battery", address="127.0.0.1")

    @pytest.fixture
    def send(self, limited, signed_in):
        app = FastAPI()
        app.state.services = limited.serving.services
        problems.install(app)

        @app.post("/hand-in")
        async def hand_in(request: Request):
            session = session_of_request(request)
            receipt = await receive_upload(request, session.reader, limited.assignment, idempotency_key=None)
            return {"number": receipt.number}

        def send(*parts):
            body = b"".join(
                b'--edge\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + value + b"\r\n"
                for name, value in parts
            )
            headers = {"Content-Type": "multipart/form-data; boundary=edge", "Cookie": f"{COOKIE}={signed_in.key}"}

            async def post():
                transport = httpx.ASGITransport(app=app)
                async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                    return await client.post("/hand-in", content=body + b"--edge--\r\n", headers=headers)

            return anyio.run(post)

        return send

    FILE = (b'file"; filename="work.py', A_FILE)

    def test_the_token_before_the_file_lets_it_in(self, send, signed_in):
        assert send((b"csrf", signed_in.csrf.encode()), self.FILE).json() == {"number": 1}

    def test_no_token_or_a_wrong_one_leaves_nothing(self, limited, send):
        before = limited.serving.stored()
        for parts in ([self.FILE], [(b"csrf", b"wrong"), self.FILE], [(b"csrf", b""), self.FILE]):
            answer = send(*parts)
            assert (answer.status_code, answer.json()["code"]) == (403, "bad-csrf")
        assert limited.serving.stored() == before
        assert limited.client("student").get("/submissions").json()["items"] == []
