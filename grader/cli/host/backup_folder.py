"""A folder of backups: one folder for each, named by its time, and the blobs of all of them, each kept once.

The invariant: what is named by a time is whole. A backup is made under another name, its manifest is written last, and
then it is renamed; so one that was killed is no backup, and changes nothing about those before it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from grader.domain.errors import BadArguments, ConflictError, SetupError
from grader.storage.blobs import BlobMissing, Blobs

MANIFEST, DUMP, NAMED, BLOBS, LOCK = "manifest.json", "database.dump", "blobs.txt", "blobs", "lock"
UNFINISHED = ".unfinished"
_LAYOUT = 1
_TIME = re.compile(r"\d{8}T\d{6}Z")
_CHUNK_BYTES = 2**20


class BrokenBackup(SetupError):
    """The backup is not whole; use another one."""

    code = "broken-backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says about itself. `made_at` is ISO 8601 by the database's clock; sizes are in bytes.

    `postgres` is the major version of the server, `missing` are digests that rows name and the store did not have.
    """

    layout: int = _LAYOUT
    made_at: str
    grader: str
    schema: str
    postgres: int
    dump_sha256: str
    dump_bytes: int
    named_sha256: str
    blobs: int
    blob_bytes: int
    rows: Mapping[str, int]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A whole one: its folder, and what it says about itself."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def dump(self) -> Path:
        return self.folder / DUMP

    def blobs(self) -> list[str]:
        """The digests its rows name, but for those that were missing."""
        return self.folder.joinpath(NAMED).read_text(encoding="ascii").split()


class BackupFolder:
    """`folder`, open to its owner alone: it holds everything that students handed in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().absolute()
        self.blobs = Blobs(str(self.folder / BLOBS))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the folder if need be. Raises ConflictError where another backup into it is under way."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BadArguments(f"No backup can be kept in {self.folder} ({error.strerror}).") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ConflictError(f"Another backup into {self.folder} is under way.") from error
        try:
            yield
        finally:
            os.close(descriptor)

    def every(self) -> list[Backup]:
        """Those that are whole, oldest first. Raises BrokenBackup for a manifest that cannot be read."""
        if not self.folder.is_dir():
            return []
        found = sorted(path for path in self.folder.iterdir() if _TIME.fullmatch(path.name))
        return [Backup(folder=path, manifest=_manifest(path)) for path in found]

    def get(self, name: str | None) -> Backup:
        """The backup of that name, else the newest. Raises BadArguments when there is none, BrokenBackup."""
        found = self.every()
        chosen = [backup for backup in found if name in (None, backup.name)]
        if not chosen:
            there = ", ".join(backup.name for backup in found[-5:]) or "none"
            what = f"no backup {name}" if name else "no whole backup"
            raise BadArguments(f"There is {what} in {self.folder} (there is {there}).")
        return chosen[-1]

    @contextmanager
    def making(self) -> Iterator[Path]:
        """A folder for the parts of a new backup; it becomes one by `finish`, else nothing of it stays."""
        self.tidy()
        fresh = self.folder / f"new{UNFINISHED}"
        fresh.mkdir(mode=0o700)
        try:
            yield fresh
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def finish(self, fresh: Path, name: str, manifest: Manifest) -> Backup:
        """Make it the backup `name`, at once and durably."""
        (fresh / MANIFEST).write_text(sealed(manifest), encoding="utf-8")
        for path in (*fresh.iterdir(), fresh):
            _sync(path)
        done = self.folder / name
        fresh.rename(done)
        _sync(self.folder)
        return Backup(folder=done, manifest=manifest)

    def keep_newest(self, number: int) -> int:
        """Delete older backups, and the blobs that only they named; how many backups went."""
        found = self.every()
        going = found[:-number]
        for backup in going:
            # Half of a backup is none: the name goes first.
            aside = backup.folder.with_name(f"{backup.name}{UNFINISHED}")
            backup.folder.rename(aside)
            shutil.rmtree(aside)
        named = {digest for backup in found[-number:] for digest in backup.blobs()}
        for kept in self.blobs.every():
            if kept.sha256 not in named:
                self.blobs.put_aside(kept.sha256)
                self.blobs.drop_aside(kept.sha256)
        return len(going)

    def tidy(self) -> None:
        """Delete what backups that were killed have left."""
        for path in self.folder.glob(f"*{UNFINISHED}"):
            shutil.rmtree(path, ignore_errors=True)

    def verify(self, backup: Backup, tell: Callable[[str], None], *, only: Iterable[str]) -> None:
        """Read it again, of its blobs `only` these. `tell` gets a sentence for each thing that is wrong."""
        said = backup.manifest
        if sha256_of_file(backup.dump) != said.dump_sha256:
            tell(f"{backup.name}: the dump of the database is damaged.")
        if sha256_of_file(backup.folder / NAMED) != said.named_sha256:
            tell(f"{backup.name}: the list of blobs is damaged.")
        for digest in said.missing:
            tell(f"{backup.name}: blob {digest[:16]}... was missing already when the backup was made.")
        for digest in only:
            try:
                self.blobs.check(digest)
            except BlobMissing:
                tell(f"{backup.name}: blob {digest[:16]}... is damaged or not there.")


def sha256_of_file(path: Path) -> str:
    """Empty where there is no such file."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError:
        return ""
    return digest.hexdigest()


def sealed(manifest: Manifest) -> str:
    """As it is written down: with a digest of itself, so that no byte of it can change unnoticed."""
    plain = asdict(manifest)
    return json.dumps({**plain, "seal": _seal(plain)}, indent=1) + "\n"


def _seal(plain: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _manifest(folder: Path) -> Manifest:
    try:
        plain = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        is_whole = plain.pop("seal") == _seal(plain)
        layout, manifest = plain["layout"], Manifest(**{**plain, "missing": tuple(plain["missing"])})
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenBackup(f"The manifest of the backup {folder} cannot be read; use another backup.") from error
    if not is_whole:
        raise BrokenBackup(f"The manifest of the backup {folder} is damaged; use another backup.")
    if layout > _LAYOUT:
        raise BrokenBackup(f"The backup {folder} was made by a newer grader; restore it with that one.")
    return manifest


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
