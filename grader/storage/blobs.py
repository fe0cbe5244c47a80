"""Content-addressed bytes on a local path or an object store, through fsspec.

The invariant: whatever stands under a digest is whole. On a local path that is a file written elsewhere, synced,
renamed, and its folder synced; an object store shows an object only when all of it is there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from grader.domain.errors import SetupError, StorageFull
from grader.domain.ids import Sha256

# Full disk, full quota, and a file larger than the file system takes.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_INCOMING = "incoming"
_PREFIX = "upload-"
# A file on its way in to which nobody has written for so long is what a killed process left.
_ABANDONED_S = 3600.0


class BlobMissing(SetupError):
    """Bytes that should be in the blob store are not there, or were damaged; restore them from a backup."""

    code = "blob-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    sha256: Sha256
    size_bytes: int


class BlobWriter(Protocol):
    """Bytes on their way in: nothing exists under their digest before `keep`, and nothing is left if it never comes."""

    def write(self, chunk: bytes) -> None: ...

    def reader(self) -> BinaryIO:
        """What was written so far, from the start (intake lists the archive before it is kept)."""
        ...

    def keep(self) -> StoredBlob:
        """Make the bytes durable (file and folder synced; object stored) under their digest."""
        ...


class Blobs:
    """One store. `url` is any fsspec URL: `file:///var/lib/grader/blobs`, `s3://bucket/prefix`, or a plain path."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._store, self._root = fsspec.core.url_to_fs(url)
        self._folder = Path(self._root) if isinstance(self._store, LocalFileSystem) else None
        self._tidied_at = -_ABANDONED_S

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Raises StorageFull when the store takes no more bytes (disk full, quota); nothing is left behind."""
        with _full_is_said():
            writer = _Writer(self, self._incoming())
        try:
            yield writer
        finally:
            writer.discard()

    def put(self, content: bytes) -> StoredBlob:
        """Keep these bytes. Raises StorageFull."""
        with self.writer() as writer:
            writer.write(content)
            return writer.keep()

    def get(self, sha256: Sha256 | str) -> bytes:
        """Raises BlobMissing when it is not there, or its bytes no longer have this digest."""
        try:
            content = cast("bytes", self._store.cat_file(self._path(sha256)))
        except FileNotFoundError as error:
            raise BlobMissing(f"The blob store has no {sha256[:16]}...; restore it from a backup.") from error
        if hashlib.sha256(content).hexdigest() != sha256:
            raise BlobMissing(f"The bytes of blob {sha256[:16]}... were damaged; restore it from a backup.")
        return content

    def is_ready(self) -> bool:
        """Whether the store can be written to."""
        try:
            with self.writer() as writer:
                writer.write(b"ready?")
            if self._folder is None:
                self._store.pipe_file(f"{self._root}/{_INCOMING}/ready", b"")
        except (OSError, StorageFull):
            return False
        return True

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def _incoming(self) -> Path | None:
        """Beside the blobs, so that a rename moves no bytes; None lets the system choose."""
        if self._folder is None:
            return None
        incoming = self._folder / _INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        if time.monotonic() - self._tidied_at > _ABANDONED_S:
            self._tidied_at = time.monotonic()
            _remove_abandoned(incoming)
        return incoming

    def _keep(self, written: Path, sha256: str) -> None:
        if self._folder is None:
            if not self._store.exists(self._path(sha256)):
                self._store.put_file(str(written), self._path(sha256))
            return
        target = Path(self._path(sha256))
        if not target.parent.is_dir():
            target.parent.mkdir(exist_ok=True)
            _sync_folder(self._folder)
        written.rename(target)
        _sync_folder(target.parent)


class _Writer:
    def __init__(self, blobs: Blobs, folder: Path | None) -> None:
        self._blobs = blobs
        descriptor, name = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        self._path = Path(name)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        with _full_is_said():
            self._file.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def reader(self) -> BinaryIO:
        with _full_is_said():
            self._file.flush()
        return cast("BinaryIO", self._path.open("rb"))

    def keep(self) -> StoredBlob:
        sha256 = Sha256(self._digest.hexdigest())
        with _full_is_said():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._blobs._keep(self._path, sha256)  # noqa: SLF001  # one store, two classes
        return StoredBlob(sha256=sha256, size_bytes=self._size)

    def discard(self) -> None:
        # Closing flushes, which fails again on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def _full_is_said() -> Iterator[Any]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull from error
        raise


def _remove_abandoned(incoming: Path) -> None:
    for path in incoming.glob(f"{_PREFIX}*"):
        # Another process may be tidying too.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
