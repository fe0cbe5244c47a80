from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.domain.check import CheckStatus, Visibility
from grader.formats.gradescope import to_gradescope
from grader.formats.jsonreport import to_json
from grader.formats.junit import to_junit
from grader.formats.table import to_csv
from tests.report_samples import a_failure, a_rejection, a_report, a_result

GOLDEN = (
    '{"schema": 1, "assignment": "hw1", "spec_version": "0123456789ab", '
    '"submission": {"sha256": "' + "ab" * 32 + '", "files": ["cnn.ipynb", "report.pdf"]}, '
    '"status": "graded", "score": 2.0, "max_score": 7.0, "scale": {"value": 2, "label": "partly"}, "checks": ['
    '{"id": "A1.forward", "part": "A1", "title": "MyConv2d equals a reference", "status": "passed", "points": 2.0, '
    '"max_points": 2.0, "visibility": "always", "message": "", "seconds": 0.1235}, '
    '{"id": "A1.shape", "part": "A1", "title": "Shape", "status": "failed", "points": 0.0, "max_points": 1.0, '
    '"visibility": "after_due", "message": "Wrong shape.", "seconds": 0.1235}, '
    '{"id": "A2.train", "part": "A2", "title": "Training", "status": "timeout", "points": 0.0, "max_points": 3.0, '
    '"visibility": "staff", "message": "Too slow.", "seconds": 0.1235}, '
    '{"id": "A2.more", "part": "A2", "title": "More", "status": "skipped", "points": 0.0, "max_points": 1.0, '
    '"visibility": "always", "message": "Left out.", "seconds": 0.1235}], '
    '"timing": {"intake": 0.001, "sandbox": 0.5, "load": 0.25, "checks": 1.0, "total": 1.75}}'
)


class TestJson:
    def test_the_object_of_a_graded_run_is_frozen(self):
        assert to_json(a_report(), with_file=False) == GOLDEN

    def test_with_several_files_each_object_names_its_own_first(self):
        assert to_json(a_report(), with_file=True) == '{"file": "ada.zip", ' + GOLDEN[1:]

    def test_a_run_without_a_score_says_why(self):
        plain = json.loads(to_json(a_rejection(), with_file=False))
        assert (plain["status"], plain["score"], plain["checks"]) == ("rejected", None, [])
        assert plain["scale"] == {"value": None, "label": None}
        assert plain["message"] == "The zip file is empty."

    def test_it_is_one_line_whatever_students_wrote(self):
        report = a_report(checks=(a_result(message="a\nb\u2028c\x00"),), file='"\n.zip')
        assert len(to_json(report, with_file=True).splitlines()) == 1


class TestGradescope:
    def test_the_fields_of_a_graded_run(self):
        plain = json.loads(to_gradescope(a_report()))
        assert plain["score"] == 2.0
        assert plain["execution_time"] == 2
        assert plain["output"] == "2: partly\nA note."
        assert plain["extra_data"]["spec_version"] == "0123456789ab"
        assert plain["tests"][1] == {
            "name": "Shape", "number": "A1.shape", "score": 0.0, "max_score": 1.0, "visibility": "after_due_date",
            "output": "Wrong shape.\n\nYour code printed:\nhello", "tags": ["A1", "unit"], "status": "failed",
            "extra_data": {"status": "failed", "seconds": 0.1235},
        }  # fmt: skip

    def test_visibility_and_status_are_mapped(self):
        tests = json.loads(to_gradescope(a_report()))["tests"]
        assert [test["visibility"] for test in tests] == ["visible", "after_due_date", "hidden", "visible"]
        assert [test.get("status") for test in tests] == ["passed", "failed", "failed", None]
        assert {visibility.value for visibility in Visibility} == {"always", "after_due", "staff"}

    def test_a_rejected_hand_in_gets_zero_and_a_failed_run_no_score_at_all(self):
        assert json.loads(to_gradescope(a_rejection()))["score"] == 0.0
        assert json.loads(to_gradescope(a_rejection()))["output"] == "The zip file is empty."
        assert "score" not in json.loads(to_gradescope(a_failure()))
        assert "tests" not in json.loads(to_gradescope(a_failure()))


class TestJunit:
    def test_suites_are_parts_and_cases_are_checks(self):
        root = ET.fromstring(to_junit(a_report()))
        assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
            "testsuites", "4", "1", "1", "1")  # fmt: skip
        assert [suite.get("name") for suite in root] == ["A1", "A2"]
        case = root[0][1]
        assert (case.get("name"), case.get("classname")) == ("A1.shape", "hw1.A1")
        assert case.find("failure").get("message") == "Wrong shape."
        assert {item.get("name"): item.get("value") for item in case.iter("property")}["max_points"] == "1"
        assert case.find("system-out").text == "hello\n"
        assert root[1][0].find("error").get("type") == "timeout"
        assert root[1][1].find("skipped") is not None

    @pytest.mark.parametrize(("report", "kind"), [(a_rejection(), "failure"), (a_failure(), "error")])
    def test_a_run_without_checks_is_one_failed_case(self, report, kind):
        root = ET.fromstring(to_junit(report))
        assert root.get("tests") == "1"
        assert root.find(f".//{kind}").get("message") == report.message

    @given(st.text(max_size=200))
    def test_any_text_gives_readable_xml(self, text):
        report = a_report(checks=(a_result(status=CheckStatus.FAILED, message=text, output=text, title=text),))
        ET.fromstring(to_junit(report))

    def test_long_texts_are_cut(self):
        assert len(to_junit(a_report(checks=(a_result(output="x" * 100_000),)))) < 30_000


class TestCsv:
    def rows(self, *reports):
        return list(csv.DictReader(io.StringIO(to_csv(reports, ["A1", "A2", "B1"]))))

    def test_a_line_for_each_hand_in_with_part_totals(self):
        graded, rejected = self.rows(a_report(), a_rejection(file="bob.zip"))
        assert (graded["file"], graded["score"], graded["A1"], graded["A2"], graded["B1"]) == (
            "ada.zip",
            "2.0",
            "2.0",
            "0.0",
            "",
        )
        assert (rejected["status"], rejected["score"], rejected["message"]) == (
            "rejected",
            "",
            "The zip file is empty.",
        )

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0+", "\uff1d"])
    def test_a_cell_that_begins_like_a_formula_is_defused(self, start):
        text = f"{start}HYPERLINK(1)"
        assert self.rows(a_report(file=text))[0]["file"].startswith("'")

    def test_numbers_stay_numbers_and_plain_names_stay_themselves(self):
        row = self.rows(a_report(score=-1.5, file="ada-lovelace.zip"))[0]
        assert (row["score"], row["file"]) == ("-1.5", "ada-lovelace.zip")

    @given(st.text(max_size=40))
    def test_any_name_stays_one_cell(self, name):
        rows = list(csv.reader(io.StringIO(to_csv([a_report(file=name)], []), newline="")))
        assert len(rows) == 2
        assert rows[1][0] in (name, f"'{name}")
        assert not rows[1][0].startswith(("=", "+", "-", "@", "\t", "\r"))
