"""Content-addressed bytes on a local path or an object store, through fsspec."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from grader.domain.ids import Sha256


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

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Raises StorageFull when the store takes no more bytes (disk full, quota); nothing is left behind."""
        raise NotImplementedError
        yield

    def put(self, content: bytes) -> StoredBlob:
        raise NotImplementedError

    def get(self, sha256: Sha256 | str) -> bytes:
        """Raises BlobMissing (SetupError) when it is not there, or its bytes no longer have this digest."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether the store can be written to."""
        raise NotImplementedError
