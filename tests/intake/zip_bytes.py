"""Zip files written byte by byte, so that each field can be made to lie."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass


@dataclass
class Member:
    name: str | bytes = "cnn.ipynb"
    content: bytes = b"{}"
    method: int = 0
    flags: int = 0x0800
    mode: int = 0
    size: int | None = None
    compressed: int | None = None
    local_name: bytes | None = None
    local_method: int | None = None
    offset: int | None = None

    @property
    def raw(self) -> bytes:
        return self.name if isinstance(self.name, bytes) else self.name.encode("utf-8", "surrogatepass")

    @property
    def packed(self) -> bytes:
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()


def zip_of(
    *members: Member, prefix: bytes = b"", suffix: bytes = b"", comment: bytes = b"", entries: int | None = None
) -> bytes:
    body, table = bytearray(prefix), bytearray()
    for member in members:
        offset = len(body) - len(prefix) if member.offset is None else member.offset
        packed = member.packed
        crc = zlib.crc32(member.content)
        size = len(member.content) if member.size is None else member.size
        compressed = len(packed) if member.compressed is None else member.compressed
        local = member.raw if member.local_name is None else member.local_name
        method = member.method if member.local_method is None else member.local_method
        body += struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, member.flags, method, 0, 33, crc, compressed, size, len(local), 0
        )
        body += local + packed
        table += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, member.flags, member.method, 0, 33, crc, compressed, size,
            len(member.raw), 0, 0, 0, 0, member.mode << 16, offset,
        )  # fmt: skip
        table += member.raw
    count = len(members) if entries is None else entries
    start = len(body) - len(prefix)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(table), start, len(comment))
    return bytes(body) + bytes(table) + end + comment + suffix


def ordinary_zip(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()
