"""Text that somebody else wrote, and tables: rosters in, gradebooks out."""

from __future__ import annotations

import csv
import io
import unicodedata

from grader.domain.errors import BadRoster
from grader.formats.cells import safe, to_text
from grader.kit.text import one_line, plain
from grader.service.roster import read_roster
from grader.storage.objects import BadBlobsUrl, open_store
from tests.fuzz.targets.bounds import is_a_sentence, within

# What a spreadsheet trims or folds before it looks whether a cell is a formula, by Unicode's own tables.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
# These ask the network or the disk as soon as they are named, which is their own business.
_ASK_AT_ONCE = ("ftp", "sftp", "ssh", "smb", "hdfs", "webhdfs", "arrow_hdfs", "libarchive", "git", "dask", "jupyter", "jlab", "dbfs",
                "github", "gist", "zip", "reference", "hf", "http", "https", "lakefs", "oss", "gs", "gcs", "abfs", "adl", "az")  # fmt: skip


def text(content: bytes) -> None:
    """Two bytes of limit, then text: what is shown has no control character, no override, and a length."""
    limit = 1 + int.from_bytes(content[:2], "big") % 500
    given = (
        content[2:].decode("utf-8", "surrogatepass" if content[:1] == b"\x00" else "replace") if _fits(content) else ""
    )
    with within(0.5):
        shown = plain(given, limit=limit)
        line = one_line(given, limit=limit)
    assert len(shown) <= limit + 60
    assert len(line) <= limit
    for character in shown + line:
        assert character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs", "Co", "Cn"), repr(character)
        assert unicodedata.bidirectional(character) not in (
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        )
    assert not set(shown + line) & set("\u061c\u200e\u200f\ufeff")
    assert not set(line) & set("\n\t\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")
    assert plain(shown, limit=limit + 60) == shown
    assert one_line(line, limit=limit) == line


def _fits(content: bytes) -> bool:
    try:
        content[2:].decode("utf-8", "surrogatepass" if content[:1] == b"\x00" else "replace")
    except UnicodeDecodeError:
        return False
    return True


def roster(content: bytes) -> None:
    """A roster that is read can be written as a gradebook is, and a spreadsheet finds no formula in it."""
    with within(0.5):
        try:
            lines = read_roster(content)
        except BadRoster as error:
            is_a_sentence(error)
            lines = []
        rows = [(line.email, line.name, line.student_number, line.section, line.team) for line in lines]
        loose = content.decode("utf-8", "replace").split("\x00")[:40]
        written = to_text(("email", "name", "number", "section", "team"), [*rows, loose])
    read = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    assert len(read) == 2 + len(rows)
    for given, found in zip([*rows, loose], read[1:], strict=True):
        assert [safe(cell) for cell in given] == found
    for cell in (cell for row in read for cell in row):
        head = unicodedata.normalize("NFKC", cell.lstrip()[:1])
        assert not cell.startswith(_FORMULA), repr(cell)
        assert head not in _FORMULA or head == "", repr(cell)


def blobs(content: bytes) -> None:
    """An address is a store or a sentence about the setting."""
    url = content.decode("utf-8", "replace")
    names = url.replace("::", "://").split("://")
    if any(name.casefold().strip() in _ASK_AT_ONCE for name in names):
        return
    with within(2.0):
        try:
            open_store(url)
        except BadBlobsUrl as error:
            is_a_sentence(error, among="GRADER_BLOBS_URL")
