"""What is written under a lease: whole, in order, by its holder alone, whatever text it holds."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import event, text

from grader.domain.check import CheckStatus, Stage
from grader.domain.errors import LeaseLost
from grader.domain.grading import ProgressKind
from grader.domain.run import RunFacts, RunStatus
from grader.domain.submission import Upload
from grader.service import progress, runs, submissions
from grader.storage.repositories import events
from tests.builders import a_course, a_person, a_plan, a_reader, a_result, an_assignment
from tests.service.test_queue_claims import expire
from tests.service.test_queue_stages import a_report, claim, finish

HOSTILE = "a\x00b\ud800c"
SHOWN = "a\ufffdb\ufffdc"


@pytest.fixture
def handed_in(database):
    """Hand in so many submissions by one student; (reader, receipts)."""

    def make(number: int = 1, name: str = "model.py"):
        with database.begin() as work:
            course = a_course(work)
            assignment = an_assignment(work, course)
            reader = a_reader(a_person(work, course), course)
        receipts = []
        for one in range(number):
            with database.begin() as work:
                upload = Upload(name=name, sha256=f"{one:064x}", size_bytes=10)
                receipts.append(submissions.receive(work, reader, assignment, upload))
        return reader, receipts

    return make


def everything(database) -> list[tuple]:
    query = text(
        "SELECT r.state, r.score, s.stage, s.state AS stage_state, s.attempts FROM runs r JOIN run_stages s ON "
        "s.run_id = r.id ORDER BY r.created_at, s.created_at"
    )
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_late_worker_neither_finishes_nor_gives_up_what_is_anothers(database, handed_in):
    handed_in()
    late = claim(database)
    expire(database, late)
    with database.begin() as work:
        runs.sweep(work)
    now = claim(database)
    before = everything(database)
    for write in (
        lambda work: runs.finish_stage(work, late.lease, a_report(Stage.GATE, Stage.UNIT)),
        lambda work: runs.finish_stage(work, late.lease, a_report(status=RunStatus.FAILED)),
        lambda work: runs.give_up_stage(work, late.lease, "late", again=False),
        lambda work: runs.pass_gate(work, late.lease),
    ):
        with pytest.raises(LeaseLost), database.begin() as work:
            write(work)
    with database.begin() as work:
        runs.put_back(work, late.lease)
    assert everything(database) == before
    finish(database, now.lease, a_report(Stage.GATE, Stage.UNIT))


def test_a_report_that_failed_by_our_fault_is_tried_again_and_never_goes_on(database, handed_in):
    handed_in()
    for attempt in range(1, runs.MAX_ATTEMPTS + 1):
        finish(database, claim(database).lease, a_report(status=RunStatus.FAILED, message="no sandbox"))
        is_last = attempt == runs.MAX_ATTEMPTS
        state, stage_state = ("failed", "failed") if is_last else ("grading", "waiting")
        assert everything(database) == [(state, None, "gate", stage_state, attempt)]
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE run_stages SET not_before = clock_timestamp()"))


def test_two_sweeps_at_once_put_each_stage_back_once(database, handed_in):
    handed_in(8)
    for _ in range(8):
        expire(database, claim(database))
    start = threading.Barrier(4)

    def sweep(_: int) -> int:
        start.wait()
        with database.begin() as work:
            return runs.sweep(work)["expired"]

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(sweep, range(4))) == 8
    assert {row[3:] for row in everything(database)} == {("waiting", 1)}


class TestTextThatPostgresqlCannotKeep:
    def test_of_a_result(self, database, handed_in):
        reader, (receipt,) = handed_in()
        lease = claim(database).lease
        hostile = a_result(a_plan()[0], message=HOSTILE, output=HOSTILE, detail=HOSTILE)
        with database.begin() as work:
            runs.record_checks(work, lease, [hostile])
        with database.begin() as work:
            (result,) = submissions.latest_run(work, reader, submissions.find(work, reader, receipt.id)).checks
        assert (result.message, result.output) == (SHOWN, SHOWN)

    def test_of_a_report(self, database, handed_in):
        reader, (receipt,) = handed_in()
        report = replace(
            a_report(status=RunStatus.REJECTED, message=HOSTILE),
            notes=(HOSTILE,),
            facts=RunFacts(files=((HOSTILE, "read", HOSTILE),)),
        )
        finish(database, claim(database).lease, report)
        with database.begin() as work:
            run = submissions.latest_run(work, reader, submissions.find(work, reader, receipt.id))
        assert (run.state, run.message, run.notes) == ("rejected", SHOWN, (SHOWN,))

    def test_of_a_problem(self, database, handed_in):
        handed_in()
        with database.begin() as work:
            runs.give_up_stage(work, claim(database).lease, HOSTILE, again=False)
        assert everything(database)[0][0] == "failed"

    def test_of_a_file_name(self, handed_in):
        _, (receipt,) = handed_in(name=f"{HOSTILE}.py")
        assert receipt.file == f"{SHOWN}.py"


def a_picture(check: str, name: str) -> runs.ArtifactToKeep:
    return runs.ArtifactToKeep(check=check, name=name, kind="picture", title=name, sha256="ab" * 32, size_bytes=3)


def pictures_of(database, reader, receipt) -> set[tuple[str, str]]:
    with database.begin() as work:
        run = submissions.latest_run(work, reader, submissions.find(work, reader, receipt.id))
    return {(artifact.check, artifact.name) for artifact in run.artifacts}


def test_what_an_earlier_try_drew_goes_with_its_results(database, handed_in):
    reader, (receipt,) = handed_in()
    gate, one, two, _ = a_plan()
    first = claim(database).lease
    drawn = [a_picture(one.id, "old"), a_picture(one.id, "both"), a_picture(two.id, "old")]
    with database.begin() as work:
        runs.record_checks(work, first, [a_result(one, CheckStatus.FAILED), a_result(two)], drawn)
        runs.put_back(work, first)
    assert pictures_of(database, reader, receipt) == {(one.id, "old"), (one.id, "both"), (two.id, "old")}
    second = claim(database).lease
    with database.begin() as work:
        runs.record_checks(work, second, [a_result(gate), a_result(one)], [a_picture(one.id, "both")])
    with database.begin() as work:
        runs.finish_stage(
            work, second, replace(a_report(Stage.GATE, Stage.UNIT), checks=(a_result(gate), a_result(one)))
        )
    assert pictures_of(database, reader, receipt) == {(one.id, "both")}


def test_whoever_reads_events_while_they_are_written_misses_none(database, handed_in):
    """Six writers and a reader that goes on from the largest id it has seen."""
    _, (receipt,) = handed_in()
    run = claim(database).lease.run
    start = threading.Barrier(7)
    written = threading.Event()

    def write(name: int) -> None:
        start.wait()
        for number in range(15):
            with database.begin() as work:
                events.tell(work, receipt.id, run, [(ProgressKind.CHECK, f"{name}-{number}", {})])

    def read() -> list[str]:
        start.wait()
        seen, last = [], 0
        while True:
            is_last_look = written.is_set()
            with database.begin() as work:
                for found in progress.events_after(work, receipt.id, last):
                    assert found.id > last
                    last = found.id
                    seen.append(found.check)
            if is_last_look:
                return seen

    with ThreadPoolExecutor(7) as threads:
        reader = threads.submit(read)
        list(threads.map(write, range(6)))
        written.set()
        seen = reader.result()
    assert sorted(check for check in seen if check) == sorted(f"{name}-{n}" for name in range(6) for n in range(15))


def test_a_claim_reads_one_row_of_the_queue_however_long_it_is(database, handed_in):
    """The very statement of a claim, explained over 5,000 waiting stages: no sort, one entry of the index."""
    handed_in()
    more = text(
        "WITH run AS (INSERT INTO runs (id, submission_id, spec_version_id, reason, seed, max_score) "
        "SELECT gen_random_uuid(), submission_id, spec_version_id, 'upload', 's', 5 FROM runs, generate_series(1, 5000) "
        "RETURNING id) INSERT INTO run_stages (run_id, stage, assignment_id, owner, queue, turn) "
        "SELECT id, 'gate', (SELECT id FROM assignments), 'p1', 'cpu', 2000000000 + random() * 1000 FROM run"
    )
    with database.engine.begin() as connection:
        connection.execute(more)
        connection.execute(text("ANALYZE run_stages"))
    statements = []
    event.listen(
        database.engine, "before_cursor_execute", lambda c, cursor, sql, given, *_: statements.append((sql, given))
    )
    assert claim(database) is not None
    sql, given = next((sql, given) for sql, given in statements if "SKIP LOCKED" in sql)
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", given).scalar_one()
    nodes = []
    node = (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]
    while node:
        nodes.append(node)
        node = next(iter(node.get("Plans", [])), None)
    assert [node["Node Type"] for node in nodes] == ["Limit", "LockRows", "Index Scan"]
    assert nodes[-1]["Index Name"] == "ix_run_stages_claim"
    assert nodes[-1]["Actual Rows"] == 1
