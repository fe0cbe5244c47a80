"""Finding and reading specs. Their Python is never imported here: that is the harness's business alone."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from grader.domain.assignment import Assignment
from grader.domain.errors import BadSpec, UnknownAssignment
from grader.kit.text import one_line
from grader.kit.toml import BadToml, parsed
from grader.specs.digest import common_folder, named_files, spec_version

ROOT_VARIABLE = "GRADER_SPECS"
FILE_NAME = "assignment.toml"
# grader/intake/files.py names the problem with the upload's own name so.
_RESERVED_RULE = "archive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One spec folder as read now. `starter` is the course's own code, sent to the probe; not secret."""

    folder: Path
    assignment: Assignment
    version: str
    starter: str

    @property
    def slug(self) -> str:
        return self.assignment.slug

    @property
    def files(self) -> dict[str, Path]:
        """What makes up the version, by its path in the packed spec."""
        return named_files(self.folder, self.assignment.common)

    @property
    def import_folders(self) -> tuple[Path, ...]:
        """Where the spec's modules find each other: its folder, and that of the packages it shares, if it does."""
        return (self.folder, common_folder(self.folder)) if self.assignment.common else (self.folder,)

    @property
    def starter_folder(self) -> Path:
        return self.folder / "starter"

    @property
    def mutants_folder(self) -> Path:
        return self.folder / "mutants"

    @property
    def variants_folder(self) -> Path:
        return self.folder / "variants"

    @property
    def reference_folder(self) -> Path:
        """The full-marks hand-in of this assignment: `reference_solutions/<slug>` beside the specs."""
        return self.folder.parent.parent / "reference_solutions" / self.folder.name


def specs_root(root: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of specs: the argument, else $GRADER_SPECS, else `test_specs` beside the package.

    Raises:
        BadSpec: there is no such folder.
    """
    named = environment.get(ROOT_VARIABLE)
    chosen = root or (Path(named) if named else Path(__file__).resolve().parents[2] / "test_specs")
    if not chosen.is_dir():
        raise BadSpec(f"There is no folder of specs at {chosen}; set {ROOT_VARIABLE} to the folder that holds them.")
    return chosen.resolve()


def spec_slugs(root: Path | None = None) -> tuple[str, ...]:
    """The names of all spec folders, sorted; nothing is read."""
    return tuple(sorted(path.parent.name for path in specs_root(root).glob(f"*/{FILE_NAME}")))


def list_specs(root: Path | None = None) -> tuple[Spec, ...]:
    """Every spec, sorted by slug.

    Raises:
        BadSpec: one of them cannot be read.
    """
    folder = specs_root(root)
    return tuple(_read(folder / slug) for slug in spec_slugs(root))


def load_spec(slug: str, root: Path | None = None) -> Spec:
    """The spec of one assignment.

    Raises:
        UnknownAssignment: there is none of that name; the message lists those there are.
        BadSpec: it cannot be read.
    """
    known = spec_slugs(root)
    if slug not in known:
        raise UnknownAssignment(_unknown(slug, known))
    return _read(specs_root(root) / slug)


def _unknown(slug: str, known: tuple[str, ...]) -> str:
    shown = one_line(slug, limit=60)
    if not known:
        return f"There is no assignment called {shown}, because the folder of specs is empty."
    close = difflib.get_close_matches(slug.lower(), known, n=1)
    meant = f"; did you mean {close[0]}?" if close else "."
    return f"There is no assignment called {shown}{meant} Known: {', '.join(known)}."


def _read(folder: Path) -> Spec:
    path = folder / FILE_NAME
    try:
        assignment = Assignment.model_validate(parsed(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, BadToml) as error:
        raise BadSpec(f"{path} cannot be read: {error}.") from error
    except ValidationError as error:
        raise BadSpec(_first_misfit(path, error)) from error
    if assignment.slug != folder.name:
        raise BadSpec(f"{path}: slug is {assignment.slug}, but the folder is called {folder.name}; make them the same.")
    _refuse_bad_patterns(path, assignment)
    missing = [name for name in assignment.common if not (common_folder(folder) / name / "__init__.py").is_file()]
    if missing:
        raise BadSpec(f"{path}: common: there is no package {missing[0]} in {common_folder(folder)}.")
    starter = "\n\n".join(file.read_text(encoding="utf-8") for file in sorted((folder / "starter").glob("*.py")))
    return Spec(folder=folder, assignment=assignment, version=spec_version(folder, assignment.common), starter=starter)


def _first_misfit(path: Path, error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    key = ".".join(str(part) for part in first["loc"]) or "the file as a whole"
    more = f" ({len(others)} more after it)" if others else ""
    return f"{path}: {key}: {first['msg']}{more}."


def _refuse_bad_patterns(path: Path, assignment: Assignment) -> None:
    rules = assignment.files
    patterns = [(f"files.file.{rule.name}.pattern", rule.pattern) for rule in rules.file]
    if rules.archive is not None:
        patterns.append(("files.archive", rules.archive))
    for key, pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise BadSpec(f"{path}: {key}: not a regular expression ({error}).") from error
    names = [rule.name for rule in rules.file]
    if _RESERVED_RULE in names or len(set(names)) != len(names):
        raise BadSpec(f"{path}: files.file: each rule needs a name of its own, and none may be {_RESERVED_RULE!r}.")
