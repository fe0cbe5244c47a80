"""Written answers out of a file on this disk, for `grade --answers` and `submit --answers`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grader.answers.asked import FILE_NAME, asked_in
from grader.answers.given import MAX_BYTES, checked, read_answers
from grader.domain.errors import BadArguments
from grader.kit.text import one_line
from grader.specs.load import Spec


def answers_text(path: Path) -> str:
    """What the file holds: a JSON object or TOML.

    Raises:
        BadArguments: it cannot be read.
        BadAnswers: it is neither JSON nor TOML.

    """
    shown = one_line(str(path), limit=200)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadArguments(f"{shown} is larger than {MAX_BYTES // 2**20} MiB, which no answers are.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadArguments(f"{shown} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from error
    except UnicodeDecodeError as error:
        raise BadArguments(f"{shown} is not text in UTF-8; save it as such.") from error
    read_answers(text)
    return text


def answers_for(spec: Spec, path: Path) -> dict[str, Any]:
    """The file's answers to the spec's questions.

    Raises:
        BadArguments, BadAnswers: it cannot be read, or an answer in it cannot.
        BadSpec: the spec's own questions cannot be read.

    """
    questions = spec.folder / FILE_NAME
    asked = asked_in(questions.read_bytes()) if questions.is_file() else ()
    return dict(checked(read_answers(answers_text(path)), asked))
