"""A server's folder: its data, and the way in.

Two hurdles, one answer each. (1) Started by root, a server runs as somebody who may not enter the folders above its
data (a checkout below /root, a test's private folder). We do not open them: the server gets the data folder as an open
descriptor, and finds it at /proc/self/fd/N, which needs no permission on any folder above. (2) A socket's path holds
107 bytes at most, and a checkout's path may be longer. The server again binds below /proc/self/fd/N; clients take a
short link in a private runtime folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

SOCKET_PATH_BYTES = 107
LINK = "data"


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[tuple[int, Path]]:
    """The descriptor of `folder`, and the path under which a process that inherits it finds the folder."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor, Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def way_to(data: Path, socket_name: str) -> Path:
    """A path of `data` through which clients can reach the socket in it: `data` itself, or a link where it is too long.

    The answer is the same for the same folder, also after a restart, so that a client's address stays true.
    """
    data = data.absolute()
    if len(os.fsencode(data / socket_name)) <= SOCKET_PATH_BYTES:
        return data
    record = data.parent / "runtime"
    known = Path(record.read_text()) if record.exists() else None
    if known is None or not _is_ours(known):
        known = Path(tempfile.mkdtemp(prefix=f"grader-{_mark(data)}-", dir=_runtime_root()))
        record.write_text(str(known))
    link = known / LINK
    if not (link.is_symlink() and link.readlink() == data):
        link.unlink(missing_ok=True)
        link.symlink_to(data)
    return link


def _runtime_root() -> str:
    # The folder for temporary files may itself be too long (TMPDIR of a batch job, of a test).
    for given in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        if given and len(os.fsencode(given)) < SOCKET_PATH_BYTES // 2 and os.access(given, os.W_OK):
            return given
    return "/tmp"  # noqa: S108 -- mkdtemp makes a folder of our own in it


def _is_ours(folder: Path) -> bool:
    """Ours and closed to others: names in /tmp can be taken by anybody once we are gone."""
    with contextlib.suppress(OSError):
        facts = folder.lstat()
        return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o077
    return False


def _mark(data: Path) -> str:
    return hashlib.sha256(os.fsencode(data)).hexdigest()[:8]
