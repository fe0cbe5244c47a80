"""Notices delivered for real: to an HTTP server and a mail server on loopback, and by the sweep as its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text
from standardwebhooks.webhooks import Webhook

from grader.domain.course import Role
from grader.domain.ids import AssignmentId, CourseId, PersonId
from grader.domain.notices import Channel, DeliveryState, NoticeKind
from grader.kit.destinations import networks_of
from grader.service import accounts, courses, notices, webhooks
from tests import builders
from tests.worker.receivers import Mailbox, Receiver
from worker.mail import Mailer, MailSettings
from worker.postman import Postman
from worker.settings import BadWorkerSettings, sweep_settings
from worker.webhooks import WebhookSender

LOOPBACK = networks_of("127.0.0.0/8")


def mail_at(port, **overrides):
    values = {
        "host": "127.0.0.1", "port": port, "security": "none", "user": "", "password": "",
        "sender": "grader@example.org", "public_url": "https://g.example.org",
    }  # fmt: skip
    return Mailer(MailSettings(**(values | overrides)), patience_s=2)


def a_certificate(folder, name):
    """A key and a certificate for this name that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem))
    return path


class Post:
    """A course with a submission, and the postman who tells of it."""

    def __init__(self, database):
        self.database = database
        with database.begin() as work:
            self.row = builders.a_course(work, slug="nlp", title="Natural Language", time_zone="Europe/Istanbul")
            self.student = builders.a_person(work, self.row, name="Ada Lovelace", email="ada@example.org")
            person = builders.a_person(work, self.row, Role.INSTRUCTOR)
            self.assignment = builders.an_assignment(work, self.row)
            self.submission = builders.a_submission(work, self.assignment, self.student)
            self.instructor = accounts.reader_for(work, PersonId(person.id))
            self.course = courses.course_of(work, self.instructor, "nlp")

    def register(self, url):
        with self.database.begin() as work:
            return webhooks.register(work, self.instructor, self.course, url, LOOPBACK)

    def tell(self, **values):
        with self.database.begin() as work:
            notices.tell(
                work, NoticeKind.GRADED, course=CourseId(self.row.id), assignment=AssignmentId(self.assignment.id),
                submission=str(self.submission.id), about={"run": "r1", "state": "graded"}, **values,
            )  # fmt: skip

    def go_round(self, *, mail=None, networks=LOOPBACK, sender=None):
        with Postman(self.database, sender or WebhookSender(networks, patience_s=1, altogether_s=1.5), mail) as postman:
            return postman.go_round()

    def later(self):
        with self.database.begin() as work:
            work.session.execute(text("UPDATE deliveries SET not_before = clock_timestamp() WHERE state = 'waiting'"))

    def log(self):
        with self.database.begin() as work:
            return notices.log(work, self.instructor, self.course)


@pytest.fixture
def post(database):
    return Post(database)


class TestWebhooks:
    def test_a_call_is_signed_and_says_ids_and_a_state(self, post):
        with Receiver() as receiver:
            made = post.register(receiver.url)
            post.tell(mails=False)
            assert post.go_round()
        (call,) = receiver.calls
        assert call.path == "/hook?of=us"
        told = Webhook(made.secret).verify(call.body, call.headers)
        assert told["type"] == "submission.graded"
        assert told["data"] == {
            "course": "nlp", "assignment": post.assignment.slug, "submission": str(post.submission.id), "run": "r1",
            "state": "graded",
        }  # fmt: skip
        assert call.headers["content-type"] == "application/json"
        assert call.headers["host"] == receiver.url.split("/")[2]
        assert post.log()[0].state is DeliveryState.DELIVERED

    def test_what_is_answered_with_an_error_comes_again_under_the_same_id(self, post):
        with Receiver(500, 204) as receiver:
            made = post.register(receiver.url)
            post.tell(mails=False)
            post.go_round()
            assert (post.log()[0].state, post.log()[0].problem) == (DeliveryState.WAITING, "It answered 500.")
            post.later()
            post.go_round()
        first, second = receiver.calls
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == post.log()[0].notice
        assert Webhook(made.secret).verify(second.body, second.headers)
        assert (post.log()[0].state, post.log()[0].attempts) == (DeliveryState.DELIVERED, 2)

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_no_redirect_is_followed(self, post, status):
        with Receiver() as target, Receiver(status, headers={"Location": target.url}) as receiver:
            post.register(receiver.url)
            post.tell(mails=False)
            post.go_round()
            assert len(receiver.calls) == 1 and target.calls == []
        assert f"It answered {status}; redirects are not followed" in post.log()[0].problem

    def test_gone_disables_it(self, post):
        with Receiver(410) as receiver:
            post.register(receiver.url)
            post.tell(mails=False)
            post.go_round()
        with post.database.begin() as work:
            (found,) = webhooks.listed(work, post.instructor, post.course)
        assert found.disabled_at is not None and "410" in found.problem

    @pytest.mark.parametrize("how", ["hang", "drip"])
    def test_one_that_does_not_come_to_an_end_is_left(self, post, how):
        with Receiver(how) as receiver:
            post.register(receiver.url)
            post.tell(mails=False)
            began = time.monotonic()
            post.go_round()
            assert time.monotonic() - began < 20
        assert "did not answer" in post.log()[0].problem

    def test_one_that_is_not_there_is_told_so(self, post):
        with Receiver() as receiver:
            post.register(receiver.url)
        post.tell(mails=False)
        post.go_round()
        assert "could not be reached: Connection refused" in post.log()[0].problem

    def test_it_calls_no_address_that_is_not_public_though_it_is_registered(self, post):
        with Receiver() as receiver:
            post.register(receiver.url)
            post.tell(mails=False)
            post.go_round(networks=())
            assert receiver.calls == []
        assert "no public address" in post.log()[0].problem

    def test_a_name_that_leads_to_a_private_address_is_not_called(self, post, monkeypatch):
        """A name server under an instructor's control says 10.0.0.1; that one answer cannot be had from a real one."""
        with post.database.begin() as work:
            webhooks.register(work, post.instructor, post.course, "https://rebind.example.org/")
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 443))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        connected = []
        monkeypatch.setattr(socket, "create_connection", lambda *where, **__: connected.append(where))
        post.tell(mails=False)
        with Postman(post.database, WebhookSender()) as postman:
            # The database is reached by a socket of its own, which is there.
            postman.go_round()
        assert connected == []
        assert "10.0.0.1" in post.log()[0].problem

    def test_it_connects_to_the_address_that_was_checked_whatever_the_name_says_next(self, post, monkeypatch):
        with Receiver() as receiver:
            url = receiver.url.replace("127.0.0.1", "localhost")
            post.register(url)
            post.tell(mails=False)
            true, asked = socket.getaddrinfo, []

            def changes_its_mind(host, port, *rest, **options):
                if host != "localhost":
                    return true(host, port, *rest, **options)
                asked.append(host)
                address = "127.0.0.1" if len(asked) == 1 else "10.0.0.1"
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

            monkeypatch.setattr(socket, "getaddrinfo", changes_its_mind)
            post.go_round()
            assert len(receiver.calls) == 1 and len(asked) == 1

    @pytest.mark.parametrize(("name", "delivered"), [("localhost", True), ("example.org", False)])
    def test_a_certificate_is_held_against_the_name(self, post, tmp_path, monkeypatch, name, delivered):
        certificate = a_certificate(tmp_path, name)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with Receiver(certificate=certificate) as receiver:
            post.register(receiver.url.replace("http://127.0.0.1", "https://localhost"))
            post.tell(mails=False)
            post.go_round()
            assert len(receiver.calls) == delivered
        assert ("certificate" in post.log()[0].problem) is not delivered

    def test_one_that_speaks_no_tls_is_told_nothing(self, post):
        with Receiver() as receiver:
            networks = LOOPBACK
            with post.database.begin() as work:
                url = receiver.url.replace("http://", "https://")
                webhooks.register(work, post.instructor, post.course, url, networks)
            post.tell(mails=False)
            post.go_round()
            assert receiver.calls == []
        assert "could not be reached" in post.log()[0].problem


class TestMail:
    def test_a_letter_reaches_the_mailbox(self, post):
        with Mailbox() as mailbox:
            post.tell()
            post.go_round(mail=mail_at(mailbox.port))
        (letter,) = mailbox.letters
        assert mailbox.receivers == [["ada@example.org"]]
        assert letter["Subject"] == "[Natural Language] A tiny assignment: your submission was graded"
        assert letter["From"].addresses[0].addr_spec == "grader@example.org"
        assert f"https://g.example.org/submissions/{post.submission.id}" in letter.get_content()
        assert "(Europe/Istanbul)" in letter.get_content()
        assert post.log()[0].state is DeliveryState.DELIVERED

    def test_many_go_over_one_connection_and_each_has_its_own_end(self, post):
        with post.database.begin() as work:
            people = [
                builders.a_person(work, post.row, email=email, name=email.partition("@")[0])
                for email in ("bob@example.org", "nobody@example.org", "later@example.org", "cem@example.org")
            ]
            handed = [builders.a_submission(work, post.assignment, person) for person in people]
            for one in handed:
                notices.tell(work, NoticeKind.GRADED, course=CourseId(post.row.id), submission=str(one.id))
        with Mailbox() as mailbox:
            post.go_round(mail=mail_at(mailbox.port))
        assert {one[0] for one in mailbox.receivers} == {"bob@example.org", "cem@example.org"}
        found = {line.person: (line.state.value, line.problem) for line in post.log()}
        assert found["nobody@example.org"][0] == "given_up" and "550" in found["nobody@example.org"][1]
        assert found["later@example.org"][0] == "waiting" and "451" in found["later@example.org"][1]
        assert found["bob@example.org"] == ("delivered", "")

    def test_a_mail_server_that_is_away_loses_nothing(self, post):
        with Mailbox() as mailbox:
            port = mailbox.port
        post.tell()
        post.go_round(mail=mail_at(port))
        assert "could not be used: Connection refused" in post.log()[0].problem
        with Mailbox() as mailbox:
            post.later()
            post.go_round(mail=mail_at(mailbox.port))
        assert len(mailbox.letters) == 1

    def test_a_server_without_tls_is_told_nothing_where_tls_is_asked_for(self, post):
        with Mailbox() as mailbox:
            post.tell()
            post.go_round(mail=mail_at(mailbox.port, security="starttls"))
        assert mailbox.letters == []
        assert "STARTTLS" in post.log()[0].problem

    def test_a_name_that_would_add_a_receiver_adds_none(self, post):
        with post.database.begin() as work:
            evil = "Eve\r\nBcc: all@example.org\r\n\r\nHello"
            work.session.execute(
                text("UPDATE people SET name = :name WHERE id = :id"), {"name": evil, "id": post.student.id}
            )
            work.session.execute(text("UPDATE assignments SET title = :name"), {"name": evil})
        with Mailbox() as mailbox:
            post.tell()
            post.go_round(mail=mail_at(mailbox.port))
        (letter,) = mailbox.letters
        assert mailbox.receivers == [["ada@example.org"]]
        assert letter["Bcc"] is None
        assert letter.get_content().startswith("Hello Eve Bcc: all@example.org Hello,")


@pytest.fixture
def sweep():
    """A function that starts a sweep with these settings besides."""
    started = []

    def start(**settings):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
        command = [sys.executable, "-m", "worker.sweep", "--every", "0.2"]
        started.append(subprocess.Popen(command, env=clean | settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


SERVICE = {"GRADER_DATABASE_URL": "postgresql+psycopg://x/y", "GRADER_BROKER_URL": "redis://x"}
FROM = {"GRADER_MAIL_FROM": "grader@example.org"}


class TestSettings:
    def made(self, **environment):
        return sweep_settings(SERVICE | environment, every_s=None)

    def test_mail_is_off_unless_it_is_set(self):
        made = self.made()
        assert (made.mail, made.due_soon_h, made.networks) == (None, 24, ())

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("smtps://u@h", ("h", 465, "tls", "u", "")),
            ("smtp://u:p%40@h", ("h", 587, "starttls", "u", "p@")),
            ("smtp://h:2525?tls=no", ("h", 2525, "none", "", "")),
            ("smtp://h?tls=no", ("h", 25, "none", "", "")),
        ],
    )
    def test_addresses_of_mail_servers(self, url, expected):
        mail = self.made(GRADER_SMTP_URL=url, **FROM).mail
        assert (mail.host, mail.port, mail.security, mail.user, mail.password) == expected

    def test_the_password_may_be_in_a_file(self, tmp_path):
        (tmp_path / "p").write_text("secret?\n")
        given = {"GRADER_SMTP_URL": "smtps://u@h", "GRADER_SMTP_PASSWORD_FILE": str(tmp_path / "p")}
        assert self.made(**given, **FROM).mail.password == "secret?"

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"GRADER_SMTP_URL": "smtps://h"}, "GRADER_MAIL_FROM"),
            ({"GRADER_SMTP_URL": "https://h", **FROM}, "GRADER_SMTP_URL"),
            ({"GRADER_SMTP_URL": "smtp://", **FROM}, "GRADER_SMTP_URL"),
            ({"GRADER_SMTP_URL": "smtp://h:99999", **FROM}, "GRADER_SMTP_URL"),
            ({"GRADER_SMTP_URL": "smtp://h?tls=maybe", **FROM}, "GRADER_SMTP_URL"),
            ({"GRADER_SMTP_URL": "smtp://u:geheim@h?tls=no", **FROM}, "without TLS"),
            ({"GRADER_SMTP_URL": "smtps://h", "GRADER_MAIL_FROM": "A <a@b.c>"}, "GRADER_MAIL_FROM"),
            ({"GRADER_SMTP_URL": "smtps://h", "GRADER_MAIL_FROM": "a@b.c\r\nBcc: d@e.f"}, "GRADER_MAIL_FROM"),
            ({"GRADER_WEBHOOK_NETWORKS": "everywhere"}, "GRADER_WEBHOOK_NETWORKS"),
            ({"GRADER_DUE_SOON_H": "soon"}, "GRADER_DUE_SOON_H"),
            ({"GRADER_DUE_SOON_H": "1000"}, "GRADER_DUE_SOON_H"),
        ],
    )
    def test_what_cannot_be_used_is_told_and_no_password_with_it(self, given, named):
        with pytest.raises(BadWorkerSettings, match=named) as refused:
            self.made(**given)
        assert "geheim" not in str(refused.value)


def test_the_sweep_as_a_process_delivers_and_stops(post, sweep):
    with Receiver() as receiver, Mailbox() as mailbox:
        made = post.register(receiver.url)
        post.tell()
        process = sweep(
            GRADER_DATABASE_URL=post.database.url, GRADER_BROKER_URL="redis://127.0.0.1:1/0",
            GRADER_SMTP_URL=f"smtp://127.0.0.1:{mailbox.port}?tls=no", GRADER_MAIL_FROM="grader@example.org",
            GRADER_WEBHOOK_NETWORKS="127.0.0.0/8",
        )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until and {line.state for line in post.log()} != {DeliveryState.DELIVERED}:
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert [len(receiver.calls), len(mailbox.letters)] == [1, 1]
    assert Webhook(made.secret).verify(receiver.calls[0].body, receiver.calls[0].headers)


def test_a_fault_of_ours_in_one_round_does_not_end_the_rounds(post):
    class Breaks:
        def send(self, parcel):
            raise RuntimeError("a fault of ours")

    rounds = []
    with Receiver() as receiver:
        post.register(receiver.url)
        post.tell(mails=False)
        with Postman(post.database, Breaks()) as postman:
            postman.go_rounds(0.01, lambda pause: rounds.append(pause) or len(rounds) >= 2)
    assert len(rounds) == 2
    # Its lease gives it to the next who looks.
    assert post.log()[0].state is DeliveryState.WAITING


def test_channels_are_counted(post):
    ended = []
    with Receiver(500) as receiver:
        post.register(receiver.url)
        post.tell(mails=False)
        told = lambda channel, delivered: ended.append((channel, delivered))  # noqa: E731
        with Postman(post.database, WebhookSender(LOOPBACK), ended=told) as postman:
            postman.go_round()
    assert ended == [(Channel.WEBHOOK, False)]
