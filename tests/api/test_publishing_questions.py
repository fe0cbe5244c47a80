"""A spec whose questions cannot be read is refused when it is published, in words that do not quote what it accepts."""

from __future__ import annotations

import pytest

from grader.domain.errors import BadSpec
from grader.http.questions import QuestionShelf
from grader.http.specs import publish_from_folder
from grader.storage.blobs import Blobs
from tests.asking import IDS, QUESTIONS, a_packed_spec


@pytest.fixture
def publish(database, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADER_SPECS", str(tmp_path / "specs"))
    blobs = Blobs(str(tmp_path / "blobs"))

    def do(questions):
        a_packed_spec(tmp_path / "specs", questions)
        with database.begin() as work:
            return blobs, publish_from_folder(work, blobs, "tiny")

    return do


def test_what_was_published_is_what_is_asked(publish):
    blobs, version = publish(QUESTIONS)
    assert tuple(question.id for question in QuestionShelf().of(blobs, version)) == IDS


def test_a_broken_one_is_refused(publish):
    with pytest.raises(BadSpec) as caught:
        publish(QUESTIONS.replace('kind = "number"', 'kind = "numeral"'))
    assert "271828" not in str(caught.value)
    assert "kind" in str(caught.value)


def test_a_version_whose_bytes_are_gone_asks_nothing_and_asks_again_once_they_are_back(publish, tmp_path):
    blobs, version = publish(QUESTIONS)
    shelf = QuestionShelf()
    place = tmp_path / "blobs" / version.blob[:2] / version.blob
    content = place.read_bytes()
    place.unlink()
    assert shelf.of(blobs, version) == ()
    place.write_bytes(content)
    assert len(shelf.of(blobs, version)) == len(IDS)
