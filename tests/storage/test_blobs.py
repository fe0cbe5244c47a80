from __future__ import annotations

import hashlib
import os
import subprocess
import time

import pytest

from grader.domain.errors import StorageFull
from grader.storage.blobs import BlobMissing, Blobs


@pytest.fixture(params=["folder", "memory"])
def blobs(request, tmp_path):
    return Blobs(str(tmp_path / "blobs") if request.param == "folder" else f"memory://{tmp_path.name}")


def files_in(folder) -> list:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_bytes_come_back_by_their_digest(blobs):
    stored = blobs.put(b"a submission")
    assert stored.sha256 == hashlib.sha256(b"a submission").hexdigest()
    assert stored.size_bytes == 12
    assert blobs.get(stored.sha256) == b"a submission"


def test_the_same_bytes_are_kept_once(tmp_path):
    blobs = Blobs(str(tmp_path))
    blobs.put(b"same")
    blobs.put(b"same")
    assert len(files_in(tmp_path)) == 1


def test_what_is_missing_says_so(blobs):
    with pytest.raises(BlobMissing, match="backup"):
        blobs.get("0" * 64)


def test_damaged_bytes_are_noticed(tmp_path):
    blobs = Blobs(str(tmp_path))
    stored = blobs.put(b"whole")
    next(iter(files_in(tmp_path))).write_bytes(b"torn!")
    with pytest.raises(BlobMissing, match="damaged"):
        blobs.get(stored.sha256)


def test_what_is_not_kept_leaves_nothing(tmp_path):
    blobs = Blobs(str(tmp_path))
    with blobs.writer() as writer:
        writer.write(b"half of an upl")
        with writer.reader() as stream:
            assert stream.read() == b"half of an upl"
    with pytest.raises(RuntimeError), blobs.writer() as writer:
        writer.write(b"half")
        raise RuntimeError
    assert files_in(tmp_path) == []


def test_what_a_killed_process_left_is_removed_after_a_while(tmp_path):
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    for name, age_s in (("upload-abandoned", 7200), ("upload-under-way", 60), ("somebody-elses", 7200)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (time.time() - age_s,) * 2)
    Blobs(str(tmp_path)).put(b"another")
    assert {path.name for path in incoming.iterdir()} == {"upload-under-way", "somebody-elses"}


def test_a_store_that_can_be_written_to_is_ready(blobs):
    assert blobs.is_ready()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system to fill")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing(small_disk):
    blobs = Blobs(str(small_disk))
    kept = blobs.put(b"x" * 1000)
    with pytest.raises(StorageFull), blobs.writer() as writer:
        for _ in range(100):
            writer.write(b"y" * 8192)
        writer.keep()
    assert blobs.get(kept.sha256) == b"x" * 1000
    assert [path.name for path in files_in(small_disk)] == [kept.sha256]
    assert blobs.put(b"z" * 1000).size_bytes == 1000
