"""Loading a submission: unpack, read, decide which file leads, supply what is missing, run the definitions."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path, PurePosixPath
from typing import Any

from grader.engine.compat import prepare_torchvision
from grader.engine.probe import devices, oldapis, surroundings, tree
from grader.engine.probe.archive import Unpacked, unpack
from grader.engine.probe.codefile import CodeFile
from grader.engine.probe.imports import MissingImports
from grader.engine.probe.reading import ReadFile, read_code
from grader.engine.probe.siblings import SubmissionModules
from grader.engine.probe.supply import Supplies, starter_names, supplied_names, supplies_of, unbound

FILES = 60
_CODE = (".ipynb", ".py")


class Loading:
    """One LOAD request under way, and afterwards what it found out."""

    def __init__(self, root: Path, body: dict[str, Any]) -> None:
        self.root = root
        self.body = body
        self.prefer: list[str] = list(body.get("prefer") or [])
        self.statement_s = float(body.get("statement_s") or 5.0)
        # Written answers that came beside the files.
        self.beside: dict[str, Any] = dict(body.get("answers") or {})
        self.unpacked: list[Unpacked] = []
        self.reads: list[ReadFile] = []
        self.files: list[CodeFile] = []
        self.missing = MissingImports()
        self.supplies: dict[str, Supplies] = {}
        self.notes: list[str] = []
        self.finder = SubmissionModules(root, self._load_sibling)

    def run(self) -> list[CodeFile]:
        """The submission's code files, the one that leads first. Never raises for what a student did."""
        surroundings.prepare()
        prepare_torchvision()
        oldapis.restore()
        devices.make_moves_harmless()
        self.unpacked = unpack(self.body, self.root)
        # A hundred megabytes that are on disk now.
        self.body = {key: value for key, value in self.body.items() if key != "archive"}
        self._read()
        self._order()
        self._supply()
        self.finder.install()
        for file in list(self.files):
            self._load(file)
        self._note_supplies()
        return self.files

    def _read(self) -> None:
        found = [entry for entry in self.unpacked if entry.place is not None and _is_code(entry)]
        notebooks = [entry for entry in found if not entry.path.lower().endswith(".py")]
        if len(found) > FILES:
            self.notes.append(f"Only the first {FILES} of {len(found)} code files were read.")
        for entry in found[:FILES]:
            assert entry.place is not None
            read = read_code(entry.path, entry.place, alone=len(notebooks) <= 1)
            self.reads.append(read)
            for name, text in read.written.items():
                self._write(read, name, text)

    def _write(self, read: ReadFile, name: str, text: str) -> None:
        """What a `%%writefile` cell would have made, where the submission does not bring it."""
        place = read.place.parent / PurePosixPath(name).name
        if place.suffix != ".py":
            return
        try:
            if place.exists():
                return
            place.write_text(text, encoding="utf-8", errors="replace")
        except (OSError, ValueError):
            # A name that no file can have costs that file alone.
            self.notes.append(f"A cell of {read.shown} writes a file under a name that cannot be used.")
            return
        path = str(PurePosixPath(read.path).parent / place.name)
        self.reads.append(read_code(path, place, alone=False))

    def _order(self) -> None:
        """Notebooks before scripts; the file that defines most of what the spec looks for before all."""
        wanted = set(self.prefer)
        self.reads.sort(key=lambda read: read.place.suffix == ".py")
        scores = {
            id(read): len(wanted & {name for cell in read.cells for name in tree.names_bound_anywhere(cell.statements)})
            for read in self.reads
        }
        self.reads.sort(key=lambda read: -scores[id(read)])
        index = 0
        for read in self.reads:
            for cell in read.cells:
                index += 1
                cell.index = index

    def _supply(self) -> None:
        names = list(self.body.get("starter_names") or [])
        own = starter_names(str(self.body.get("starter") or ""), names, self.statement_s)
        self.missing.substitutes = own
        given = {name: own[name] for name in unbound(own, self.reads)}
        for position, read in enumerate(self.reads):
            supplies = supplies_of(read, given, is_main=position == 0)
            self.supplies[read.path] = supplies
            self.files.append(self._code_file(read, supplies))

    def _code_file(self, read: ReadFile, supplies: Supplies) -> CodeFile:
        return CodeFile(
            read.path, read.place, read.cells, missing=self.missing, statement_s=self.statement_s,
            supplied=supplied_names(supplies), builtins=surroundings.student_builtins(),
        )  # fmt: skip

    def _load(self, file: CodeFile) -> None:
        if file.module is not None:
            return
        folder = file.place.parent
        self.finder.set_aside(folder)
        above = [parent for parent in folder.parents if parent.is_relative_to(self.root)]
        others = [other.place.parent for other in self.files]
        self.finder.folders = list(dict.fromkeys([folder, *above, *others]))
        package, name = self._module_name(file)
        module = types.ModuleType(name)
        module.__file__ = str(file.place)
        module.__package__ = package
        sys.modules[name] = module
        file.load(module)

    def _load_sibling(self, place: Path, module: types.ModuleType) -> None:
        """A module of the submission that its own code imports."""
        file = next((file for file in self.files if file.place == place), None)
        if file is None:
            path = str(place.relative_to(self.root)) if place.is_relative_to(self.root) else place.name
            read = read_code(path, place, alone=False)
            file = self._code_file(read, supplies_of(read, {}, is_main=False))
            self.files.append(file)
            self.reads.append(read)
            index = max((cell.index for known in self.reads for cell in known.cells), default=0)
            for number, cell in enumerate(read.cells, 1):
                cell.index = index + number
        if file.module is None:
            file.load(module)
        else:
            vars(module).update({key: value for key, value in file.namespace.items() if not key.startswith("__")})

    def _module_name(self, file: CodeFile) -> tuple[str, str]:
        """Package and name under which others import the file."""
        stem = re.sub(r"\W", "_", file.place.stem) or "submission"
        parts: list[str] = []
        folder = file.place.parent
        uses_relative = any(getattr(node, "level", 0) for node in file.statements)
        while (
            folder != self.root
            and folder.name.isidentifier()
            and ((folder / "__init__.py").exists() or (uses_relative and not parts))
        ):
            parts.insert(0, folder.name)
            folder = folder.parent
        if parts and stem == "__init__":
            return ".".join(parts), ".".join(parts)
        name = ".".join([*parts, stem])
        if not parts and (name[0].isdigit() or _is_taken(name) or (file.place.suffix != ".py")):
            # A notebook is imported by nobody under this name, and must not stand for a library.
            name = f"{name}_notebook" if file.place.suffix != ".py" else f"{name}_submission"
        return ".".join(parts), name

    def _note_supplies(self) -> None:
        given = {name for supplies in self.supplies.values() for name in supplies.from_starter}
        given |= self.missing.substituted
        if given:
            listed = ", ".join(sorted(given))
            self.notes.append(f"Your files do not define {listed}; the course's own version was used instead.")
        for file in self.files:
            usual = self.supplies[file.path].usual if file.path in self.supplies else set()
            kept = sorted(name for name in usual if file.namespace.get(name) is file.supplied.get(name))
            if kept:
                self.notes.append(
                    f"{PurePosixPath(file.path).name} uses {', '.join(kept)} without importing; import them, "
                    "so that it also runs in a fresh session. For the checks they were imported for you."
                )


def _is_code(entry: Unpacked) -> bool:
    return entry.role == "code" or (entry.role == "other" and entry.path.lower().endswith(_CODE))


def _is_taken(name: str) -> bool:
    """Whether a library or a part of Python goes by this name."""
    if name in sys.stdlib_module_names or name in sys.builtin_module_names:
        return True
    module = sys.modules.get(name)
    return module is not None
