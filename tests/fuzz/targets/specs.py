"""What a spec's author or another server wrote: assignment.toml, questions.toml, packed specs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
import zipfile
from pathlib import Path

from grader.answers.asked import asked_in, misfit
from grader.domain.assignment import Assignment
from grader.domain.errors import BadSpec
from grader.engine.harness.answers import load_questions
from grader.specs.digest import version_of
from grader.specs.load import load_spec
from grader.specs.pack import packed_file, unpack
from tests.fuzz.targets.bounds import is_a_sentence, within

_ANSWERS = ("3", "9*NF*K^2", "3x32x32", "[[1, 0], [x, 2]]", 7, 2.5, [1, [2]])
_VERSION = re.compile(rb"(grader-spec 1 )([0-9a-f]{12})\Z")


def questions(content: bytes) -> None:
    """What the server reads of questions.toml can be asked; whoever judges refuses or takes it, too."""
    with within(1.0):
        try:
            asked = asked_in(content)
        except BadSpec as error:
            is_a_sentence(error)
        else:
            for question in asked[:20]:
                for answer in _ANSWERS:
                    assert "\n" not in misfit(question, answer)
        with tempfile.TemporaryDirectory(dir=_memory()) as folder:
            path = Path(folder) / "questions.toml"
            path.write_bytes(content)
            with contextlib.suppress(BadSpec):
                load_questions(path)


def assignment(content: bytes) -> None:
    """A definition that is read can be published: it goes through JSON and comes back the same."""
    with tempfile.TemporaryDirectory(dir=_memory()) as root, within(1.0):
        folder = Path(root) / "cse1"
        folder.mkdir()
        (folder / "assignment.toml").write_bytes(content)
        try:
            read = load_spec("cse1", Path(root)).assignment
        except BadSpec as error:
            is_a_sentence(error)
            return
        published = json.dumps(read.model_dump(mode="json"), allow_nan=False)
        assert Assignment.model_validate_json(published) == read


def packed(content: bytes) -> None:
    """A packed spec is refused in a sentence or unpacked as what it says it is; its version is made true first."""
    content = _with_true_version(content)
    with within(1.0):
        try:
            packed_file(content, "questions.toml")
        except BadSpec as error:
            is_a_sentence(error)
            return
        with tempfile.TemporaryDirectory(dir=_memory()) as folder, contextlib.suppress(BadSpec):
            spec = unpack(content, Path(folder) / "specs")
            assert spec.folder.parent == (Path(folder) / "specs").resolve()
            assert sorted(one.name for one in Path(folder).iterdir()) == ["specs"]


def _with_true_version(content: bytes) -> bytes:
    """Otherwise hardly any input would get beyond the checksum."""
    if _VERSION.search(content) is None:
        return content
    with contextlib.suppress(Exception), zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {one.orig_filename.partition("/")[2]: archive.read(one) for one in archive.infolist()[:20]}
        return _VERSION.sub(rb"\g<1>" + version_of(files.items()).encode(), content)
    return content


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
