"""What `grader spec check` concludes from reports; the runs themselves are stood in for."""

from __future__ import annotations

import json

import pytest

from grader.domain.check import CheckStatus, Stage
from grader.domain.errors import BadSpec
from grader.domain.ids import CheckId, PartId
from grader.engine.handins import entries_of
from grader.engine.prove import prove
from grader.specs.load import load_spec
from tests.report_samples import a_report, a_result

TOML = """
schema_version = 1
slug = "hw1"
title = "First steps"
course = "Example"
[files]
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "D1.1"
title = "A part whose name holds a dot"
points = 2
checks = 2
[[part]]
id = "D1.2"
title = "Another part"
points = 1
checks = 1
"""
MUTANTS = """
[[mutant]]
name = "wrong"
caught_by = ["D1.1.first"]
replace = [{ old = "right", new = "wrong" }]
"""
CHECKS = {"D1.1.first": "D1.1", "D1.1.second": "D1.1", "D1.2.third": "D1.2"}
STAGES = {"D1.1.second": Stage.TRAIN}


@pytest.fixture
def spec(tmp_path):
    folder = tmp_path / "test_specs" / "hw1"
    (folder / "mutants").mkdir(parents=True)
    (folder / "mutants" / "index.toml").write_text(MUTANTS)
    (folder / "starter").mkdir()
    (folder / "starter" / "starter.py").write_text("starter")
    (folder / "assignment.toml").write_text(TOML)
    reference = tmp_path / "reference_solutions" / "hw1"
    reference.mkdir(parents=True)
    (reference / "solution.py").write_text("right")
    return load_spec("hw1", folder.parent)


class StandIn:
    """Answers with the checks that fail for a hand-in, told from the code in it; remembers what it was asked."""

    def __init__(self, **failing):
        self.failing = {"right": (), "wrong": ("D1.1.first",), "starter": CHECKS, "empty": CHECKS} | failing
        self.seeds = []

    def grade(self, spec, name, content, options):
        import io
        import zipfile

        if name == "empty.ipynb":
            assert json.loads(content)["cells"] == []
            code = "empty"
        else:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                code = archive.read(archive.namelist()[0]).decode()
        self.seeds.append((code, options.seed))
        failing = self.failing[code]
        if callable(failing):
            failing = failing(options.seed)
        checks = tuple(
            a_result(
                id=CheckId(check), part=PartId(part), stage=STAGES.get(check, Stage.UNIT),
                status=CheckStatus.FAILED if check in failing else CheckStatus.PASSED,
            )
            for check, part in CHECKS.items()
        )  # fmt: skip
        return a_report(checks=checks, score=float(3 - len(failing)), max_score=3.0)


def problems(spec, engine, **options):
    return prove(spec, engine, every=True, on_line=lambda _: None, **options).problems


def test_a_spec_that_judges_rightly_holds(spec):
    assert problems(spec, StandIn()) == []


def test_a_mutant_may_fail_other_checks_of_the_same_part_and_none_of_another(spec):
    assert problems(spec, StandIn(wrong=("D1.1.first", "D1.1.second"))) == []
    (problem,) = problems(spec, StandIn(wrong=("D1.1.first", "D1.2.third")))
    assert "the unrelated check D1.2.third fails too" in problem


def test_a_mutant_must_be_caught_by_the_check_it_names(spec):
    (problem,) = problems(spec, StandIn(wrong=("D1.1.second",)))
    assert "D1.1.first did not catch it" in problem


def test_without_training_a_mutant_need_not_be_caught_by_a_training_too(spec):
    index = spec.folder / "mutants" / "index.toml"
    index.write_text(MUTANTS.replace('["D1.1.first"]', '["D1.1.first", "D1.1.second"]'))
    assert problems(spec, StandIn(), train=False) == []
    (problem,) = problems(spec, StandIn())
    assert "D1.1.second did not catch it" in problem


def test_the_reference_is_graded_as_often_as_asked_with_fresh_inputs(spec):
    engine = StandIn()
    assert problems(spec, engine, repeat=4) == []
    seeds = [seed for code, seed in engine.seeds if code == "right"]
    assert len(seeds) == len(set(seeds)) == 4


def test_a_reference_that_fails_once_in_a_while_is_told(spec):
    unlucky = StandIn(right=lambda seed: ("D1.2.third",) if seed == "prove 3" else ())
    (problem,) = problems(spec, unlucky, repeat=4)
    assert problem.startswith("reference, run 3: D1.2.third failed")


def test_an_empty_submission_passes_nothing(spec):
    (problem,) = problems(spec, StandIn(empty=("D1.1.first", "D1.1.second")))
    assert "D1.2.third is passed by an empty submission" in problem


def test_the_starter_is_held_to_the_floor(spec):
    (problem,) = problems(spec, StandIn(starter=("D1.1.first",)))
    assert "the untouched starter got 2 of 3 points" in problem


def test_mutants_of_a_shared_package_are_tried_too(spec):
    package = spec.folder.parent / "common" / "notebook"
    (package / "mutants").mkdir(parents=True)
    (package / "mutants" / "index.toml").write_text(MUTANTS.replace('"wrong"\ncaught', '"everywhere"\ncaught'))
    index = spec.folder / "mutants" / "index.toml"
    index.write_text('shared = ["notebook"]\n' + MUTANTS)
    assert [entry.name for entry in entries_of(spec, "mutant")] == ["everywhere", "wrong"]
    (package / "mutants" / "index.toml").write_text(MUTANTS + 'file = "other.ipynb"\n')
    with pytest.raises(BadSpec, match="which only the index of a spec may"):
        entries_of(spec, "mutant")


def test_the_selection_of_mutants_reaches_every_part(spec):
    """Many mutants of the first part come first; one of the second part is tried all the same."""
    many = "".join(MUTANTS.replace('"wrong"\ncaught', f'"wrong {n}"\ncaught') for n in range(20))
    other = MUTANTS.replace('"wrong"\ncaught', '"elsewhere"\ncaught').replace("D1.1.first", "D1.2.third")
    (spec.folder / "mutants" / "index.toml").write_text(many + other)
    lines = []
    prove(spec, StandIn(), every=False, on_line=lines.append)
    tried = [line.split("mutant ")[1] for line in lines if "mutant" in line]
    assert [name.partition(":")[0] for name in tried] == ["wrong 0", "elsewhere"]
