"""A score as LTI's Assignment and Grade Services 2.0 writes it."""

from __future__ import annotations

import json
from datetime import UTC

from grader.domain.lti import ScoreToSend

SCORE_TYPE = "application/vnd.ims.lis.v1.score+json"


def score_body(sent: ScoreToSend) -> bytes:
    """The body of the request. Without a score, what the platform has is taken back."""
    about: dict[str, object] = {
        "userId": sent.subject,
        "timestamp": sent.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "comment": "",
    }
    if sent.score is None:
        about |= {"activityProgress": "Initialized", "gradingProgress": "NotReady"}
    else:
        about |= {"activityProgress": "Completed", "gradingProgress": "FullyGraded"}
        # The standard knows no negative ones, and more than the maximum is extra credit.
        about |= {"scoreGiven": max(0.0, sent.score), "scoreMaximum": sent.max_score}
    return json.dumps(about).encode()
