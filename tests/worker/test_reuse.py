"""Only affected checks are run again: with a real sandbox, from a changed spec to the gradebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.domain.course import Role
from grader.domain.errors import NeedsRole, UnknownAssignment
from grader.domain.trial import TrialState
from grader.engine.engines import Engines
from grader.service import accounts, assignments, courses, runs, submissions, trials
from grader.service.courses import RosterLine
from grader.specs.load import load_spec
from grader.specs.pack import pack
from tests.worker.conftest import STUDENT, TEACHER, a_desk, require_sandbox
from worker.lifecycle import open_backend

STRANGER = "stranger@example.org"
DEFINITION = """
schema_version = 1
slug = "small"
title = "Small"
course = "Faults"
names = ["answer", "half", "learn"]
part = [
  { id = "A", title = "The answer", points = %(points)g, checks = 3 },
  { id = "B", title = "The training", points = 2, checks = 1 },
]
[files]
code_suffixes = [".py"]
[limits]
run_s = 60.0
memory_bytes = 1073741824
[scale]
step = [{ share = 0.0, value = 0, label = "none" }, { share = 0.9, value = 1, label = "all" }]
"""
HEAD = "from grader.checks import award, check, expect\n"
GATE = '@check("A", points=0, stage="gate", title="It loads")\ndef test_loads(student):\n    expect(student.defines("answer"), "no")\n'
ANSWER = '@check("A", points=%(answer)g, title="%(title)s")\ndef test_answer(student):\n    expect(student.answer() == %(right)d, "No.")\n'
HALF = '@check("A", points=2, title="Half")\ndef test_half(student):\n    award(0.5)\n    expect(student.half() == expected.HALF, "no")\n'
TRAIN = '@check("B", points=2, stage="train", title="It learns")\ndef test_learns(student):\n    expect(student.learn() == 3, "no")\n'
CODE = b"def answer():\n    return 41\ndef half():\n    return 0\ndef learn():\n    return 3\n"


def write(
    folder: Path, *, right: int = 42, answer: float = 1, title: str = "The answer", half: int = 1, learns: str = ""
):
    """A version of the spec, in a folder of its own."""
    values = {"right": right, "answer": answer, "title": title, "points": answer + 2}
    spec = folder / "small"
    spec.mkdir(parents=True)
    (spec / "assignment.toml").write_text(DEFINITION % values)
    (spec / "test_gate.py").write_text(HEAD + GATE)
    (spec / "test_answer.py").write_text(HEAD + ANSWER % values)
    (spec / "test_half.py").write_text(HEAD + "import expected\n" + HALF)
    (spec / "test_train.py").write_text(HEAD + TRAIN + learns)
    (spec / "expected.py").write_text(f"HALF = {half}\n")
    return load_spec("small", folder)


class Watched:
    """The engines, and which checks began in each call."""

    def __init__(self, engines: Engines) -> None:
        self.engines, self.began = engines, []

    def grade(self, spec, name, content, options=None, on_event=None):
        began = []
        self.began.append(began)

        def hear(event):
            if event.kind == "started":
                began.append(event.check_id)
            on_event(event)

        return self.engines.grade(spec, name, content, options, hear)

    def taken(self):
        """Since the last time it was asked."""
        taken, self.began = [sorted(one) for one in self.began], []
        return taken


@pytest.fixture(scope="module")
def engines():
    """By the fork server: a dozen gradings here need a sandbox each, and one import of torch."""
    require_sandbox("fork")
    with Engines(open_backend("fork"), jobs=1) as opened:
        yield opened


@pytest.fixture
def place(database, tmp_path, engines):
    desk = a_desk(database, tmp_path, write(tmp_path / "v1"), Watched(engines))
    desk.folder = tmp_path
    with database.begin() as work:
        other = courses.create_course(work, slug="other", title="Other")
        courses.add_member(work, other.id, RosterLine(email=STRANGER, name="X", role=Role.INSTRUCTOR))
    return desk


def reader_of(work, email):
    return accounts.reader_for(work, accounts.find_person(work, email).id)


def keep(desk, spec):
    """Have a version kept, as `folder` does."""
    stored = desk.place.blobs.put(pack(spec))
    with desk.database.begin() as work:
        return assignments.publish_spec(
            work, definition=spec.assignment, spec_slug=spec.slug, version=spec.version, blob=stored.sha256
        )


def do(desk, what, *arguments, email=TEACHER, **options):
    with desk.database.begin() as work:
        reader = reader_of(work, email)
        return what(work, reader, assignments.offered(work, reader, desk.slug), *arguments, **options)


def all_runs(desk, submission):
    with desk.database.begin() as work:
        reader = reader_of(work, TEACHER)
        return submissions.runs_of(work, reader, submissions.find(work, reader, submission))


def newest(desk, submission):
    return all_runs(desk, submission)[0]


def reused(run):
    return {str(check.id): check.reused_from for check in run.checks}


@pytest.mark.sandbox
def test_one_changed_file_of_checks_is_tried_alone_and_published(place):
    handed = place.hand_in(CODE)
    place.grade_all()
    first = newest(place, handed)
    assert (first.score, place.score_in_gradebook()) == (3.0, 3.0)
    place.engine.taken()

    version = keep(place, write(place.folder / "v2", right=41))
    trial = do(place, trials.begin, version, reason="41 is right")
    place.grade_all()
    # One call, one check in the sandbox, and no stage for the training.
    assert place.engine.taken() == [["A.answer"]]
    report = do(place, trials.report, trial.id)
    assert [(one.id, one.up) for one in report.checks] == [("A.answer", 1)]
    (line,) = report.lines
    assert [(check.id, check.points) for check in line.checks] == [("A.answer", 1.0)]
    assert (report.progress.judged, report.progress.reused) == (1, 3)
    assert place.score_in_gradebook() == 3.0 and len(all_runs(place, handed)) == 1
    for email, error in ((STUDENT, NeedsRole), (STRANGER, UnknownAssignment)):
        with pytest.raises(error):
            do(place, trials.report, trial.id, email=email)

    assert do(place, trials.publish, trial.id, reason="as seen").state is TrialState.PUBLISHED
    assert place.score_in_gradebook() == 4.0
    assert place.engine.taken() == [] and not place.grade_next()
    run = newest(place, handed)
    assert reused(run) == {"A.loads": first.id, "A.half": first.id, "B.learns": first.id, "A.answer": None}
    assert (run.facts["reused"]["from"], first.facts["unit"]["seed"] != run.facts["unit"]["seed"]) == (first.id, True)
    assert [facts.stage.value for facts in run.stages] == ["gate", "unit"]
    with place.database.begin() as work:
        student = reader_of(work, STUDENT)
        shown = submissions.latest_run(work, student, submissions.find(work, student, handed))
    assert shown.score == 4.0 and {check.reused_from for check in shown.checks} == {None}

    # Words and points alone: nobody's code is run, and the run that came to a result stays named.
    shown_only = keep(place, write(place.folder / "v3", right=41, answer=5, title="Forty-one"))
    trial = do(place, trials.begin, shown_only, reason="worth more")
    place.grade_all()
    assert place.engine.taken() == [[]]
    do(place, trials.publish, trial.id, reason="worth more")
    last = newest(place, handed)
    assert (last.score, last.max_score, place.score_in_gradebook()) == (8.0, 9.0, 8.0)
    assert reused(last) == {"A.loads": first.id, "A.half": first.id, "B.learns": first.id, "A.answer": run.id}
    assert next(check.title for check in last.checks if check.id == "A.answer") == "Forty-one"
    assert last.facts["unit" if "unit" in last.facts else "gate"]["sandboxes"] == 0


@pytest.mark.sandbox
def test_what_a_module_changes_and_what_was_no_result_is_run_again(place):
    wrong = CODE.replace(b"return 41", b"raise ValueError(1)")
    handed = place.hand_in(wrong)
    place.grade_all()
    place.engine.taken()
    # A module that one file of checks imports; the error of another is not taken over.
    version = keep(place, write(place.folder / "v2", half=0))
    with place.database.begin() as work:
        course = courses.course_of(work, reader_of(work, TEACHER), "course")
        assignments.offer(work, course, version, slug=place.slug)
    with place.database.begin() as work:
        reader = reader_of(work, TEACHER)
        runs.rerun(work, reader, submissions.find(work, reader, handed))
    place.grade_all()
    assert place.engine.taken() == [["A.answer", "A.half"]]
    again = newest(place, handed)
    assert again.score == 4.0
    # By the same version, and on request, everything is run.
    for is_fresh in (False, True):
        with place.database.begin() as work:
            reader = reader_of(work, TEACHER)
            runs.rerun(work, reader, submissions.find(work, reader, handed), is_fresh=is_fresh)
        place.grade_all()
        assert place.engine.taken() == [["A.answer", "A.half", "A.loads"], ["B.learns"]]


@pytest.mark.sandbox
def test_a_plan_that_breaks_its_promise_fails_though_all_could_be_reused(place):
    handed = place.hand_in(CODE)
    place.grade_all()
    more = '@check("B", points=0, title="One more")\ndef test_more(student):\n    pass\n'
    version = keep(place, write(place.folder / "v2", learns=more))
    trial = do(place, trials.begin, version, reason="broken")
    place.grade_all()
    (line,) = do(place, trials.report, trial.id).lines
    assert (line.direction, line.after.score) == ("error", None) and "promises 1 checks" in line.after.message
    assert newest(place, handed).score == 3.0
