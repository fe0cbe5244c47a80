"""Content-addressed bytes on a local path or an object store, through fsspec.

The invariant: whatever stands under a digest is whole. On a local path that is a file written elsewhere, synced,
renamed, and its folder synced; an object store shows an object only when all of it is there.

A local store whose folder is gone (a disk that is not mounted, a network that does not answer) is away, and is never
begun anew by a process that knew it: what is written into an empty mount point is lost when the disk is back.
One that starts meanwhile asks the database whether there is a store (`expect`).

What nobody names any more is put aside before it goes for good (`grader.service.clearing`), and is found there by
whoever turns out to need it: so nobody who stores the same bytes at that moment has to hold a lock.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol, cast

from grader.domain.errors import GraderError, SetupError, StorageFull
from grader.domain.ids import Sha256
from grader.storage.objects import FULL, BadBlobsUrl, BlobsAway, ObjectStore, open_store

_INCOMING = "incoming"
_ASIDE = "aside"
_PREFIX = "upload-"
_CHUNK_BYTES = 2**20
# What a folder says that is not there now, or a process that has no file handle left: it may work later.
_PASSING = {
    errno.ENOENT, errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENXIO, errno.ENODEV,
    errno.EMFILE, errno.ENFILE,
}  # fmt: skip
_DIGEST = re.compile(r"[0-9a-f]{64}")
# A file on its way in to which nobody has written for so long is what a killed process left.
_ABANDONED_S = 3600.0


class BlobMissing(SetupError):
    """Bytes that should be in the blob store are not there, or were damaged; restore them from a backup."""

    code = "blob-missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    sha256: Sha256
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBlob:
    """A blob that is there: when it was written last by the store's own clock, and whether it was put aside."""

    sha256: Sha256
    size_bytes: int
    written_at: datetime
    is_aside: bool = False


class BlobWriter(Protocol):
    """Bytes on their way in: nothing exists under their digest before `keep`, and nothing is left if it never comes."""

    def write(self, chunk: bytes) -> None: ...

    def reader(self) -> BinaryIO:
        """What was written so far, from the start (intake lists the archive before it is kept)."""
        ...

    @property
    def sha256(self) -> Sha256:
        """The digest of what was written so far."""
        ...

    def keep(self) -> StoredBlob:
        """Make the bytes durable (file and folder synced; object stored) under their digest."""
        ...


class Blobs:
    """One store. `url` is any fsspec URL: `file:///var/lib/grader/blobs`, `s3://bucket/prefix`, or a plain path.

    Raises BadBlobsUrl when it names no store that there is. Everything below raises BlobsAway when the store does not
    answer or its folder is gone, and with an object store BadBlobsUrl when it refuses us.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._store, self._root = open_store(url)
        self._folder = None if isinstance(self._store, ObjectStore) else Path(self._root)
        self._tidied_at = -_ABANDONED_S
        self._was_there = False

    def expect(self) -> None:
        """There is a store already: where it is not, it is away, and none is begun."""
        self._was_there = True

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Raises StorageFull when the store takes no more bytes (disk full, quota); nothing is left behind."""
        with _trouble_is_said():
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
        content = self._read(sha256)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise _damaged(sha256)
        return content

    def has(self, sha256: Sha256 | str) -> bool:
        """Whether it is there, whole or damaged."""
        return any(self._store.exists(path) for path in (self._path(sha256), self._aside(sha256)))

    def copy_from(self, other: Blobs, sha256: Sha256 | str) -> StoredBlob:
        """Keep a blob of another store here, piece by piece. Raises BlobMissing as `get` does, StorageFull."""
        with other._opened(sha256) as stream, self.writer() as writer:
            while chunk := stream.read(_CHUNK_BYTES):
                writer.write(chunk)
            if writer.sha256 != sha256:
                raise _damaged(sha256)
            return writer.keep()

    def check(self, sha256: Sha256 | str) -> int:
        """Read a blob to its end; its size in bytes. Raises BlobMissing as `get` does."""
        digest, size = hashlib.sha256(), 0
        with self._opened(sha256) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
        if digest.hexdigest() != sha256:
            raise _damaged(sha256)
        return size

    def every(self) -> Iterator[KeptBlob]:
        """All blobs there are, those put aside too."""
        # What a store says it knew is not asked again.
        self._store.invalidate_cache()
        for path, facts in self._store.find(self._root, detail=True).items():
            folder, name = path.rsplit("/", 2)[1:]
            if _DIGEST.fullmatch(name) and folder in (name[:2], _ASIDE):
                yield KeptBlob(
                    sha256=Sha256(name),
                    size_bytes=facts["size"],
                    written_at=_aware(facts["LastModified"]) if "LastModified" in facts else self._written_at(path),
                    is_aside=folder == _ASIDE,
                )

    def put_aside(self, sha256: Sha256 | str) -> None:
        """Let it go for good later; until then whoever asks for it still gets it. Doing it again is fine."""
        with contextlib.suppress(FileNotFoundError):
            self._move(self._path(sha256), self._aside(sha256))

    def take_back(self, sha256: Sha256 | str) -> None:
        """The opposite of `put_aside`."""
        with contextlib.suppress(FileNotFoundError):
            self._move(self._aside(sha256), self._path(sha256))

    def drop_aside(self, sha256: Sha256 | str) -> None:
        """Delete for good what was put aside; bytes that were stored again since then stay."""
        with contextlib.suppress(FileNotFoundError):
            self._store.rm_file(self._aside(sha256))

    def aside(self, sha256: Sha256 | str) -> KeptBlob | None:
        """What lies aside under this digest. An object store counts its age from when it was put there."""
        path = self._aside(sha256)
        try:
            size, written_at = self._store.size(path), self._written_at(path)
        except FileNotFoundError:
            return None
        return KeptBlob(sha256=Sha256(sha256), size_bytes=size, written_at=written_at, is_aside=True)

    def now(self) -> datetime:
        """The store's own clock: ages of blobs are measured by no other."""
        path = f"{self._root}/{_INCOMING}/clock-{os.getpid()}"
        if self._folder is not None:
            self._incoming()
        self._store.pipe_file(path, b"now")
        try:
            self._store.invalidate_cache()
            return self._written_at(path)
        finally:
            self._store.rm_file(path)

    def free_bytes(self) -> int | None:
        """Room left; None for an object store, which does not say."""
        if self._folder is None:
            return None
        there = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
        return shutil.disk_usage(there).free

    def is_ready(self) -> bool:
        """Whether the store can be written to."""
        try:
            self.require_ready()
        except GraderError:
            return False
        return True

    def require_ready(self) -> None:
        """Say why the store cannot be written to.

        Raises:
            BadBlobsUrl: somebody has to mend something.
            BlobsAway, StorageFull: it may work later.

        """
        try:
            with self.writer() as writer:
                writer.write(b"ready?")
        except OSError as error:
            raise BadBlobsUrl(f"Nothing can be written for {self.url}: {error.strerror or error}.") from error
        if self._folder is None:
            self._store.pipe_file(f"{self._root}/{_INCOMING}/ready", b"ready?")

    def _path(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"

    def _aside(self, sha256: str) -> str:
        return f"{self._root}/{_ASIDE}/{sha256}"

    def _read(self, sha256: str) -> bytes:
        for path in (self._path(sha256), self._aside(sha256)):
            with contextlib.suppress(FileNotFoundError), _trouble_is_said(but=errno.ENOENT):
                return cast("bytes", self._store.cat_file(path))
        self._require_folder()
        raise _missing(sha256)

    @contextmanager
    def _opened(self, sha256: str) -> Iterator[BinaryIO]:
        for path in (self._path(sha256), self._aside(sha256)):
            try:
                with _trouble_is_said(but=errno.ENOENT):
                    stream = self._store.open(path, "rb")
            except FileNotFoundError:
                continue
            with stream:
                yield stream
            return
        self._require_folder()
        raise _missing(sha256)

    def _size(self, path: str) -> int | None:
        try:
            return cast("int", self._store.size(path))
        except FileNotFoundError:
            return None

    def _written_at(self, path: str) -> datetime:
        """Raises FileNotFoundError."""
        return _aware(self._store.modified(path))

    def _move(self, source: str, target: str) -> None:
        """On a path at once, and the time of the last writing goes with it; in an object store a copy and a removal."""
        if self._folder is None:
            self._store.copy(source, target)
            self._store.rm_file(source)
            return
        Path(target).parent.mkdir(exist_ok=True)
        Path(source).rename(target)
        _sync_folder(Path(target).parent)

    def _incoming(self) -> Path | None:
        """Beside the blobs, so that a rename moves no bytes; None lets the system choose."""
        if self._folder is None:
            return None
        incoming = self._folder / _INCOMING
        if not self._was_there:
            incoming.mkdir(parents=True, exist_ok=True)
            self._was_there = True
        self._require_folder()
        if time.monotonic() - self._tidied_at > _ABANDONED_S:
            self._tidied_at = time.monotonic()
            _remove_abandoned(incoming)
        return incoming

    def _require_folder(self) -> None:
        """Raises BlobsAway when the local folder that was there is not, or an empty one stands in its place."""
        if self._folder is not None and self._was_there and not (self._folder / _INCOMING).is_dir():
            raise BlobsAway

    def _keep(self, written: Path, sha256: str) -> None:
        if self._folder is None:
            # One of another size is a torn one, of a store that is not as good as its word: it is mended.
            if self._size(self._path(sha256)) != written.stat().st_size:
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
        with _trouble_is_said():
            self._file.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    def reader(self) -> BinaryIO:
        with _trouble_is_said():
            self._file.flush()
            return cast("BinaryIO", self._path.open("rb"))

    @property
    def sha256(self) -> Sha256:
        return Sha256(self._digest.hexdigest())

    def keep(self) -> StoredBlob:
        sha256 = self.sha256
        with _trouble_is_said():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._blobs._keep(self._path, sha256)  # noqa: SLF001  # one store, two classes
        return StoredBlob(sha256=sha256, size_bytes=self._size)

    def discard(self) -> None:
        # Closing flushes, which fails again on a full disk.
        with contextlib.suppress(OSError):
            self._file.close()
        self._path.unlink(missing_ok=True)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _missing(sha256: str) -> BlobMissing:
    return BlobMissing(f"The blob store has no {sha256[:16]}...; restore it from a backup.")


def _damaged(sha256: str) -> BlobMissing:
    return BlobMissing(f"The bytes of blob {sha256[:16]}... were damaged; restore it from a backup.")


@contextmanager
def _trouble_is_said(*, but: int = 0) -> Iterator[Any]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull from error
        if error.errno in _PASSING and error.errno != but:
            raise BlobsAway from error
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
