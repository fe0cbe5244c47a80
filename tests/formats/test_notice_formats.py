"""What webhooks and mailboxes are sent, checked by the standard's own library and by Python's mail parser."""

from __future__ import annotations

import email.policy
import json
import re
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from grader.domain.ids import PersonId
from grader.domain.notices import Channel, NoticeKind, Parcel
from grader.formats.letters import letter_of
from grader.formats.webhooks import body_of, secret_of, signed_headers
from worker.mail import MailSettings, message_of

SECRET = secret_of(b"k" * 32)
NOTICE = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


def a_parcel(**overrides):
    values = {
        "id": UUID(int=7), "notice": NOTICE, "kind": NoticeKind.GRADED, "channel": Channel.EMAIL, "attempt": 1,
        "until": datetime(2026, 3, 6, tzinfo=UTC), "happened_at": datetime(2026, 3, 2, 20, 0, tzinfo=UTC),
        "course_title": "Deep Learning", "time_zone": "Europe/Istanbul", "assignment_title": "Practical 2",
        "due_at": datetime(2026, 3, 2, 20, 59, 59, tzinfo=UTC), "received_at": datetime(2026, 3, 2, 19, 58, tzinfo=UTC),
        "data": {"course": "cmp784", "assignment": "p2", "submission": "s-1", "state": "graded"},
        "person": PersonId(1), "name": "Ada Lovelace", "email": "ada@example.org",
    }  # fmt: skip
    return Parcel(**(values | overrides))


SETTINGS = MailSettings(
    host="h",
    port=25,
    security="none",
    user="",
    password="",
    sender="grader@example.org",
    public_url="https://g.example.org",
)


class TestSignatures:
    def test_the_library_of_the_standard_takes_ours(self):
        body = body_of(a_parcel())
        headers = signed_headers(SECRET, str(NOTICE), body, datetime.now(UTC))
        assert Webhook(SECRET).verify(body, headers) == json.loads(body)

    @pytest.mark.parametrize("change", ["body", "id", "time", "secret"])
    def test_and_takes_nothing_that_was_changed(self, change):
        body = body_of(a_parcel())
        headers = signed_headers(SECRET, str(NOTICE), body, datetime.now(UTC))
        other = secret_of(b"x" * 32) if change == "secret" else SECRET
        if change == "body":
            body = body.replace(b"graded", b"grated")
        if change == "id":
            headers["webhook-id"] = "another"
        if change == "time":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
        with pytest.raises(WebhookVerificationError):
            Webhook(other).verify(body, headers)

    def test_what_the_documentation_tells_receivers_to_do_works(self):
        page = (Path(__file__).parents[2] / "docs" / "notices.md").read_text(encoding="utf-8")
        (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "def is_ours" in block]
        told: dict = {}
        exec(code, told)
        body = body_of(a_parcel())
        headers = signed_headers(SECRET, str(NOTICE), body, datetime.now(UTC))
        assert told["is_ours"](SECRET, headers, body)
        assert not told["is_ours"](SECRET, headers, body + b" ")
        assert not told["is_ours"](secret_of(b"x" * 32), headers, body)
        late = signed_headers(SECRET, str(NOTICE), body, datetime.now(UTC) - timedelta(minutes=6))
        assert not told["is_ours"](SECRET, late, body)

    def test_the_example_of_the_specifications_own_tests(self):
        at = datetime.fromtimestamp(1614265330, UTC)
        secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
        headers = signed_headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, at)
        assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    def test_the_body_holds_kind_time_ids_and_a_state_and_nothing_else(self):
        told = json.loads(body_of(a_parcel()))
        assert told == {
            "type": "submission.graded",
            "timestamp": "2026-03-02T20:00:00Z",
            "data": {"course": "cmp784", "assignment": "p2", "submission": "s-1", "state": "graded"},
        }


class TestLetters:
    @pytest.mark.parametrize(
        ("overrides", "subject", "words"),
        [
            ({}, "Practical 2: your submission was graded", "https://g.example.org/submissions/s-1"),
            ({"data": {"state": "rejected", "submission": "s-1"}}, "could not be graded", "says why"),
            ({"kind": NoticeKind.REGRADE_ANSWERED}, "regrade request was answered", "with its reason"),
            ({"kind": NoticeKind.ITEMS_RELEASED}, "what persons graded was released", "https://g.example.org/submissions/s-1"),
            ({"kind": NoticeKind.DUE_SOON, "received_at": None}, "due Mon 2 Mar 2026, 23:59 (Europe/Istanbul)", "https://g.example.org/assignments/p2"),
        ],
    )  # fmt: skip
    def test_each_says_what_happened_when_and_where_to_look(self, overrides, subject, words):
        letter = letter_of(a_parcel(**overrides), "https://g.example.org")
        assert letter.subject.startswith("[Deep Learning] ")
        assert subject in letter.subject
        assert words in letter.text
        assert "https://g.example.org/mail" in letter.text

    def test_times_are_by_the_courses_clock(self):
        assert "Mon 2 Mar 2026, 22:58 (Europe/Istanbul)" in letter_of(a_parcel(), "x").text

    @pytest.mark.parametrize(
        "evil", ["A\r\nBcc: all@example.org", "A\nX: y", "A\x00B", "A\u2028Bcc: x", "=?utf-8?q?x?=", '"A" <x@y.z>, B']
    )
    def test_no_title_or_name_makes_a_header_or_a_receiver(self, evil):
        message = message_of(a_parcel(course_title=evil, assignment_title=evil, name=evil), SETTINGS)
        sent = message_from_bytes(message.as_bytes(), policy=email.policy.default)
        assert sorted(sent.keys()) == sorted(message.keys())
        assert sent["Bcc"] is None and sent["X"] is None
        assert [one.addr_spec for one in sent["To"].addresses] == ["ada@example.org"]

    @pytest.mark.parametrize("address", ["a@example.org\r\nBcc: x@y.z", "a@b.org, c@d.org", "a@b.org\n"])
    def test_an_address_that_is_more_than_one_makes_no_letter(self, address):
        with pytest.raises(ValueError):
            message_of(a_parcel(email=address), SETTINGS)

    def test_it_is_plain_text_and_says_that_a_machine_wrote_it(self):
        message = message_of(a_parcel(name="Çağrı İnönü"), SETTINGS)
        sent = message_from_bytes(message.as_bytes(), policy=email.policy.default)
        assert sent.get_content_type() == "text/plain"
        assert sent["Auto-Submitted"] == "auto-generated"
        assert sent["Message-ID"] == f"<{UUID(int=7)}@example.org>"
        assert sent["To"].addresses[0].display_name == "Çağrı İnönü"
        assert "Hello Çağrı İnönü," in sent.get_content()
