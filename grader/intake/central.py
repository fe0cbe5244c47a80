"""The table of contents of a zip file, read by bytes and held against every contradiction.

The invariant: nothing is inflated, nothing is allocated in proportion to a number the file itself gives, and an
archive that two programs could read differently is refused. `zipfile` is not used here because it builds an object
per entry before anybody can count them, and forgives prefixes, overlaps and headers that disagree.
The accepted gap: what the compressed bytes hold is known to nobody before the sandbox.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from grader.domain.errors import BadArchive

_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_LOCATOR64 = struct.Struct("<4sLQL")
_LOCATOR64_SIGNATURE = b"PK\x06\x07"
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_CENTRAL_SIGNATURE = b"PK\x01\x02"
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"

_COMMENT_MAX = 0xFFFF
# The format's version 6.3, the last one that Python's zipfile in the sandbox unpacks.
_NEWEST_VERSION = 63
_FULL16, _FULL32 = 0xFFFF, 0xFFFFFFFF
# What an entry may take in the table: its fixed part, a long name, some extra fields.
_ENTRY_BYTES = 4096
_ZIP64_EXTRA = 0x0001

ENCRYPTED = 0x0001 | 0x0040 | 0x2000
PATCHED = 0x0020
_STREAMED = 0x0008
_UTF8 = 0x0800

_AGAIN = "make the zip file again and upload it once more"
_DAMAGED = f"The zip file is damaged; {_AGAIN}."
_CONTRADICTS = f"The zip file contradicts itself; {_AGAIN}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of the table of contents. `mode` is the Unix file type and permissions, 0 if there are none."""

    path: str
    raw_name: bytes
    flags: int
    method: int
    compressed: int
    size: int
    offset: int
    mode: int


class _Table(NamedTuple):
    entries: int
    size: int
    offset: int
    end: int


def read_table(content: bytes, *, max_entries: int) -> list[Record]:
    """The entries of a zip file, in the order of its table.

    Raises:
        BadArchive: more entries than allowed, a damaged or ambiguous file, bytes before or after the archive.
    """
    table = _find_table(content)
    if table.entries > max_entries or table.size > max_entries * _ENTRY_BYTES:
        raise BadArchive(
            f"The zip file holds more than the {max_entries:,} files that are allowed; "
            "hand in only your code and your report."
        )
    if table.offset + table.size != table.end:
        raise BadArchive(
            f"The zip file has something in front of it or inside it that does not belong there; {_AGAIN}.",
            trick="something in front of it or inside it",
        )
    records = list(_records(content[table.offset : table.end], table.entries))
    _refuse_overlaps(content, records, table.offset)
    return records


def _find_table(content: bytes) -> _Table:
    start = content.rfind(_END_SIGNATURE, max(0, len(content) - _END.size - _COMMENT_MAX))
    if start < 0 or start + _END.size > len(content):
        raise BadArchive(f"The zip file is cut short or damaged; {_AGAIN}.")
    _, disk, first_disk, here, entries, size, offset, comment = _END.unpack_from(content, start)
    if start + _END.size + comment != len(content):
        raise BadArchive(f"The zip file has something after its end; {_AGAIN}.")
    table = _Table(entries, size, offset, start)
    if start >= _LOCATOR64.size and content.startswith(_LOCATOR64_SIGNATURE, start - _LOCATOR64.size):
        return _find_table64(content, table)
    if disk or first_disk or here != entries:
        raise BadArchive("The zip file is one piece of a split archive; make a single zip file.")
    if entries == _FULL16 or _FULL32 in (size, offset):
        raise BadArchive(_DAMAGED)
    return table


def _find_table64(content: bytes, short: _Table) -> _Table:
    locator = short.end - _LOCATOR64.size
    _, disk, position, disks = _LOCATOR64.unpack_from(content, locator)
    if disk or disks > 1:
        raise BadArchive("The zip file is one piece of a split archive; make a single zip file.")
    if position + _END64.size > locator or not content.startswith(_END64_SIGNATURE, position):
        raise BadArchive(_DAMAGED)
    _, length, _, _, disk, first_disk, here, entries, size, offset = _END64.unpack_from(content, position)
    # The length does not count its own eight bytes and the signature.
    if disk or first_disk or here != entries or position + 12 + length != locator:
        raise BadArchive(_CONTRADICTS, trick="two tables that contradict each other")
    for small, full, large in (
        (short.entries, _FULL16, entries),
        (short.size, _FULL32, size),
        (short.offset, _FULL32, offset),
    ):
        if small not in (full, large):
            raise BadArchive(_CONTRADICTS, trick="two tables that contradict each other")
    return _Table(entries, size, offset, position)


def _records(table: bytes, entries: int) -> Iterator[Record]:
    position = 0
    for _ in range(entries):
        if position + _CENTRAL.size > len(table):
            raise BadArchive(_DAMAGED)
        fields = _CENTRAL.unpack_from(table, position)
        signature, version, flags, method = fields[0], fields[2] & 0xFF, fields[3], fields[4]
        compressed, size, names, extras, comments, disk = fields[8:14]
        outside, offset = fields[15:]
        name_at = position + _CENTRAL.size
        extra_at = name_at + names
        position = extra_at + extras + comments
        if signature != _CENTRAL_SIGNATURE or position > len(table) or disk not in (0, _FULL16):
            raise BadArchive(_DAMAGED)
        if version > _NEWEST_VERSION:
            raise BadArchive("The zip file is of a newer kind than the grader reads; make an ordinary zip file.")
        raw = table[name_at:extra_at]
        size, compressed, offset = _widened(table[extra_at : extra_at + extras], size, compressed, offset)
        yield Record(
            path=_decoded(raw, flags), raw_name=raw, flags=flags, method=method, compressed=compressed, size=size,
            offset=offset, mode=outside >> 16,
        )  # fmt: skip
    if position != len(table):
        raise BadArchive(_CONTRADICTS, trick="two tables that contradict each other")


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & _UTF8 else "cp437")
    except UnicodeDecodeError as error:
        raise BadArchive("The zip file holds a name that cannot be read; rename the file and zip again.") from error


def _widened(extra: bytes, size: int, compressed: int, offset: int) -> tuple[int, int, int]:
    """Size, compressed size and offset, taken from the zip64 extra field where the short fields are full."""
    numbers = [size, compressed, offset]
    if _FULL32 not in numbers:
        return size, compressed, offset
    wide = _zip64_numbers(extra)
    for index, number in enumerate(numbers):
        if number == _FULL32:
            if not wide:
                raise BadArchive(_DAMAGED)
            numbers[index] = wide.pop(0)
    return numbers[0], numbers[1], numbers[2]


def _zip64_numbers(extra: bytes) -> list[int]:
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        if kind == _ZIP64_EXTRA:
            field = extra[position + 4 : position + 4 + length]
            return [int.from_bytes(field[at : at + 8], "little") for at in range(0, len(field) // 8 * 8, 8)]
        position += 4 + length
    return []


def _refuse_overlaps(content: bytes, records: list[Record], table_at: int) -> None:
    """Every entry has its own bytes, the first starts the file, and each local header agrees with the table."""
    reached = 0
    for number, record in enumerate(sorted(records, key=lambda record: record.offset)):
        if number == 0 and record.offset:
            raise BadArchive(
                f"The zip file has something in front of it that does not belong there; {_AGAIN}.",
                trick="something in front of it",
            )
        if record.offset < reached:
            raise BadArchive(f"Files overlap inside the zip file; {_AGAIN}.", trick="files that overlap")
        if record.offset + _LOCAL.size > table_at or not content.startswith(_LOCAL_SIGNATURE, record.offset):
            raise BadArchive(_DAMAGED)
        reached = _agreed_end(content, record)
        if reached > table_at:
            raise BadArchive(_DAMAGED)


def _agreed_end(content: bytes, record: Record) -> int:
    """Where the entry's bytes end, once its local header is seen to say what the table says."""
    _, _, flags, method, _, _, _, compressed, size, names, extras = _LOCAL.unpack_from(content, record.offset)
    name_at = record.offset + _LOCAL.size
    extra_at = name_at + names
    if _FULL32 in (compressed, size):
        wide = _zip64_numbers(content[extra_at : extra_at + extras])
        size, compressed = (wide[0], wide[1]) if len(wide) >= 2 else (size, compressed)
    # Whoever writes a zip file in one go knows the sizes only afterwards.
    streamed = flags & _STREAMED and (compressed, size) in ((0, 0), (_FULL32, _FULL32))
    if (
        content[name_at:extra_at] != record.raw_name
        or method != record.method
        or (flags ^ record.flags) & (ENCRYPTED if record.raw_name.isascii() else ENCRYPTED | _UTF8)
        or not (streamed or (compressed, size) == (record.compressed, record.size))
    ):
        raise BadArchive(_CONTRADICTS, trick="two tables that contradict each other")
    return int(extra_at + extras + record.compressed)
