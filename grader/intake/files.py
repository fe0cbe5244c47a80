"""Which listed file is what: code, report, text, checkpoint. Judged by names only; nothing is opened."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypedDict

from grader.domain.assignment import FileRule, FileRules
from grader.domain.errors import MissingFile
from grader.intake.archive import Entry, Listing
from grader.kit.text import one_line

Role = Literal["code", "report", "text", "checkpoint", "other"]

# The name of the problem with the upload's own name; rules are named by the spec, and none may be called this.
ARCHIVE_RULE = "archive"
_ROLE_SUFFIXES: dict[str, Role] = {
    ".pdf": "report", ".txt": "text", ".md": "text", ".toml": "text", ".csv": "text",
    ".pt": "checkpoint", ".pth": "checkpoint", ".ckpt": "checkpoint",
}  # fmt: skip
_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tgz", ".tar", ".xz", ".bz2")
_NOTEBOOKS = (".ipynb",)


class WireEntry(TypedDict):
    """One line of LOAD's `entries`."""

    path: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The upload sorted by role.

    `entries` is LOAD's list, code first and best candidate first; `problems` holds (name of the file rule, sentence
    for the student) for each name that does not fit.
    """

    entries: tuple[WireEntry, ...]
    problems: tuple[tuple[str, str], ...]

    @property
    def code(self) -> tuple[str, ...]:
        return tuple(entry["path"] for entry in self.entries if entry["role"] == "code")


def match(listing: Listing, rules: FileRules, *, needs_code: bool = True) -> Match:
    """Sort the files of an upload by the assignment's rules.

    A misfitting name is a problem to report, never a reason to grade nothing: every file with a code suffix is a
    candidate, those that a rule names first.

    Raises:
        MissingFile: there is no code, or a file the rules call essential is missing; never where `needs_code` is False,
            as for what is answered in writing alone.

    """
    code = sorted(
        (entry for entry in listing.entries if _is_code(entry, listing, rules)), key=lambda entry: _rank(entry, rules)
    )
    if not code and needs_code:
        raise MissingFile(_no_code(listing, rules))
    problems = (*_archive_problem(listing, rules), *_file_problems(listing, rules))
    for rule in rules.file:
        if needs_code and rule.essential and rule.role != "code" and rule.name in dict(problems):
            raise MissingFile(dict(problems)[rule.name])
    chosen = {entry.path for entry in code}
    others = [entry for entry in listing.entries if entry.path not in chosen]
    entries = [WireEntry(path=entry.path, role="code") for entry in code]
    entries += [WireEntry(path=entry.path, role=_role(entry, rules)) for entry in others]
    return Match(entries=tuple(entries), problems=problems)


def _is_code(entry: Entry, listing: Listing, rules: FileRules) -> bool:
    # A single upload was recognised by intake, whatever its name.
    suffix = _suffix(entry) if listing.kind == "zip" else f".{listing.kind}"
    return suffix in {suffix.casefold() for suffix in rules.code_suffixes}


def _suffix(entry: Entry) -> str:
    return PurePosixPath(entry.base_name.casefold()).suffix


def _fits(rule: FileRule, entry: Entry) -> bool:
    return re.fullmatch(rule.pattern, entry.base_name, re.IGNORECASE) is not None


def _rank(entry: Entry, rules: FileRules) -> tuple[bool, bool, int, str]:
    named = any(rule.role == "code" and _fits(rule, entry) for rule in rules.file)
    return (not named, _suffix(entry) not in _NOTEBOOKS, entry.depth, entry.path)


def _role(entry: Entry, rules: FileRules) -> Role:
    for rule in rules.file:
        if _fits(rule, entry):
            return rule.role
    return _ROLE_SUFFIXES.get(_suffix(entry), "other")


def _archive_problem(listing: Listing, rules: FileRules) -> Iterable[tuple[str, str]]:
    if rules.archive is None or (listing.kind == "zip" and re.fullmatch(rules.archive, listing.name, re.IGNORECASE)):
        return
    example = f" such as {rules.archive_example}" if rules.archive_example else ""
    if listing.kind == "zip":
        yield ARCHIVE_RULE, f"The zip file is called {listing.name}, but the assignment asks for a name{example}."
    else:
        yield ARCHIVE_RULE, f"The assignment asks for a zip file{example}, but {listing.name} was handed in alone."


def _file_problems(listing: Listing, rules: FileRules) -> Iterable[tuple[str, str]]:
    for rule in rules.file:
        if any(_fits(rule, entry) for entry in listing.entries):
            continue
        near = next((entry for entry in listing.entries if _plays(entry, rule, listing, rules)), None)
        if near is None:
            yield rule.name, f"The {_word(rule)} is missing: no file called {rule.example} was found."
        else:
            found = one_line(near.base_name, limit=80)
            yield rule.name, f"The {_word(rule)} is called {found}, but should be called {rule.example}."


def _plays(entry: Entry, rule: FileRule, listing: Listing, rules: FileRules) -> bool:
    """Whether the file could be the one the rule asks for, were it not for its name."""
    if rule.role == "code":
        return _is_code(entry, listing, rules) and not any(_fits(other, entry) for other in rules.file)
    return _role(entry, rules) == rule.role and not any(_fits(other, entry) for other in rules.file)


def _word(rule: FileRule) -> str:
    return {"code": "code file", "text": "text file"}.get(rule.role, rule.role)


def _no_code(listing: Listing, rules: FileRules) -> str:
    wanted = " or ".join(rules.code_suffixes)
    inner = next((entry.base_name for entry in listing.entries if _suffix(entry) in _ARCHIVES), None)
    if inner is not None:
        return (
            f"The zip file holds another archive ({one_line(inner, limit=80)}) and no code of its own; "
            "unpack it and zip the files themselves."
        )
    found = ", ".join(one_line(entry.base_name, limit=40) for entry in listing.entries[:3])
    more = f" and {len(listing.entries) - 3} more" if len(listing.entries) > 3 else ""
    return f"There is no code ({wanted}) in {listing.name}, only {found}{more}; add your notebook or script to it."
