"""Bytes that nobody names any more go for good, and never those that somebody stores again at that moment.

Whoever stores bytes writes the row that names them a moment later, and holds no lock. So a blob is first put aside,
where it is still found; then it is asked again who names it; and only what nobody has written for an hour goes. No
upload takes longer than that between its bytes and its row: its request would have ended long ago.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from grader.storage.blobs import Blobs, KeptBlob
from grader.storage.database import Database
from grader.storage.repositories import care

# The bytes of a refused upload, or of a process that ended before it wrote the row.
ORPHAN_AGE = timedelta(days=1)
# After the last writing, or, in an object store, after it was put aside.
_ROW_COMES_WITHIN = timedelta(hours=1)
_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """Blobs that went for good, and those that lie aside and go with the next clearing in an hour or later."""

    blobs: int = 0
    size_bytes: int = 0
    later: int = 0


def let_go(database: Database, blobs: Blobs, digests: Iterable[str]) -> Cleared:
    """Clear those of these blobs that no row names. Call it after the commit that removed the rows."""
    chosen = sorted(digests)
    gone: list[KeptBlob] = []
    later = 0
    for start in range(0, len(chosen), _AT_ONCE):
        some = chosen[start : start + _AT_ONCE]
        for digest in _unnamed(database, some):
            blobs.put_aside(digest)
        dropped, waiting = _drop(database, blobs, some)
        gone += dropped
        later += waiting
    return Cleared(blobs=len(gone), size_bytes=sum(kept.size_bytes for kept in gone), later=later)


def clear_orphans(database: Database, blobs: Blobs, *, dry_run: bool = False) -> Cleared:
    """Clear what no row names and nobody has written for a day, and what was put aside before."""
    now = blobs.now()
    found = list(blobs.every())
    # What the store has first, then what rows name: a row written meanwhile is seen.
    old = [kept for kept in found if kept.is_aside or now - kept.written_at > ORPHAN_AGE]
    chosen: dict[str, KeptBlob] = {kept.sha256: kept for kept in old}
    unnamed = _unnamed(database, sorted(chosen))
    if dry_run:
        return Cleared(blobs=len(unnamed), size_bytes=sum(chosen[digest].size_bytes for digest in unnamed))
    return let_go(database, blobs, chosen)


def _drop(database: Database, blobs: Blobs, digests: list[str]) -> tuple[list[KeptBlob], int]:
    now = blobs.now()
    aside = {digest: kept for digest in digests if (kept := blobs.aside(digest)) is not None}
    unnamed = _unnamed(database, list(aside))
    dropped, later = [], 0
    for digest, kept in aside.items():
        if digest not in unnamed:
            blobs.take_back(digest)
        elif now - kept.written_at > _ROW_COMES_WITHIN:
            blobs.drop_aside(digest)
            dropped.append(kept)
        else:
            later += 1
    return dropped, later


def _unnamed(database: Database, digests: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(digests), _AT_ONCE):
        some = digests[start : start + _AT_ONCE]
        with database.begin() as work:
            found |= set(some) - care.named_among(work, some)
    return found
