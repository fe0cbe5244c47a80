"""What is taken as written answers, and that nothing said about them says whether they are right."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given as generated
from hypothesis import strategies as st

from grader.answers.asked import MAX_CHARACTERS, AskedQuestion, asked_in, misfit, read_as
from grader.answers.given import (
    MAX_ANSWERS,
    MAX_BYTES,
    BadAnswers,
    as_written,
    checked,
    packed,
    problem_of,
    read_answers,
    unpacked,
)
from grader.domain.errors import BadSpec
from tests.asking import IDS, QUESTIONS, SECRETS

ASKED = asked_in(QUESTIONS.encode())
BY_ID = {question.id: question for question in ASKED}


def refused(answers) -> BadAnswers:
    with pytest.raises(BadAnswers) as caught:
        checked(answers, ASKED)
    return caught.value


class TestWhatIsAsked:
    def test_it_is_read_in_order_and_holds_nothing_of_what_is_accepted(self):
        assert tuple(question.id for question in ASKED) == IDS
        told = repr(ASKED) + "".join(question.model_dump_json() for question in ASKED)
        assert not [secret for secret in SECRETS if secret in told]

    def test_further_names_are_told_for_formulas(self):
        assert "S" in BY_ID["A.formula"].names
        assert "NF" in BY_ID["A.formula"].names

    @pytest.mark.parametrize(
        "broken",
        ["[[question]]\nid = 1\nkind = 'number'\naccept = [271828]", "accept = [271828\n", "question = [271828]"],
    )
    def test_a_broken_file_is_said_without_quoting_it(self, broken):
        with pytest.raises(BadSpec) as caught:
            asked_in(broken.encode())
        assert "271828" not in str(caught.value)

    def test_none_are_asked_where_there_are_none(self):
        assert asked_in(b"") == ()


class TestForm:
    @pytest.mark.parametrize(
        ("name", "value", "because"),
        [
            ("A.count", "many", "the name 'many'"),
            ("A.count", "3 NF", "it holds a name"),
            ("A.formula", "9*(NF", "bracket"),
            ("A.formula", "9 * foo", "'foo' at character 5"),
            ("B.shape", "3 by 4", "'by' is not a whole number"),
            ("B.kernel", "[[1, 2], [3]]", "not equally long"),
            ("B.kernel", "[[1, 2", "bracket is not closed"),
            ("A.count", True, "should be a number"),
            ("A.count", float("nan"), "should be a number"),
            ("A.count", 10**80, "should be a number"),
            ("why", {"a": 1}, "should be a few words"),
            ("B.kernel", [[1, {"a": 2}]], "should be rows of numbers"),
            ("why", "x" * (MAX_CHARACTERS + 1), f"longer than {MAX_CHARACTERS} characters"),
            ("B.kernel", [[1.5] * 1000], f"longer than {MAX_CHARACTERS} characters"),
        ],
    )
    def test_what_cannot_be_read_is_said_with_its_reason(self, name, value, because):
        assert because in problem_of(BY_ID[name], value)
        error = refused({name: value, "why": "fine"} if name != "why" else {name: value})
        assert set(error.problems) == {name}
        assert because in error.problems[name]

    @pytest.mark.parametrize(
        ("name", "right", "wrong"),
        [
            ("A.count", "271828", "271829"),
            ("A.formula", "31337*NF", "31338*NF"),
            ("B.shape", "7x11x13", "7x11x14"),
            ("B.kernel", "[[1234321, 0], [1, 1]]", "[[1234321, 0], [1, 2]]"),
            ("why", "abracadabra", "hocus pocus"),
        ],
    )
    def test_right_and_wrong_answers_are_told_the_same(self, name, right, wrong):
        asked = BY_ID[name]
        assert problem_of(asked, right) == problem_of(asked, wrong) == misfit(asked, wrong) == ""
        assert read_as(asked, wrong).replace("31338", "31337").replace("14", "13") == read_as(asked, right)

    def test_a_formula_too_large_once_its_names_are_numbers_is_unreadable_and_no_fault_of_ours(self):
        asked = AskedQuestion(id="q", kind="formula", given={"K": 10**60})
        assert "larger than any answer" in problem_of(asked, "K^12")


class TestReading:
    def test_json_and_toml_and_tables_are_the_same_answers(self):
        expected = {"A.count": 3, "A.formula": "NF", "why": "so"}
        assert read_answers('{"A": {"count": 3, "formula": "NF"}, "why": "so"}') == expected
        assert read_answers('  {"A.count": 3, "A.formula": "NF", "why": "so"}') == expected
        assert read_answers('# answers\nwhy = "so"\r\n[A]\ncount = 3\nformula = "NF"\n') == expected
        assert read_answers("") == {}

    @pytest.mark.parametrize(
        "text",
        [
            '{"a": 1', "a = ", "just words", '{"a": 1, "a": 2}', '{"a.b": 1, "a": {"b": 2}}',
            '{"a": ' * 100_000, '{"a": ' + "[" * 100_000, '{"a": ' + "9" * 5000 + "}", "a = " + "[" * 50_000,
            '{"a":' * 12 + "1" + "}" * 12, " " * (MAX_BYTES + 1),
        ],
    )  # fmt: skip
    def test_anything_else_is_refused_with_a_sentence(self, text):
        with pytest.raises(BadAnswers, match=r"JSON object|longer than"):
            read_answers(text)

    @generated(st.text(max_size=60))
    def test_no_text_at_all_is_a_fault_of_ours(self, text):
        with contextlib.suppress(BadAnswers):
            checked(read_answers(text), ASKED)


class TestKeeping:
    def test_empty_answers_are_left_out_and_the_rest_is_tidied(self):
        kept = checked({"A.count": " ", "why": "  two\r\nlines\x00\ud800 ", "A.formula": "", "B.kernel": []}, ASKED)
        assert kept == {"why": "two\nlines"}

    def test_numbers_and_lists_keep_their_kind_and_huge_ones_their_digits(self):
        kept = checked({"A.count": 10**30, "B.kernel": [[1, 0.5], ["x", 2]]}, ASKED)
        assert kept == {"A.count": "1" + "0" * 30, "B.kernel": [[1, 0.5], ["x", 2]]}

    def test_equal_answers_have_equal_bytes_in_any_order_and_come_back(self):
        first, second = {"a": "ü", "b": [1, 2.0]}, {"b": [1, 2.0], "a": "ü"}
        assert packed(first) == packed(second)
        assert unpacked(packed(first)) == first
        assert packed({"a": "1"}) != packed({"a": 1})

    @pytest.mark.parametrize("value", ["a b", 3, 0.5, [[1, "x"], [2, 3]], "[[1, x], [2, 3]]"])
    def test_an_answer_in_a_field_is_the_same_answer(self, value):
        kind = "tensor" if "[" in str(value) else "text" if value == "a b" else "number"
        assert misfit(AskedQuestion(id="q", kind=kind), as_written(value)) == ""

    def test_unknown_questions_are_named_with_those_there_are(self):
        error = refused({"A.cuont": 3, "A.count": 3})
        assert set(error.problems) == {"A.cuont"}
        assert "A.cuont: There is no such question; there are A.count, A.formula" in str(error)
        with pytest.raises(BadAnswers, match="asks for no written answers"):
            checked({"x": 1}, ())

    def test_there_are_at_most_two_hundred(self):
        asked = [AskedQuestion(id=f"q{number}", kind="number") for number in range(MAX_ANSWERS + 1)]
        checked({f"q{number}": number for number in range(MAX_ANSWERS)}, asked)
        with pytest.raises(BadAnswers, match="201 answers; an upload holds at most 200"):
            checked({f"q{number}": number for number in range(MAX_ANSWERS + 1)}, asked)

    def test_what_is_kept_is_json_that_anybody_can_read(self):
        assert json.loads(packed({"a": "ü"})) == {"a": "ü"}
