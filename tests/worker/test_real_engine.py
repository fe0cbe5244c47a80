"""The loop with the real engine on a real assignment."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.domain.check import CheckStatus
from grader.engine.engines import Engines
from grader.engine.handins import reference_hand_in
from grader.service.expected import likeliest_limits
from grader.specs.load import load_spec
from tests.worker.conftest import a_desk, require_sandbox
from worker.lifecycle import open_backend

ROOT = Path(__file__).parents[2]
SLUG = "cmp784-practical2"


@pytest.mark.sandbox
@pytest.mark.slow
def test_the_reference_gets_full_marks_and_rubbish_is_rejected(database, tmp_path):
    spec = load_spec(SLUG, ROOT / "test_specs")
    require_sandbox("bwrap")
    with Engines(open_backend("bwrap"), jobs=1) as engines:
        desk = a_desk(database, tmp_path, spec, engines)
        rubbish = desk.hand_in(b"PK\x03\x04 not really a zip", name="work.zip")
        made = reference_hand_in(spec)
        reference = desk.hand_in(made.content, name=made.name)
        desk.grade_all()
    assert desk.run(rubbish).state == "rejected"
    run = desk.run(reference)
    assert (run.state, run.score) == ("graded", run.max_score), run.message
    assert {check.status for check in run.checks} <= {CheckStatus.PASSED, CheckStatus.SKIPPED}
    assert len(run.plan) == len(run.checks)
    assert {facts.stage.value for facts in run.stages} == {"gate", "unit", "train"}
    assert {artifact.kind for artifact in run.artifacts} == {"curve", "picture"}
    for artifact in run.artifacts:
        assert len(desk.place.blobs.get(artifact.sha256)) == artifact.size_bytes
    assert set(run.facts) == {"unit", "train"}


def test_warm_sandboxes_are_for_the_assignment_handed_in_last(desk):
    with desk.database.begin() as work:
        assert likeliest_limits(work) == desk.spec.assignment.limits


def test_a_service_without_assignments_warms_nothing(database):
    with database.begin() as work:
        assert likeliest_limits(work) is None
