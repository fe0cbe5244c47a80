"""Which platforms know a person, and letting that end."""

from __future__ import annotations

from grader.domain.course import Reader, Scope
from grader.domain.errors import NeedsRole, UnknownThing
from grader.domain.ids import PersonId
from grader.domain.lti import Connection
from grader.service import audit
from grader.storage.database import Work
from grader.storage.repositories import lti


def mine(work: Work, reader: Reader) -> list[Connection]:
    """Platforms from which the reader may come. Scope read."""
    reader.require_scope(Scope.READ)
    return lti.connections(work, reader.id)


def disconnect(work: Work, reader: Reader, platform: int, person: PersonId) -> None:
    """Let a platform know a person no more: it opens their account, and gets their scores, no longer. Audited.

    Oneself, or administrators; scope manage. Whoever comes from there next is asked again who they are, unless the
    platform is trusted for e-mail.

    Raises:
        NeedsRole, NeedsScope.
        UnknownThing: the platform does not know them.

    """
    reader.require_scope(Scope.MANAGE)
    if reader.id != person and not reader.person.is_admin:
        raise NeedsRole("Only administrators may do this for somebody else.")
    if not lti.unlink_person(work, platform, person):
        raise UnknownThing("The platform does not know this person.")
    audit.note(work, reader, "disconnect platform", f"person:{person}", str(platform))
