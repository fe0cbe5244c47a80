from __future__ import annotations

import hashlib
import io
import stat
import struct
import time
import tracemalloc
import warnings
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from zip_bytes import Member, ordinary_zip, zip_of

from grader.domain.assignment import Limits
from grader.domain.errors import BadArchive, InputError
from grader.intake.archive import list_upload

LIMITS = Limits()
NOTEBOOK = b'{"cells": [], "nbformat": 4}'


def paths(name, content, limits=LIMITS):
    return [entry.path for entry in list_upload(name, content, limits).entries]


def sentence_for(content):
    """Why it is refused; empty if it is not."""
    try:
        list_upload("a.zip", content, LIMITS)
    except InputError as error:
        return str(error)
    return ""


class TestOrdinaryUploads:
    def test_a_zip_with_a_notebook_and_a_report_is_listed(self):
        content = ordinary_zip({"ada-lovelace/cnn.ipynb": NOTEBOOK, "ada-lovelace/practical2-report.pdf": b"%PDF-1.4"})
        listing = list_upload("ada-lovelace-practical2.zip", content, LIMITS)
        assert (listing.kind, listing.name) == ("zip", "ada-lovelace-practical2.zip")
        assert listing.sha256 == hashlib.sha256(content).hexdigest()
        assert [(entry.path, entry.size, entry.base_name, entry.depth) for entry in listing.entries] == [
            ("ada-lovelace/cnn.ipynb", len(NOTEBOOK), "cnn.ipynb", 1),
            ("ada-lovelace/practical2-report.pdf", 8, "practical2-report.pdf", 1),
        ]

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("cnn.ipynb", "ipynb"), ("CNN.IPYNB", "ipynb"), ("my work (1).ipynb", "ipynb"), ("cnn.ipynb.txt", "ipynb"),
            ("cnn.ipynb.json", "ipynb"), ("a.PY", "py"), ("colourization.py.txt", "py"), (".py", "py"), ("cnn", "ipynb"),
            ("cnn.zip", "ipynb"), ("/home/ada/çözüm.ipynb", "ipynb"), (r"C:\Users\ada\cnn.ipynb", "ipynb"),
        ],
    )  # fmt: skip
    def test_a_bare_notebook_or_script_is_accepted_under_any_name(self, name, kind):
        listing = list_upload(name, NOTEBOOK, LIMITS)
        assert listing.kind == kind
        assert len(listing.entries) == 1
        assert "/" not in listing.name
        assert "\\" not in listing.name

    def test_a_zip_under_another_name_is_read_and_noted(self):
        listing = list_upload("cnn.ipynb", ordinary_zip({"cnn.ipynb": NOTEBOOK}), LIMITS)
        assert listing.kind == "zip"
        assert "is a zip file whatever its name says" in listing.notes[0]

    def test_a_notebook_that_is_not_json_is_the_sandboxes_business(self):
        assert list_upload("cnn.ipynb", b"\xff\xfe\x00 not JSON", LIMITS).kind == "ipynb"

    def test_litter_is_left_out_and_noted(self):
        files = {
            "cnn.ipynb": NOTEBOOK, "__MACOSX/._cnn.ipynb": b"x", ".DS_Store": b"x", "sub/Thumbs.db": b"x",
            ".ipynb_checkpoints/cnn-checkpoint.ipynb": b"x", ".git/HEAD": b"x", "a/__pycache__/b.pyc": b"x",
        }  # fmt: skip
        listing = list_upload("a.zip", ordinary_zip(files), LIMITS)
        assert [entry.path for entry in listing.entries] == ["cnn.ipynb"]
        assert listing.notes == ("6 files left by the system or by tools in the zip file were ignored.",)

    def test_a_zip_written_as_a_stream_is_listed(self):
        class Pipe(io.RawIOBase):
            def __init__(self):
                self.written = bytearray()

            def writable(self):
                return True

            def write(self, chunk):
                self.written += chunk
                return len(chunk)

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("cnn.ipynb", NOTEBOOK)
            with archive.open("big.py", "w", force_zip64=True) as member:
                member.write(b"x = 1\n")
        assert paths("a.zip", bytes(pipe.written)) == ["cnn.ipynb", "big.py"]

    def test_a_zip_in_the_large_format_is_listed(self):
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive, archive.open("cnn.ipynb", "w", force_zip64=True) as member:
            member.write(NOTEBOOK)
        assert paths("a.zip", stream.getvalue()) == ["cnn.ipynb"]

    def test_an_archive_comment_is_allowed(self):
        assert paths("a.zip", zip_of(Member(), comment=b"made by hand")) == ["cnn.ipynb"]

    def test_macos_names_without_the_utf8_mark_read_as_the_student_wrote_them(self):
        listing = list_upload("a.zip", zip_of(Member(name="ödev.ipynb".encode(), flags=0)), LIMITS)
        assert listing.entries[0].base_name == "ödev.ipynb"
        with zipfile.ZipFile(io.BytesIO(zip_of(Member(name="ödev.ipynb".encode(), flags=0)))) as archive:
            assert listing.entries[0].path in archive.namelist()


@given(
    st.dictionaries(
        st.lists(st.text("abcXYZ019 _-çé漢", min_size=1, max_size=8), min_size=1, max_size=4).map("/".join),
        st.binary(max_size=200), min_size=1, max_size=8,
    ),
    st.binary(max_size=30).filter(lambda comment: b"PK" not in comment),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_what_zipfile_writes_is_listed_as_zipfile_lists_it(files, comment):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in files.items():
            archive.writestr(name, content)
    told = sentence_for(stream.getvalue())
    if told:
        assert "same file on some systems" in told
        return
    listing = list_upload("a.zip", stream.getvalue(), LIMITS)
    with zipfile.ZipFile(stream) as archive:
        assert [(entry.path, entry.size) for entry in listing.entries] == [
            (member.filename, member.file_size) for member in archive.infolist()
        ]


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_damaged_zip_is_listed_or_refused_with_a_sentence_and_never_crashes(data):
    content = bytearray(ordinary_zip({"cnn.ipynb": NOTEBOOK * 3, "sub/report.pdf": b"%PDF-"}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    with warnings.catch_warnings(action="error"):
        told = sentence_for(bytes(content[:cut] if data.draw(st.booleans()) else content))
    assert told == "" or (told.endswith(".") and "\n" not in told)


ZIP = ordinary_zip({"cnn.ipynb": NOTEBOOK})
LINK, PIPE, FOLDER = stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644, stat.S_IFDIR | 0o755

REFUSED = {
    "empty upload": (b"", "is empty"),
    "empty zip": (zip_of(), "The zip file is empty"),
    "only folders": (zip_of(Member(name="work/", content=b"", mode=FOLDER)), "The zip file is empty"),
    "only litter": (zip_of(Member(name=".DS_Store")), "The zip file is empty"),
    "cut short": (ZIP[:-10], "cut short or damaged"),
    "trailing bytes": (ZIP + b"\n", "something after its end"),
    "a second zip behind": (ZIP + ZIP, "in front of it or inside it"),
    "a second end in the comment": (zip_of(Member(), comment=b"PK\x05\x06" + b"\0" * 18), "in front of it or inside it"),
    "an entry hidden in front": (
        zip_of(Member(name="evil.py"), Member(offset=40))[: 40] + ZIP, "in front of it"),
    "a table that starts later": (zip_of(Member(), prefix=b"PK\x03\x04 program"), "in front of it"),
    "encrypted": (zip_of(Member(flags=0x0801)), "protected by a password"),
    "strongly encrypted": (zip_of(Member(flags=0x0841)), "protected by a password"),
    "AES": (zip_of(Member(method=99)), "protected by a password"),
    "masked headers": (zip_of(Member(flags=0x2800)), "protected by a password"),
    "LZMA": (zip_of(Member(method=14)), "packed by a method the grader does not read (LZMA)"),
    "unknown method": (zip_of(Member(method=77)), "(number 77)"),
    "patch data": (zip_of(Member(flags=0x0820)), "packed by a method"),
    "absolute path": (zip_of(Member(name="/etc/passwd")), "from the root of a disk"),
    "drive letter": (zip_of(Member(name="C:/cnn.ipynb")), "from the root of a disk"),
    "parent folder": (zip_of(Member(name="../cnn.ipynb")), "leads out of its folder"),
    "parent folder inside": (zip_of(Member(name="a/../../cnn.ipynb")), "leads out of its folder"),
    "backslash": (zip_of(Member(name=r"work\cnn.ipynb")), "a name with a backslash"),
    "zero byte": (zip_of(Member(name="cnn.ipynb\0.pdf")), "control characters"),
    "escape sequence": (zip_of(Member(name="\x1b[2Jcnn.ipynb")), "control characters"),
    "no name": (zip_of(Member(name="./.")), "an entry without a name"),
    "broken UTF-8": (zip_of(Member(name=b"\xff\xfe.py")), "a name that cannot be read"),
    "surrogate": (zip_of(Member(name="\ud800.py")), "a name that cannot be read"),
    "very long name": (zip_of(Member(name="a" * 300 + ".py")), "a name that is too long"),
    "too deep": (zip_of(Member(name="a/" * 13 + "cnn.ipynb")), "nested more than 12 deep"),
    "symbolic link": (zip_of(Member(mode=LINK, content=b"/etc/passwd")), "is a link"),
    "named pipe": (zip_of(Member(mode=PIPE)), "is not an ordinary file"),
    "a file that is a folder": (zip_of(Member(mode=FOLDER)), "both a file and a folder"),
    "a folder with bytes": (zip_of(Member(name="work/")), "gives a wrong size"),
    "stored with two sizes": (zip_of(Member(size=500)), "gives a wrong size"),
    "same name twice": (zip_of(Member(), Member()), "holds cnn.ipynb twice"),
    "names that differ by case": (zip_of(Member(), Member(name="CNN.ipynb")), "the same file on some systems"),
    "names that differ by accents' form": (
        zip_of(Member(name="\u00e9.py"), Member(name="e\u0301.py")), "the same file on some systems"),
    "a file where a folder is": (zip_of(Member(name="a"), Member(name="a/b.py")), "the same file on some systems"),
    "another name in front of the bytes": (zip_of(Member(local_name=b"cnn.pyyyy")), "contradicts itself"),
    "another method in front of the bytes": (zip_of(Member(local_method=8)), "contradicts itself"),
    "two entries over the same bytes": (zip_of(Member(), Member(offset=0)), "Files overlap"),
    "an entry beyond the end": (zip_of(Member(compressed=10_000, size=10_000)), "damaged"),
    "fewer entries than it says": (zip_of(Member(), entries=2), "damaged"),
    "more entries than it says": (zip_of(Member(), Member(name="b.py"), entries=1), "contradicts itself"),
    "a Word document": (ordinary_zip({"[Content_Types].xml": b"", "word/document.xml": b""}), "Microsoft Office"),
    "RAR": (b"Rar!\x1a\x07\x01\x00abc", "is a RAR archive"),
    "7-Zip": (b"7z\xbc\xaf\x27\x1c\x00", "is a 7-Zip archive"),
    "tar.gz": (b"\x1f\x8b\x08\x00", "is a gzip or tar.gz archive"),
    "tar": (b"cnn.ipynb".ljust(257, b"\0") + b"ustar\x0000", "is a tar archive"),
    "PDF": (b"%PDF-1.7\n", "is a PDF document"),
    "web page": (b"\n<!DOCTYPE html><html>", "is a web page"),
    "random bytes": (bytes(range(256)), "only named like one"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_upload_is_refused_in_one_clear_sentence(case):
    content, words = REFUSED[case]
    with pytest.raises(InputError) as refused:
        list_upload("ada-lovelace-practical2.zip", content, LIMITS)
    assert words in str(refused.value)
    assert str(refused.value).endswith(".")
    assert str(refused.value).isprintable()


class TestLimits:
    def test_a_hundred_thousand_entries_are_refused_before_anything_is_built_of_them(self):
        table = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
        content = b"PK\x03\x04" + table * 100_000
        locator = len(content) + 56
        content += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 100_000, 100_000, len(table) * 100_000, 4)
        content += struct.pack("<4sLQL", b"PK\x06\x07", 0, locator - 56, 1)
        content += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        tracemalloc.start()
        began = time.process_time()
        with pytest.raises(BadArchive, match="more than the 2,000 files"):
            list_upload("a.zip", content, LIMITS)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert time.process_time() - began < 0.2
        assert peak < 2**20

    def test_a_table_much_larger_than_its_entries_is_refused(self):
        content = bytearray(zip_of(Member()))
        struct.pack_into("<L", content, len(content) - 10, 2**31)
        with pytest.raises(BadArchive, match="more than the 2,000 files"):
            list_upload("a.zip", bytes(content), LIMITS)

    def test_real_entries_are_counted(self):
        content = ordinary_zip({f"{number}.py": b"" for number in range(11)})
        with pytest.raises(BadArchive, match="more than the 10 files"):
            list_upload("a.zip", content, Limits(entries=10))

    def test_a_zip_bomb_is_refused_by_its_ratio(self):
        content = zip_of(Member(name="zeros.py", content=b"\0" * 8_000_000, method=8))
        with pytest.raises(BadArchive, match="times its size"):
            list_upload("a.zip", content, LIMITS)

    def test_a_small_file_that_shrinks_well_is_no_bomb(self):
        assert paths("a.zip", zip_of(Member(content=b" " * 500_000, method=8))) == ["cnn.ipynb"]

    def test_what_it_would_unpack_to_is_counted_over_all_files(self):
        members = [Member(name=f"{number}.bin", content=b"x" * 600) for number in range(4)]
        with pytest.raises(BadArchive, match="would unpack to"):
            list_upload("a.zip", zip_of(*members), Limits(expanded_bytes=2000))

    def test_a_notebook_full_of_outputs_is_told_to_clear_them(self):
        member = Member(method=8, size=200 * 2**20, content=b"{}")
        with pytest.raises(BadArchive, match=r"200 MB, more than the 64 MB .* Clear All Outputs"):
            list_upload("a.zip", zip_of(member), LIMITS)
        with pytest.raises(InputError, match="Clear All Outputs"):
            list_upload("cnn.ipynb", b" " * 5000, Limits(file_bytes=4000))

    def test_an_upload_larger_than_allowed_is_refused_unread(self):
        with pytest.raises(BadArchive, match="more than the"):
            list_upload("a.zip", b"PK\x03\x04" + b"\0" * 5000, Limits(archive_bytes=4000))

    def test_overlapping_entries_of_a_quoted_bomb_are_refused(self):
        kernel = Member(name="a", content=b"\0" * 1000, method=8)
        content = zip_of(kernel, Member(name="b", content=b"\0" * 1000, method=8, offset=0, local_name=b"a"))
        with pytest.raises(BadArchive, match="overlap"):
            list_upload("a.zip", content, LIMITS)
