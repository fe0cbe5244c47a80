"""E-mail through an SMTP server that the operator names.

A header is only ever made by `email`'s own classes, which refuse a line's end in a value, from words that are one line
already; addresses were checked when the person was made.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from grader.domain.notices import Outcome, Parcel
from grader.formats.letters import letter_of
from grader.kit.text import one_line

# Each wait for the server; a letter takes four of them.
_PATIENCE_S = 10.0
# After this no further letter is begun: what was taken along is let go of before its lease is over.
_ALTOGETHER_S = 60.0
_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """`security` is "tls" from the start, "starttls", or "none" for a relay on the same machine or network."""

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str
    public_url: str


class Mailer:
    """Sends letters, as many as there are over one connection."""

    def __init__(self, settings: MailSettings, *, patience_s: float = _PATIENCE_S) -> None:
        self._settings = settings
        self._patience_s = patience_s

    def send(self, parcels: Sequence[Parcel]) -> list[Outcome]:
        """How each went, of as many as there was time for.

        A server that cannot be reached fails those that were not sent yet.
        """
        outcomes: list[Outcome] = []
        until = time.monotonic() + _ALTOGETHER_S
        try:
            with self._connected() as server:
                outcomes.extend(self._sent(server, parcel) for parcel in parcels if time.monotonic() < until)
                return outcomes
        except (OSError, smtplib.SMTPException) as error:
            problem = f"The mail server could not be used: {_reason(error)}."
            return outcomes + [Outcome(problem=problem)] * (len(parcels) - len(outcomes))

    def _connected(self) -> smtplib.SMTP:
        settings, context = self._settings, ssl.create_default_context()
        if settings.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=self._patience_s, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=self._patience_s)
        try:
            if settings.security == "starttls":
                server.starttls(context=context)
            if settings.user:
                server.login(settings.user, settings.password)
        except BaseException:
            server.close()
            raise
        return server

    def _sent(self, server: smtplib.SMTP, parcel: Parcel) -> Outcome:
        """Raises OSError, SMTPException where the connection itself is of no more use."""
        try:
            message = message_of(parcel, self._settings)
        except (ValueError, MessageError) as error:
            return Outcome(problem=f"No letter can be made for this address: {_reason(error)}.", is_final=True)
        try:
            server.send_message(message, from_addr=self._settings.sender, to_addrs=[parcel.email])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return _refused(code, said)
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            return _refused(error.smtp_code, error.smtp_error)
        except smtplib.SMTPNotSupportedError as error:
            return Outcome(problem=f"The mail server cannot take this address: {_reason(error)}.", is_final=True)
        return Outcome()


def message_of(parcel: Parcel, settings: MailSettings) -> EmailMessage:
    """The letter as it travels: plain text, told apart from people's own by Auto-Submitted.

    Raises:
        ValueError, MessageError: an address or a word cannot stand in a header.

    """
    letter = letter_of(parcel, settings.public_url)
    domain = settings.sender.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name="Grader", addr_spec=settings.sender)
    name = one_line(parcel.name, limit=_LONGEST_NAME)
    message["To"] = Address(display_name=name, addr_spec=parcel.email)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(parcel.happened_at)
    # The same however often it is tried, so that a mailbox that has it shows it once.
    message["Message-ID"] = f"<{parcel.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Grader-Notice"] = str(parcel.notice)
    message["List-Unsubscribe"] = f"<{settings.public_url}/mail>"
    message.set_content(letter.text)
    return message


def _refused(code: int, said: bytes | str) -> Outcome:
    words = one_line(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, limit=200)
    # From 500 on the server says that it will not take it tomorrow either.
    return Outcome(problem=f"The mail server refused it: {code} {words}", is_final=code >= 500)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "it does not take our user and password"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return one_line(str(error), limit=200) or type(error).__name__
