from __future__ import annotations

import importlib.metadata
import json
from types import SimpleNamespace

import pytest

from grader.engine.sandbox import select
from grader.engine.sandbox.base import Readiness

pytestmark = pytest.mark.usefixtures("root")


class TestSpec:
    def test_specs_are_listed(self, grader):
        status, out, _ = grader("spec", "list")
        assert status == 0
        assert "hw1" in out
        facts = json.loads(grader("spec", "list", "--json")[1])
        assert facts[0]["slug"] == "hw1"
        assert (facts[0]["checks"], facts[0]["max_points"], len(facts[0]["version"])) == (4, 7, 12)

    @pytest.mark.parametrize(("problems", "status"), [([], 0), (["the mutant lazy was not caught"], 3)])
    def test_a_proof_that_does_not_hold_is_the_specs_fault(self, grader, engine, monkeypatch, problems, status):
        asked = {}

        def prove(spec, engine, **options):
            asked.update(options)
            options["on_line"]("[reference] full marks")
            return SimpleNamespace(tried=3, problems=problems, holds=not problems)

        monkeypatch.setattr("grader.engine.prove.prove", prove)
        found, out, err = grader("spec", "check", "hw1", "--every", "--repeat", "3", "--no-train", "--jobs", "2")
        assert found == status
        assert "[reference] full marks" in out
        assert ("the mutant lazy was not caught" in out) == bool(problems)
        assert (asked["every"], asked["repeat"], asked["train"], asked["jobs"]) == (True, 3, False, 2)
        assert ("1 thing does not hold" in err) == bool(problems)
        assert grader("spec", "check", "--all")[0] == status


class TestDoctor:
    def readiness(self, monkeypatch, *, usable):
        found = [
            Readiness(
                backend="bwrap",
                usable=usable,
                facts={"version": "1"},
                problems=() if usable else (("no bwrap", "install it"),),
            )
        ]
        monkeypatch.setattr(select, "readiness", lambda: found)

    def test_all_well(self, grader, monkeypatch):
        self.readiness(monkeypatch, usable=True)
        status, out, _ = grader("doctor")
        assert status == 0
        assert "Hand-ins can be graded here." in out

    def test_no_sandbox_is_exit_3_with_the_remedy(self, grader, monkeypatch):
        self.readiness(monkeypatch, usable=False)
        status, out, _ = grader("doctor")
        assert status == 3
        assert "install it" in out
        status, out, _ = grader("doctor", "--json")
        plain = json.loads(out)
        assert (status, plain["works"]) == (3, False)
        assert {finding["name"] for finding in plain["findings"]} == {"python", "torch", "sandbox bwrap", "specs"}

    def test_missing_torch_and_bad_specs_are_named(self, grader, monkeypatch, root):
        self.readiness(monkeypatch, usable=True)

        def missing(_):
            raise importlib.metadata.PackageNotFoundError

        monkeypatch.setattr(importlib.metadata, "version", missing)
        (root / "hw1" / "assignment.toml").write_text("")
        status, out, _ = grader("doctor")
        assert status == 3
        # Long paths move the ends of the lines.
        told = " ".join(out.split())
        assert "make install" in told
        assert "Field required" in told
