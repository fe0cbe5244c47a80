"""`--answers`: written answers from a file, for `grade` and `submit`."""

from __future__ import annotations

import pytest

from tests.asking import QUESTIONS, SECRETS
from tests.cli.stand_in import Answer, a_receipt

UPLOAD = "/assignments/hw1/submissions"


@pytest.fixture
def written(tmp_path):
    def make(text, name="answers.toml"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return make


@pytest.fixture
def asking(root):
    (root / "hw1" / "questions.toml").write_text(QUESTIONS)


class TestGrade:
    @pytest.mark.usefixtures("asking")
    @pytest.mark.parametrize("text", ['[A]\ncount = 3\nformula = "NF"\n', '{"A.count": 3, "A": {"formula": "NF"}}'])
    def test_they_are_given_to_the_engine(self, grader, engine, hand_in, written, text):
        assert grader("grade", hand_in("ada.zip"), "-a", "hw1", "--answers", written(text))[0] == 0
        ((_, _, options),) = engine.graded
        assert options.answers == {"A.count": 3, "A.formula": "NF"}

    @pytest.mark.usefixtures("asking")
    @pytest.mark.parametrize(
        ("text", "because"),
        [
            ('"A.formula" = "9 * foo"', "A.formula: The answer cannot be read, because the name 'foo'"),
            ('"A.cuont" = 3', "A.cuont: There is no such question; there are A.count"),
            ("nonsense", "neither a JSON object nor TOML"),
            (b"\xff\xfe", "not text in UTF-8"),
        ],
    )
    def test_what_cannot_be_read_is_one_sentence_and_nothing_is_graded(
        self, grader, engine, hand_in, written, text, because
    ):
        status, out, err = grader("grade", hand_in("ada.zip"), "-a", "hw1", "--answers", written(text))
        assert (status, out) == (2, "")
        assert because in err
        assert err.count("\n") == 1
        assert not [secret for secret in SECRETS if secret in err]
        assert engine.graded == []

    @pytest.mark.usefixtures("root")
    def test_a_spec_that_asks_nothing_takes_none(self, grader, engine, hand_in, written):
        status, _, err = grader("grade", hand_in("ada.zip"), "-a", "hw1", "--answers", written("A = 1"))
        assert status == 2
        assert "asks for no written answers" in err

    @pytest.mark.usefixtures("asking")
    def test_they_go_with_one_hand_in(self, grader, engine, hand_in, written):
        files = (hand_in("ada.zip"), hand_in("bob.zip"))
        status, _, err = grader("grade", *files, "-a", "hw1", "--answers", written("A.count = 1"))
        assert status == 2
        assert "one hand-in" in err

    @pytest.mark.usefixtures("asking")
    def test_a_missing_file_is_said(self, grader, engine, hand_in, tmp_path):
        status, _, err = grader("grade", hand_in("ada.zip"), "-a", "hw1", "--answers", tmp_path / "nowhere.toml")
        assert status == 2
        assert "nowhere.toml cannot be read" in err


class TestSubmit:
    def test_they_are_sent_beside_the_file_and_the_receipt_names_them(self, grader, service, hand_in, written):
        service.on("POST", UPLOAD, Answer(a_receipt(answers_sha256="cd" * 32), 202))
        text = '"A.count" = 3\n'
        status, out, _ = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait", "--answers", written(text))
        assert status == 0
        assert "cd" * 32 in out
        (asked,) = service.asked
        assert b'name="answers"\r\n\r\n"A.count" = 3\n\r\n' in asked.body
        assert b'name="file"; filename="ada.zip"' in asked.body

    def test_what_is_no_answers_is_said_before_anything_is_sent(self, grader, service, hand_in, written):
        status, _, err = grader("submit", hand_in("ada.zip"), "-a", "hw1", "--answers", written("nonsense"))
        assert status == 2
        assert "neither a JSON object nor TOML" in err
        assert service.asked == []

    def test_without_them_nothing_is_sent(self, grader, service, hand_in):
        service.on("POST", UPLOAD, Answer(a_receipt(), 202))
        grader("submit", hand_in("ada.zip"), "-a", "hw1", "--no-wait")
        assert b'name="answers"' not in service.asked[0].body
