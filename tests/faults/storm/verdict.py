"""What must be true when the storm is over and everything is mended. Each problem is a sentence; none is what we want."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import text

from grader.domain.errors import DatabaseBusy
from grader.domain.gradebook import GradebookQuery
from grader.engine.sandbox.bwrap import BwrapBackend
from grader.kit.digest import sha256_of
from grader.service import accounts, assignments, gradebook, submissions
from grader.service.submissions import SubmissionQuery
from grader.storage.blobs import Blobs
from tests.faults.storm.site import TEACHER, Site, descendants
from tests.faults.storm.stream import WORKS, Stream
from worker.lifecycle import reap_folders

_LOOK_S = 0.5
# Where we have no word: Python that starts, Celery that reads, and a grading that meets it in the middle.
_NO_HANDLES = "OSError: [Errno 24] Too many open files"
# What Python itself says beside it, when it tidies an event loop that got no handles for its pair of sockets.
_TIDIED = "has no attribute '_ssock'"
# Longer ago than a file on its way in may be left alone.
_LONG_AGO_S = 7200


class Outcome(NamedTuple):
    """What a run came to, in what a student can see."""

    state: str
    score: float | None
    checks: tuple[tuple[str, str, float, str], ...]


def watch(stream: Stream, stopped) -> None:
    """Note when each hand-in was graded, and in how many tries, until it is time to stop."""
    while not stopped.wait(_LOOK_S):
        look(stream)


def look(stream: Stream) -> None:
    """One look at all that is under way."""
    waiting = stream.under_way()
    if not waiting:
        return
    query = text(
        "SELECT r.submission_id::text AS submission, r.state, s.stage, s.attempts FROM runs r JOIN run_stages s ON "
        "s.run_id = r.id WHERE r.submission_id::text = ANY(:ids)"
    )
    try:
        with stream.site.database.begin() as work:
            rows = work.session.execute(query, {"ids": [one.submission for one in waiting]}).all()
    except DatabaseBusy:
        return
    for one in waiting:
        own = [row for row in rows if row.submission == one.submission]
        if own and {row.state for row in own} <= {"graded", "rejected"}:
            one.tries = {row.stage: row.attempts for row in own}
            one.graded_at = time.monotonic()


def drained(site: Site) -> dict[str, int]:
    """What still waits, is graded, or has failed; empty when the queue is."""
    query = text("SELECT state, count(*) AS runs FROM runs WHERE state NOT IN ('graded', 'rejected') GROUP BY state")
    try:
        with site.database.begin() as work:
            return {row.state: row.runs for row in work.session.execute(query)}
    except DatabaseBusy:
        return {"unknown": 1}


def outcomes(site: Site, submission: str) -> list[Outcome]:
    """Of each of its runs."""
    with site.database.begin() as work:
        reader = accounts.reader_for(work, accounts.find_person(work, TEACHER).id)
        runs = submissions.runs_of(work, reader, submissions.find(work, reader, submission))
    return [
        Outcome(
            run.state.value, run.score,
            tuple((str(one.id), one.status.value, one.points, one.message) for one in run.checks),
        )
        for run in runs
    ]  # fmt: skip


def problems_of_receipts(site: Site, stream: Stream, right: dict[str, Outcome]) -> list[str]:
    """One run for every receipt, equal to the fault-free one; reruns a teacher asked for, equal too."""
    found = []
    asked = _audited(site)
    for one in stream.hand_ins:
        if not one.submission:
            continue
        came_to = outcomes(site, one.submission)
        if len(came_to) != 1 + asked.get(one.submission, 0):
            found.append(f"{one.key} ({one.work}) has {len(came_to)} runs, {asked.get(one.submission, 0)} asked for")
        found += [
            f"{one.key} ({one.work}, tries {one.tries}) came to {outcome}, without faults {right[one.work]}"
            for outcome in came_to
            if outcome != right[one.work]
        ]
    return found


def problems_of_rows(site: Site, stream: Stream) -> list[str]:
    """Submissions without a receipt are whole; nothing waits or is held; bytes are there; the trail adds up."""
    found = []
    by_digest = {sha256_of(content): name for name, content in WORKS.items()}
    receipts = {one.submission for one in stream.hand_ins if one.submission}
    keys = {one.key: one for one in stream.hand_ins}
    with site.database.begin() as work:
        rows = work.session.execute(
            text("SELECT id::text AS id, sha256, size_bytes, idempotency_key, owner FROM submissions")
        ).all()
        states = work.session.execute(text("SELECT state, count(*) AS many FROM run_stages GROUP BY state")).all()
        runless = work.session.execute(
            text("SELECT count(*) FROM submissions s WHERE NOT EXISTS (SELECT 1 FROM runs WHERE submission_id = s.id)")
        ).scalar_one()
        unfinished = work.session.execute(
            text("SELECT count(*) FROM runs WHERE state NOT IN ('graded', 'rejected')")
        ).scalar_one()
    there = {row.id for row in rows}
    found += [f"the receipt {lost} has no submission" for lost in sorted(receipts - there)]
    for row in rows:
        name, known = by_digest.get(row.sha256), keys.get(row.idempotency_key)
        if name is None or len(WORKS[name]) != row.size_bytes or not site.blobs.has(row.sha256):
            found.append(f"submission {row.id} is not whole")
        if known is None or known.work != name:
            found.append(f"submission {row.id} ({name}) came under the key {row.idempotency_key} of {known}")
        if row.id not in receipts and (known is None or known.trick == ""):
            found.append(f"submission {row.id} has no receipt, and nobody broke its upload off")
    found += [f"{row.many} stages are {row.state}" for row in states if row.state != "done"]
    found += [f"{runless} submissions have no run"] * bool(runless) + [f"{unfinished} runs are open"] * bool(unfinished)
    # A rerun that finds one waiting is answered with that one, and not noted; those that made a run are.
    asked = sum(_audited(site).values())
    if asked > stream.reruns_sent:
        found.append(f"reruns were asked for {stream.reruns_sent} times, and the trail names {asked}")
    return found


def problems_of_gradebook(site: Site, right: dict[str, Outcome]) -> list[str]:
    """Each student's entry is that of their newest submission."""
    by_digest = {sha256_of(content): name for name, content in WORKS.items()}
    newest: dict[str, tuple[int, str]] = {}
    with site.database.begin() as work:
        reader = accounts.reader_for(work, accounts.find_person(work, TEACHER).id)
        cursor = ""
        while True:
            page = submissions.list_submissions(work, reader, SubmissionQuery(limit=200, cursor=cursor))
            for line in page.lines:
                email, number = line.submission.person.email, line.submission.number
                if number > newest.get(email, (0, ""))[0]:
                    newest[email] = number, by_digest[line.submission.sha256]
            cursor = page.next_cursor
            if not cursor:
                break
        assignment = assignments.offered(work, reader, site.slug)
        book = gradebook.page(work, reader, assignment, GradebookQuery(limit=200))
    shown = {row.person.email: row.score for row in book.rows if row.person.email in newest}
    deserved = {email: right[work].score for email, (_, work) in newest.items()}
    return [] if shown == deserved else [f"the gradebook shows {shown}, but what counts is {deserved}"]


def problems_of_leftovers(site: Site) -> list[str]:
    """After everything was told to stop: what is left that neither reaping nor tidying takes."""
    BwrapBackend().reap()
    reap_folders(site.folder / "tmp")
    found = [f"a control group {name} is left" for name in site.groups()]
    own = [line for line in mounts() if str(site.folder) in line]
    found += [f"a mount is left: {line}" for line in own if not line.endswith(str(site.disk))]
    for pid in (path.name for path in Path("/proc").iterdir() if path.name.isdigit()):
        try:
            about = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if str(site.folder).encode() in about and int(pid) not in _servers(site):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
            found.append(f"a process is left: {command}")
    incoming = site.disk / "blobs" / "incoming"
    for path in incoming.glob("*"):
        os.utime(path, (time.time() - _LONG_AGO_S,) * 2)
    Blobs(site.blobs.url).put(b"tidies what was left long ago")
    found += [f"the blob store keeps {path.name}" for path in incoming.glob("*")]
    found += [f"a temporary folder is left: {path.name}" for path in sorted((site.folder / "tmp").iterdir())]
    return found


def problems_of_logs(site: Site) -> list[str]:
    """Tracebacks, by what they end with."""
    found: dict[str, int] = {}
    for log in site.logs:
        for last in tracebacks(log.read_text(errors="replace")):
            found[f"{log.name}: {last}"] = found.get(f"{log.name}: {last}", 0) + 1
    return [f"{many} tracebacks in {what}" for what, many in found.items()]


def tracebacks(text: str) -> list[str]:
    """The last line of each. Those for want of a file handle are expected, and what Python says of them."""
    # Some formats keep an exception in its line.
    entries = re.split(r"(?m)^(?=\d{4}-\d\d-\d\dT|Traceback )", text.replace("\\n", "\n"))
    blocks = [entry.partition("Traceback (most recent call last)")[2] for entry in entries]
    return [block.strip().splitlines()[-1][:200] for block in blocks if block and not _is_for_want_of_handles(block)]


def _is_for_want_of_handles(block: str) -> bool:
    return _NO_HANDLES in block or _TIDIED in block


def mounts() -> list[str]:
    return [" ".join(line.split()[3:5]) for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _servers(site: Site) -> set[int]:
    """PostgreSQL, Redis and their leashes, which go later; and ourselves."""
    return {os.getpid(), *descendants(os.getpid())}


def _audited(site: Site) -> dict[str, int]:
    query = text(
        "SELECT subject, count(*) AS many FROM audit_events WHERE action = 'rerun submission' GROUP BY subject"
    )
    with site.database.begin() as work:
        return {row.subject.removeprefix("submission:"): row.many for row in work.session.execute(query)}


def as_text(right: dict[str, Outcome]) -> str:
    return json.dumps({name: outcome.score for name, outcome in right.items()})


def facts(stream: Stream) -> dict[str, Any]:
    """Counts for the report."""
    graded = [one for one in stream.hand_ins if one.graded_at]
    return {
        "hand_ins": len(stream.hand_ins),
        "receipts": sum(1 for one in stream.hand_ins if one.submission),
        "sendings": sum(one.sendings for one in stream.hand_ins),
        "tries": sum(sum(one.tries.values()) - len(one.tries) for one in graded),
        "most_tries": max((max(one.tries.values()) for one in graded if one.tries), default=0),
    }
