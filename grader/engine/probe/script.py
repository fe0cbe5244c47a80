"""SCRIPT: a `.py` file of the submission run as a program, with arguments, in a copy of its folder."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.engine.probe.blame import raised_of, register
from grader.engine.probe.intercept import Interception, Stopped, behaviours_of
from grader.engine.probe.magics import without_magics
from grader.engine.probe.notebook import decoded
from grader.engine.probe.surroundings import student_builtins

if TYPE_CHECKING:
    from grader.engine.probe.workspace import Workspace

STDOUT_CHARACTERS = 64_000
FILES = 500


class _Capped(io.StringIO):
    """Keeps the beginning of what is printed."""

    def write(self, text: str, /) -> int:
        room = STDOUT_CHARACTERS - self.tell()
        super().write(text[: max(0, room)])
        return len(text)


def run_script(workspace: Workspace, body: dict[str, Any]) -> dict[str, Any]:
    """Answer a SCRIPT request; records are live objects."""
    path = str(body["path"])
    behaviours = behaviours_of(body.get("intercept") or [], lambda value: value, workspace.support_object)
    place = _find(workspace, path)
    if place is None:
        return _outcome(2, {"type": "FileNotFoundError", "message": f"there is no file {path}", "where": ""}, "")
    folder = _copied(workspace, body.get("files") or {})
    script = folder / place.relative_to(workspace.root)
    main = _main_module(script)
    interception = Interception(behaviours, [vars(main), *workspace.namespaces()])
    before = _sizes(folder)
    printed = _Capped()
    exit_code, raised = 0, None
    with _as_program(main, script, [str(item) for item in body.get("argv") or []], printed), interception.active():
        try:
            _run(script, place, main)
        except Stopped:
            exit_code = 0
        except SystemExit as leaving:
            exit_code = _exit_code(leaving, printed)
        except BaseException as error:
            exit_code, raised = 1, raised_of(error)
    after = _sizes(folder)
    made = [[name, size] for name, size in sorted(after.items()) if before.get(name) != size][:FILES]
    recording = interception.recording
    return _outcome(exit_code, raised, printed.getvalue()) | {
        "records": recording.records, "stopped_at": recording.stopped_at, "files": made, "notes": recording.notes,
    }  # fmt: skip


def _outcome(exit_code: int, raised: dict[str, str] | None, stdout: str) -> dict[str, Any]:
    return {
        "exit_code": exit_code, "raised": raised, "records": [], "stopped_at": None, "stdout": stdout, "files": [],
        "notes": [],
    }  # fmt: skip


def _find(workspace: Workspace, path: str) -> Path | None:
    """The file of that path, or the only one of that name in any folder."""
    exact = workspace.root / path
    if exact.is_file() and exact.resolve().is_relative_to(workspace.root.resolve()):
        return exact
    name = Path(path).name.lower()
    found = [place for place in sorted(workspace.root.rglob("*")) if place.is_file() and place.name.lower() == name]
    return min(found, key=lambda place: len(place.parts), default=None)


def _copied(workspace: Workspace, files: dict[str, bytes]) -> Path:
    number = 0
    while (folder := workspace.scratch / f"run-{number}").exists():
        number += 1
    shutil.copytree(workspace.root, folder, symlinks=True)
    for name, content in files.items():
        place = folder / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def _main_module(script: Path) -> types.ModuleType:
    main = types.ModuleType("__main__")
    vars(main).update({"__file__": str(script), "__builtins__": student_builtins()})
    return main


@contextlib.contextmanager
def _as_program(main: types.ModuleType, script: Path, argv: list[str], printed: io.StringIO) -> Iterator[None]:
    """The process as a program sees it: its arguments, folder, `__main__` and output."""
    before = (sys.argv, Path.cwd(), sys.modules["__main__"])
    sys.argv, sys.modules["__main__"] = [script.name, *argv], main
    os.chdir(script.parent)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            yield
    finally:
        sys.argv, sys.modules["__main__"] = before[0], before[2]
        os.chdir(before[1])


def _run(script: Path, place: Path, main: types.ModuleType) -> None:
    text = without_magics(decoded(script.read_bytes())[0]).source
    register(place.name, text)
    exec(compile(text, place.name, "exec", dont_inherit=True), vars(main))  # noqa: S102 - running it is what is asked


def _exit_code(leaving: SystemExit, printed: io.StringIO) -> int:
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code
    # As Python does: anything else is a message and a failure.
    printed.write(f"{leaving.code}\n")
    return 1


def _sizes(folder: Path) -> dict[str, int]:
    return {
        str(place.relative_to(folder)): place.stat().st_size
        for place in _below(folder)
        if place.is_file() and "__pycache__" not in place.parts
    }


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder, up to a number that no honest program makes."""
    for number, place in enumerate(folder.rglob("*")):
        if number > 20 * FILES:
            return
        yield place
