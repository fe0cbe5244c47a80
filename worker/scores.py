"""Scores to learning platforms: a token by a signed assertion, and then one request for each score.

A platform that does not answer is left alone for a minute: what else waits for it would only hold up everybody's mail.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from grader.domain.errors import GraderError
from grader.domain.lti import Platform, ScoreToSend, scores_address
from grader.domain.notices import Outcome, Parcel
from grader.formats.ags import SCORE_TYPE, score_body
from grader.kit import guarded
from grader.kit.destinations import BadDestination, Network
from grader.kit.text import one_line
from grader.service.lti import keys, scores, tokens
from grader.storage.database import Database

_AWAY_S = 60.0
# A token is asked for anew before the platform could think it too old.
_SPARE_S = 60.0
# Later, or with another timestamp or token, these may be taken: all others from 400 to 499 never are.
_MAY_WORK = frozenset({401, 408, 409, 425, 429})


class ScoreSender:
    """Safe to use from several threads. `networks` are those that may be reached though they are not public."""

    def __init__(self, database: Database, key_file: Path, networks: Sequence[Network] = ()) -> None:
        self._database = database
        self._key_file = key_file
        self._networks = tuple(networks)
        self._lock = threading.Lock()
        self._tokens: dict[int, tuple[float, str]] = {}
        self._away: dict[int, tuple[float, str]] = {}

    def look(self) -> None:
        """Put what has changed into the outbox. Raises DatabaseBusy."""
        with self._database.begin() as work:
            scores.look(work)

    def send(self, parcel: Parcel) -> Outcome:
        """How it went. What the platform says of a score is kept before this returns. Raises DatabaseBusy."""
        assert parcel.person is not None
        with self._database.begin() as work:
            sent = scores.to_send(work, int(parcel.data["link"]), parcel.person)
        if sent is None:
            return Outcome(problem="There is nothing to send any more.", is_final=True)
        outcome = self._tried(sent)
        with self._database.begin() as work:
            if not outcome.problem:
                scores.taken(work, sent)
            elif outcome.is_final:
                scores.refused(work, sent, outcome.problem)
        return outcome

    def _tried(self, sent: ScoreToSend) -> Outcome:
        with self._lock:
            until, problem = self._away.get(sent.platform.id, (0.0, ""))
        if time.monotonic() < until:
            return Outcome(problem=problem)
        try:
            answer = self._posted(sent, self._token(sent.platform))
            if answer.status_code == 401:
                # It may have forgotten the token before its time.
                answer = self._posted(sent, self._token(sent.platform, is_fresh=True))
        except (GraderError, BadDestination, OSError) as error:
            return self._is_away(sent.platform, one_line(str(error), limit=300))
        status = answer.status_code
        if 200 <= status < 300:
            return Outcome()
        said = f"The platform answered {status}."
        if status >= 500 or status < 400:
            return self._is_away(sent.platform, said)
        return Outcome(problem=said, is_final=status not in _MAY_WORK)

    def _posted(self, sent: ScoreToSend, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": SCORE_TYPE, "User-Agent": "grader-lti/1"}
        return guarded.ask(
            "POST", scores_address(sent.line_item), self._networks, headers=headers, content=score_body(sent)
        )

    def _token(self, platform: Platform, *, is_fresh: bool = False) -> str:
        with self._lock:
            until, token = self._tokens.get(platform.id, (0.0, ""))
        if time.monotonic() < until and not is_fresh:
            return token
        token, lasts_s = tokens.access_token(platform, keys.signing_key(self._key_file), self._networks)
        with self._lock:
            self._tokens[platform.id] = (time.monotonic() + lasts_s - _SPARE_S, token)
        return token

    def _is_away(self, platform: Platform, problem: str) -> Outcome:
        with self._lock:
            self._away[platform.id] = (time.monotonic() + _AWAY_S, problem)
        return Outcome(problem=problem)
