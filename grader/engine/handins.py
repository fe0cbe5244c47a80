"""Hand-ins made from a spec's own material: the reference, and what mutants and variants change in it.

Everything read here is ours; nothing a student sent passes through this module.
"""

from __future__ import annotations

import io
import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from grader.domain.errors import BadSpec
from grader.specs.digest import common_folder
from grader.specs.load import Spec


class Replacement(BaseModel):
    """A text substitution in the reference's code; `old` must occur."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    old: str
    new: str


class Entry(BaseModel):
    """One entry of `mutants/index.toml` or `variants/index.toml`.

    `caught_by` names the checks that must not pass, `also` further checks or parts that may fail with them (for a
    variant: that may fail at all). `file` is a hand-in beside the index, used instead of the changed reference;
    `upload` is the name under which it is handed in; `drop` lists reference files to leave out; `folder` puts all
    files into a folder of that path; `add` copies files from beside the index into the hand-in.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    why: str = ""
    caught_by: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    replace: tuple[Replacement, ...] = ()
    file: str | None = None
    upload: str | None = None
    drop: tuple[str, ...] = ()
    folder: str = ""
    add: tuple[str, ...] = ()
    code_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandIn:
    """A file as a student would upload it."""

    name: str
    content: bytes


def entries_of(spec: Spec, kind: str) -> tuple[Entry, ...]:
    """The entries of `<kind>s/index.toml` and of the shared packages it names; none if there is no such file.

    Raises:
        BadSpec: an index cannot be read, or a shared entry brings files of its own.

    """
    index = spec.folder / f"{kind}s" / "index.toml"
    if not index.is_file():
        return ()
    own, packages = _entries_in(index, kind)
    shared: list[Entry] = []
    for package in packages:
        place = common_folder(spec.folder) / package / f"{kind}s" / "index.toml"
        found, _ = _entries_in(place, kind)
        if any(entry.file is not None or entry.add for entry in found):
            raise BadSpec(f"{place} names files, which only the index of a spec may.")
        shared += found
    return (*shared, *own)


def _entries_in(index: Path, kind: str) -> tuple[list[Entry], list[str]]:
    """The entries of one file, and the packages it takes more from."""
    try:
        tables = tomllib.loads(index.read_text(encoding="utf-8"))
        return [Entry.model_validate(table) for table in tables.get(kind, [])], list(tables.get("shared", []))
    except (OSError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadSpec(f"{index} cannot be used: {str(error).splitlines()[0]}") from error


def reference_folder(spec: Spec) -> Path:
    """Where the full-marks submission of a spec lies."""
    return spec.folder.parent.parent / "reference_solutions" / spec.folder.name


def reference_hand_in(spec: Spec) -> HandIn:
    """The full-marks submission, zipped under the name the assignment asks for."""
    return _zipped(spec, _files_of(reference_folder(spec)), "")


def starter_hand_in(spec: Spec) -> HandIn:
    """What a student has who did nothing: the starter's notebook or script, handed in as it is."""
    files = {
        path.name: path.read_bytes()
        for path in sorted((spec.folder / "starter").iterdir())
        if path.suffix in (".ipynb", ".py")
    }
    notebooks = {name: content for name, content in files.items() if name.endswith(".ipynb")}
    return _zipped(spec, notebooks or files, "")


def hand_in(spec: Spec, kind: str, entry: Entry) -> HandIn:
    """The hand-in of a mutant or variant.

    Raises:
        BadSpec: a substitution's text does not occur, or a file is missing.

    """
    folder = spec.folder / f"{kind}s"
    if entry.file is not None:
        path = folder / entry.file
        if path.is_dir():
            return _zipped(spec, _files_of(path), entry.folder, entry.upload)
        if not path.is_file():
            raise BadSpec(f"The {kind} {entry.name} names a file that is not there: {entry.file}.")
        return HandIn(name=entry.upload or path.name, content=path.read_bytes())
    files = {name: content for name, content in _files_of(reference_folder(spec)).items() if name not in entry.drop}
    files |= {Path(name).name: (folder / name).read_bytes() for name in entry.add}
    if entry.replace:
        code = entry.code_file or next(name for name in files if name.endswith((".ipynb", ".py")))
        files[code] = _changed(files[code], code, entry, kind)
    if entry.upload is not None and not entry.upload.endswith(".zip"):
        code = next(name for name in files if name.endswith((".ipynb", ".py")))
        return HandIn(name=entry.upload, content=files[code])
    return _zipped(spec, files, entry.folder, entry.upload)


def _changed(content: bytes, name: str, entry: Entry, kind: str) -> bytes:
    if not name.endswith(".ipynb"):
        return _substituted([content.decode()], entry, kind)[0].encode()
    notebook: dict[str, Any] = json.loads(content)
    cells = notebook["cells"]
    changed = _substituted(["".join(cell["source"]) for cell in cells], entry, kind)
    for cell, source in zip(cells, changed, strict=True):
        cell["source"] = source
    return json.dumps(notebook).encode()


def _substituted(sources: list[str], entry: Entry, kind: str) -> list[str]:
    for replacement in entry.replace:
        if not any(replacement.old in source for source in sources):
            raise BadSpec(
                f"The {kind} {entry.name} replaces text that the reference does not hold: {replacement.old[:80]!r}."
            )
        sources = [source.replace(replacement.old, replacement.new) for source in sources]
    return sources


def _files_of(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise BadSpec(f"There is no reference submission: {folder} is missing.")
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def _zipped(spec: Spec, files: Mapping[str, bytes], folder: str, upload: str | None = None) -> HandIn:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # A fixed time keeps the same hand-in the same bytes.
            archive.writestr(
                zipfile.ZipInfo(f"{folder}/{name}" if folder else name, (2020, 1, 1, 0, 0, 0)),
                content,
                zipfile.ZIP_DEFLATED,
            )
    return HandIn(name=upload or spec.assignment.files.archive_example or "hand-in.zip", content=packed.getvalue())
