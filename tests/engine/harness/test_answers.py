from __future__ import annotations

import pytest

from grader.domain.errors import BadSpec
from grader.engine.harness.answers import Question, accepts, load_questions


def question(kind, *accept, **more):
    return Question.model_validate({"id": "A3.x", "kind": kind, "accept": list(accept), **more})


def ok(asked, given):
    verdict = accepts(asked, given)
    assert verdict.message.endswith(".") or "Hint" in verdict.message
    return verdict.ok


class TestNumber:
    @pytest.mark.parametrize(
        "given", [12345, 12345.0, "12345", "12,345", "12 345", "12'345", "1.2345e4", " 12_345 ", "5*2469", "n = 12345"]
    )
    def test_spellings_are_accepted(self, given):
        assert ok(question("number", 12345), given)

    @pytest.mark.parametrize(
        "given",
        [12344, "12.345", "", "many", float("nan"), float("inf"), True, None, [12345], {}, "NF", 10**400, "9" * 5000],
    )
    def test_the_rest_is_not(self, given):
        assert not ok(question("number", 12345), given)

    def test_the_tolerance_is_relative_above_one_and_absolute_below(self):
        assert ok(question("number", 1000, tolerance=0.01), "1009")
        assert not ok(question("number", 1000, tolerance=0.01), "1011")
        assert ok(question("number", 0.1, tolerance=0.01), 0.109)
        assert ok(question("number", 0.1), "0.1")


class TestFormula:
    ASKED = question(
        "formula",
        {"answer": "9*NF*NC", "convention": "without biases"},
        {"answer": "9*NF*NC + NC", "convention": "with biases"},
    )

    def test_each_convention_is_accepted_by_name(self):
        assert accepts(self.ASKED, "NC (9 NF + 1)").message == "The answer to A3.x is right (with biases)."
        assert accepts(self.ASKED, "9 NC NF").message == "The answer to A3.x is right (without biases)."

    def test_a_wrong_one_is_told_how_it_was_read_and_nothing_of_what_is_right(self):
        asked = question("formula", "9*NF*NC", hint="Count each kernel once.")
        message = accepts(asked, "3 nf nc").message
        assert message == "The answer to A3.x is not right. It was read as 3·NC·NF. Hint: Count each kernel once."

    def test_an_unreadable_one_is_told_why(self):
        message = accepts(self.ASKED, "9 * foo").message
        assert message.startswith(
            "The answer to A3.x cannot be read, because the name 'foo' at character 5 is not known"
        )

    def test_variables_may_be_given_a_value(self):
        asked = question("formula", "K^2*NF*NIC", given={"K": 3, "NIC": 1})
        assert ok(asked, "9 NF")
        assert ok(asked, "k^2 NF")
        assert not ok(asked, "8 NF")

    def test_a_plain_number_is_accepted_for_a_setting_the_spec_names(self):
        asked = question("formula", "9*NF*NC", at=[{"NF": 32, "NC": 24}])
        assert ok(asked, "6,912")
        assert ok(asked, 6912)
        assert not ok(asked, 6913)
        assert not ok(question("formula", "9*NF*NC"), 6912)

    def test_a_table_names_the_conventions(self):
        asked = Question.model_validate({"id": "q", "kind": "formula", "accept": {"plain": "NF", "doubled": "2*NF"}})
        assert accepts(asked, "NF+NF").message == "The answer to q is right (doubled)."


class TestShape:
    @pytest.mark.parametrize(
        "given",
        [
            "3x5x5",
            "(3, 5, 5)",
            "[3,5,5]",
            [3, 5, 5],
            "3 × 5 × 5",
            "3 5 5",
            "torch.Size([3, 5, 5])",
            "3*5*5",
            "3 X 5 X 5",
            "3\\times 5\\times5",
            ["3", "5", "5"],
        ],
    )
    def test_spellings_are_accepted(self, given):
        assert ok(question("shape", "3x5x5"), given)

    @pytest.mark.parametrize("given", ["3x5", "3x5x6", [3, 5.5], "", [], "axb", [[3]], None, 7, "1x" * 1000, "3x-5x5"])
    def test_the_rest_is_not(self, given):
        assert not ok(question("shape", [3, 5, 5]), given)

    def test_any_word_for_the_batch_size_is_the_same(self):
        for given in ("Nx3x32x32", "(batch, 3, 32, 32)", "b x 3 x 32 x 32", "(-1, 3, 32, 32)", "None,3,32,32"):
            assert ok(question("shape", "N x 3 x 32 x 32"), given)


class TestTensor:
    ASKED = question("tensor", [[1, 0.5], ["x", -2]], tolerance=0.001)

    @pytest.mark.parametrize(
        "given",
        [
            [[1, 0.5], ["x", -2]], "[[1, 1/2], [x, -2]]", "1 0.5\nX -2", "1, .5; x, -2", "[1 0.5] [x -2]", ["1 0.5", "x -2"],
            "torch.tensor([[1., 0.5], [x, -2.0004]])",
            "tensor([[1, 0.5],\n        [x, -2]], dtype=torch.float32)", [[1, 0.5], [None, -2]],
        ],
    )  # fmt: skip
    def test_spellings_are_accepted(self, given):
        assert ok(self.ASKED, given)

    @pytest.mark.parametrize(
        "given",
        [
            [[1, 0.5], [0, -2]], [[1, 0.5]], [1, 0.5, "x", -2], [[[1, 0.5], ["x", -2]]], "[[1, 0.5], [x]]", "[[1, 0.5", "]", "",
            [[1, float("nan")], ["x", 2]], "[" * 3000, [[1] * 5000], [[[[[[[[[[1]]]]]]]]]], [{"a": 1}], "1 1/0", "[[], []]", 3, "1e999 2",
        ],
    )  # fmt: skip
    def test_the_rest_is_not(self, given):
        assert not ok(self.ASKED, given)


class TestText:
    def test_a_pattern_is_matched_against_the_whole_answer_without_case(self):
        asked = question("text", "(same|does not change)", "un(altered|changed)")
        assert ok(asked, "  Does  not\nchange ")
        assert ok(asked, "UNCHANGED")
        assert not ok(asked, "it is the same")


class TestQuestionsFile:
    def test_questions_are_read_by_id(self, tmp_path):
        path = tmp_path / "questions.toml"
        path.write_text('[[question]]\nid = "A3.weights"\nkind = "formula"\naccept = ["9*NF"]\n')
        assert set(load_questions(path)) == {"A3.weights"}

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "needs [[question]] tables"), ("[[question]]\nid='a'\nkind='poem'\naccept=['x']", "kind"),
            ("[[question]]\nid='a'\nkind='formula'\naccept=['9 foo']", "'9 foo' cannot be read"),
            ("[[question]]\nid='a'\nkind='number'\naccept=[]", "accept"), ("[[question]\n", "cannot be read"),
            ("[[question]]\nid='a'\nkind='text'\naccept=['(']", "cannot be read"),
            ("[[question]]\nid='a'\nkind='number'\naccept=[1]\n" * 2, "an id of its own"),
        ],
    )  # fmt: skip
    def test_a_bad_file_is_told_by_name(self, tmp_path, text, words):
        path = tmp_path / "questions.toml"
        path.write_text(text)
        with pytest.raises(BadSpec) as told:
            load_questions(path)
        assert words in str(told.value)
        assert "questions.toml" in str(told.value)
