"""A local store whose disk is not there: nothing is written beside it, and what is said is that it may work later."""

from __future__ import annotations

import hashlib
import resource

import pytest

from grader.domain.errors import TransientError
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.objects import BlobsAway

CONTENT = b"what was handed in"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "disk" / "blobs"


@pytest.fixture
def blobs(folder):
    made = Blobs(str(folder))
    made.put(CONTENT)
    return made


def test_a_folder_that_is_gone_is_not_begun_anew(blobs, folder):
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(BlobsAway):
        blobs.put(b"more")
    assert not folder.exists(), "an upload written here would be hidden when the disk is back"
    for ask in (blobs.get, blobs.check):
        with pytest.raises(BlobsAway):
            ask(DIGEST)
    assert not blobs.is_ready()
    folder.with_name("elsewhere").rename(folder)
    assert blobs.is_ready()
    assert blobs.get(DIGEST) == CONTENT


def test_an_empty_mount_point_is_not_the_store(blobs, folder):
    folder.rename(folder.with_name("elsewhere"))
    folder.mkdir()
    with pytest.raises(BlobsAway):
        blobs.put(b"more")
    with pytest.raises(BlobsAway):
        blobs.get(DIGEST)
    assert list(folder.iterdir()) == []


def test_a_folder_that_goes_in_the_middle_of_an_upload_is_away(blobs, folder):
    with pytest.raises(BlobsAway), blobs.writer() as writer:
        writer.write(b"half")
        folder.rename(folder.with_name("elsewhere"))
        writer.keep()


def test_a_process_that_starts_meanwhile_begins_none_where_there_must_be_one(blobs, folder):
    folder.rename(folder.with_name("elsewhere"))
    started = Blobs(str(folder))
    started.expect()
    with pytest.raises(BlobsAway):
        started.put(b"more")
    assert not started.is_ready()
    assert not folder.exists()
    folder.with_name("elsewhere").rename(folder)
    assert started.get(DIGEST) == CONTENT


def test_what_is_missing_in_a_store_that_is_there_is_missing(blobs):
    with pytest.raises(BlobMissing):
        blobs.get("0" * 64)


def test_no_file_handle_left_is_for_a_while(blobs):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(TransientError):
            blobs.put(b"more")
        with pytest.raises(TransientError):
            blobs.get(DIGEST)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert blobs.get(DIGEST) == CONTENT
