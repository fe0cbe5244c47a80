"""Where a page of submissions goes on: the cursor that the page before gave."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from grader.domain.errors import BadRequest
from grader.domain.submission import Submission


def cursor_of(submission: Submission) -> str:
    """What a list that goes on after this submission begins with."""
    place = json.dumps([submission.received_at.isoformat(), submission.id])
    return base64.urlsafe_b64encode(place.encode()).decode()


def place_in(cursor: str) -> tuple[datetime, UUID] | None:
    """When the last one of the page before came in, and its id; None at the beginning. Raises BadRequest."""
    if not cursor:
        return None
    try:
        moment, identity = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
        place = datetime.fromisoformat(moment), UUID(identity)
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise BadRequest("The cursor is not one that a page before gave; begin without one.") from error
    if place[0].tzinfo is None:
        raise BadRequest("The cursor is not one that a page before gave; begin without one.")
    return place
