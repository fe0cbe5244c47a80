"""An object store behind fsspec: bounded in time, with no memory of its own, and its errors in our words.

The invariants: a call ends within its time, whatever the network does; what is asked is asked of the store and never
answered from a listing of a while ago; an error says whether to try again (`BlobsAway`) or to mend something
(`BadBlobsUrl`). An object appears whole or not at all: that is the store's own promise.
"""

from __future__ import annotations

import asyncio
import errno
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import fsspec
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.local import LocalFileSystem

from grader.domain.errors import SetupError, StorageFull, TransientError
from grader.kit.text import one_line

# The first answer of a store that works comes within a second. A heartbeat may have to wait for a picture: both tries
# together take less than the two thirds of a lease that are left when it is due.
_CONNECT_S = 3.0
_READ_S = 8.0
_PATIENCE_S = 17.0
_TRIES = 2
# What a slow line carries: a call gets so much more time the more bytes it moves.
_BYTES_PER_S = 256 * 2**10
# A million objects are a thousand pages.
_LISTING_S = 600.0
# Full disk, full quota, and a file larger than the store takes.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# What S3-like stores call a quota that is used up or a disk that is full.
_FULL_CODES = {"QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "507"}
# botocore's, which only a worker or server with an S3 store has installed.
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"}
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            # One set of tries, the outer one: it knows more errors.
            "retries": {"total_max_attempts": 1},
            # Whoever reads holds the bytes against their SHA-256; not every S3-like store gets these sums right.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "max_pool_connections": 50,
        },
    },
}


class BlobsAway(TransientError):
    """The store that keeps uploads did not answer; try again in a moment."""

    code = "blobs-away"


class BadBlobsUrl(SetupError):
    """GRADER_BLOBS_URL names a store that cannot be used."""

    code = "bad-blobs-url"


def open_store(url: str) -> tuple[Any, str]:
    """A file system in fsspec's words, and the path in it that the URL means: a local one, or an ObjectStore.

    Raises:
        BadBlobsUrl: there is no such kind of store, or what it needs is not installed.

    """
    store, root = _opened(url)
    return (store if isinstance(store, LocalFileSystem) else ObjectStore(url, store)), root


def _opened(url: str) -> tuple[Any, str]:
    protocol = one_line(url.split("://", 1)[0], limit=40)
    options = _OPTIONS.get(protocol, {})
    try:
        # An instance of our own, without listings: what others write is seen at once.
        store, root = fsspec.core.url_to_fs(url, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError as error:
        raise BadBlobsUrl(
            f"GRADER_BLOBS_URL names a {protocol} store, which is not installed here: {one_line(str(error))}."
        ) from error
    except Exception as error:
        # Each kind of store has errors of its own for an address that it cannot read or reach.
        raise BadBlobsUrl(
            f"GRADER_BLOBS_URL cannot be used: {one_line(str(error)) or type(error).__name__}."
        ) from error
    if isinstance(store, AsyncFileSystem):
        store.retries = _TRIES
    return store, cast("str", root)


class ObjectStore:
    """What `Blobs` needs of fsspec, by whole paths. Safe to share between threads, and usable after a fork.

    Every method raises BlobsAway when the store does not answer, BadBlobsUrl when it refuses us or has no such bucket,
    StorageFull when it takes no more bytes; those about one object raise FileNotFoundError when there is none.
    """

    def __init__(self, url: str, store: Any) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._inner = store
        self._opened_by = os.getpid()

    def cat_file(self, path: str) -> bytes:
        return cast("bytes", self._call("cat_file", path, within_s=_time_for(self.size(path))))

    def put_file(self, written: str, path: str) -> None:
        self._call("put_file", written, path, within_s=_time_for(Path(written).stat().st_size))

    def pipe_file(self, path: str, content: bytes) -> None:
        self._call("pipe_file", path, content, within_s=_time_for(len(content)))

    @contextmanager
    def open(self, path: str, mode: str = "rb") -> Iterator[BinaryIO]:
        """To read piece by piece what should not be in memory as a whole: it is fetched into a file first."""
        with tempfile.NamedTemporaryFile(prefix="grader-blob-") as local:
            self._call("get_file", path, local.name, within_s=_time_for(self.size(path)))
            with Path(local.name).open(mode) as stream:
                yield cast("BinaryIO", stream)

    def size(self, path: str) -> int:
        return int(self._info(path)["size"])

    def exists(self, path: str) -> bool:
        try:
            self._info(path)
        except FileNotFoundError:
            return False
        return True

    def modified(self, path: str) -> datetime:
        if isinstance(self._store(), AsyncFileSystem):
            facts = self._info(path)
            return cast("datetime", next(facts[name] for name in ("LastModified", "mtime", "updated") if name in facts))
        return cast("datetime", self._call("modified", path, within_s=_PATIENCE_S))

    def find(self, root: str, *, detail: bool = True) -> dict[str, dict[str, Any]]:
        """Every object below, with its facts."""
        found = self._call("find", root, within_s=_LISTING_S, detail=detail)
        return cast("dict[str, dict[str, Any]]", found)

    def copy(self, source: str, target: str) -> None:
        self._call("cp_file", source, target, within_s=_time_for(self.size(source)))

    def rm_file(self, path: str) -> None:
        self._call("rm_file", path, within_s=_PATIENCE_S)

    def invalidate_cache(self) -> None:
        """There is none."""

    def _info(self, path: str) -> dict[str, Any]:
        return cast("dict[str, Any]", self._call("info", path, within_s=_PATIENCE_S))

    def _store(self) -> Any:
        with self._lock:
            # Connections, and the thread that drives them, do not survive a fork.
            if self._opened_by != os.getpid():
                self._inner, self._opened_by = _opened(self._url)[0], os.getpid()
            return self._inner

    def _call(self, name: str, *arguments: object, within_s: float, **named: object) -> Any:
        store = self._store()
        with _said(self._url):
            if isinstance(store, AsyncFileSystem):
                return _within(within_s, store, getattr(store, f"_{name}"), *arguments, **named)
            return getattr(store, name)(*arguments, **named)


def _time_for(size_bytes: int) -> float:
    return _PATIENCE_S + size_bytes / _BYTES_PER_S


def _within(
    within_s: float, store: AsyncFileSystem, method: Callable[..., Any], *arguments: object, **named: object
) -> Any:
    """The call's result; cancelled when its time is over, so that nothing of it goes on behind our back."""

    async def bounded() -> Any:
        return await asyncio.wait_for(method(*arguments, **named), within_s)

    return asyncio.run_coroutine_threadsafe(bounded(), store.loop).result()


@contextmanager
def _said(url: str) -> Iterator[None]:
    """A store's error as one of ours. That there is no such object is an answer, and passes."""
    try:
        yield
    except FileNotFoundError as error:
        if _code_of(error) == "NoSuchBucket":
            raise BadBlobsUrl(f"There is no bucket for {url}; make it, or mend GRADER_BLOBS_URL.") from error
        raise
    except PermissionError as error:
        raise BadBlobsUrl(f"The blob store at {url} refuses our credentials: {error}.") from error
    except OSError as error:
        if error.errno in FULL or _code_of(error) in _FULL_CODES:
            raise StorageFull from error
        raise BlobsAway from error
    except Exception as error:
        # The libraries behind fsspec have errors of their own for a network that does not work.
        if type(error).__name__ in _NO_CREDENTIALS:
            raise BadBlobsUrl(f"There are no credentials for the blob store at {url}: {error}.") from error
        raise BlobsAway from error


def _code_of(error: OSError) -> str:
    """What an S3-like store calls the error it answered with."""
    response = getattr(error.__cause__, "response", None)
    if not isinstance(response, Mapping):
        return ""
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return "507" if status == 507 else str(response.get("Error", {}).get("Code", ""))
