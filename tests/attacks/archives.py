"""Zip files that no ordinary tool makes, around a wrong hand-in."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable

from tests.attacks.handins import WRONG
from tests.attacks.idea import MODULE

Made = Callable[[], tuple[str, bytes]]


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes], plain: bool = True) -> bytes:
    """A zip file of the wrong hand-in, unless `plain` says not to, and these entries."""
    into = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        # Two entries of one name are what some ideas are about.
        warnings.simplefilter("ignore", UserWarning)
        if plain:
            archive.writestr(MODULE, WRONG)
        for name, content in entries:
            archive.writestr(name, content)
    return into.getvalue()


def uploaded(*entries: tuple[str | zipfile.ZipInfo, bytes], plain: bool = True) -> Made:
    return lambda: ("handin.zip", packed(*entries, plain=plain))


def special(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry that a Unix would make a link, a device or a pipe."""
    made = zipfile.ZipInfo(name)
    made.create_system = 3
    made.external_attr = (mode | 0o777) << 16
    return made


def link(name: str) -> zipfile.ZipInfo:
    return special(name, stat.S_IFLNK)


def replaced(old: bytes, new: bytes, *entries: tuple[str | zipfile.ZipInfo, bytes], only_last: bool = False) -> Made:
    """The archive with bytes changed everywhere, or only in its table of contents, where sizes stay."""

    def made() -> tuple[str, bytes]:
        content = packed(*entries)
        assert len(old) == len(new)
        if only_last:
            head, found, tail = content.rpartition(old)
            assert found
            return "handin.zip", head + new + tail
        assert old in content
        return "handin.zip", content.replace(old, new)

    return made


def overlapping() -> tuple[str, bytes]:
    """David Fifield's bomb in small: many lines of the table lead to one piece of compressed bytes."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = compressor.compress(bytes(2**20)) + compressor.flush()
    checksum = zlib.crc32(bytes(2**20))
    sizes = (checksum, len(body), 2**20)
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, *sizes, 4, 0) + b"a.py" + body
    table = b""
    for number in range(20):
        name = b"%c.py" % (97 + number)
        table += struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, *sizes, 4, 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 20, 20, len(table), len(local), 0)
    return "handin.zip", local + table + end


def lying() -> tuple[str, bytes]:
    """A file that says it has 10 bytes and inflates to 64 MiB: only who inflates it can know."""
    content = packed(("liar.py", bytes(64 * 2**20)))
    return "handin.zip", content.replace(struct.pack("<L", 64 * 2**20), struct.pack("<L", 10))
