"""Blobs on a real S3-compatible store, which is stopped, frozen, filled and asked with the wrong key."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
import time

import pytest

from grader.domain.errors import StorageFull, TransientError
from grader.storage import objects
from grader.storage.blobs import BlobMissing, Blobs
from grader.storage.objects import BadBlobsUrl, BlobsAway
from tests.object_server import BUCKET, ObjectServer

URL = f"s3://{BUCKET}/a/prefix"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = ObjectServer(tmp_path_factory.mktemp("objects"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def keys(server):
    """The environment holds what a client needs, as a worker's does."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def blobs(keys):
    return Blobs(URL)


def some_bytes(size: int = 1000) -> bytes:
    return os.urandom(16) * (size // 16)


def test_bytes_come_back_by_their_digest_also_in_another_process(blobs, server):
    content = some_bytes()
    stored = blobs.put(content)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert blobs.get(stored.sha256) == content == Blobs(URL).get(stored.sha256)
    assert f"a/prefix/{stored.sha256[:2]}/{stored.sha256}" in server.objects()
    pid = os.fork()
    if pid == 0:
        # What was opened before the fork is used on in the child.
        os._exit(0 if blobs.get(stored.sha256) == content else 1)
    assert os.waitpid(pid, 0)[1] == 0


def test_an_upload_in_several_parts_comes_back_whole(blobs):
    """The store's own sums over parts are not everybody's; ours is over the bytes."""
    content = some_bytes(50 * 2**20 + 16)
    assert blobs.get(blobs.put(content).sha256) == content


def test_what_is_not_kept_leaves_nothing(blobs, server):
    before = server.objects()
    with pytest.raises(RuntimeError), blobs.writer() as writer:
        writer.write(b"half")
        raise RuntimeError
    assert server.objects() == before


def test_what_is_missing_or_damaged_says_so_and_a_torn_object_is_mended(blobs, server):
    with pytest.raises(BlobMissing, match="backup"):
        blobs.get("0" * 64)
    content = some_bytes()
    stored = blobs.put(content)
    (server.folder / BUCKET / "a" / "prefix" / stored.sha256[:2] / stored.sha256).write_bytes(content[:500])
    with pytest.raises(BlobMissing, match="damaged"):
        blobs.get(stored.sha256)
    blobs.put(content)
    assert blobs.get(stored.sha256) == content


def test_what_another_process_wrote_or_deleted_is_seen_at_once(blobs, keys):
    content = some_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    assert not blobs.has(sha256)
    other = Blobs(URL)
    other.put(content)
    assert blobs.has(sha256)
    assert sha256 in {kept.sha256 for kept in blobs.every()}
    other.put_aside(sha256)
    other.drop_aside(sha256)
    assert not blobs.has(sha256)
    assert sha256 not in {kept.sha256 for kept in blobs.every()}


def test_many_threads_share_one_store(blobs):
    contents = [some_bytes() for _ in range(12)]
    wrong = []

    def work(content: bytes) -> None:
        if blobs.get(blobs.put(content).sha256) != content:
            wrong.append(content)

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_store_that_is_away_is_transient_and_the_next_call_works(blobs, server):
    content = some_bytes()
    stored = blobs.put(content)
    with server.away():
        for call in (lambda: blobs.get(stored.sha256), lambda: blobs.put(some_bytes()), lambda: blobs.has("0" * 64)):
            with pytest.raises(BlobsAway, match="try again") as caught:
                call()
            assert isinstance(caught.value, TransientError)
        assert not blobs.is_ready()
    assert blobs.is_ready()
    assert blobs.get(stored.sha256) == content


def test_a_store_that_takes_connections_and_never_answers_costs_a_bounded_time(server, keys, monkeypatch):
    monkeypatch.setitem(objects._OPTIONS["s3"]["config_kwargs"], "read_timeout", 0.4)
    monkeypatch.setattr(objects, "_PATIENCE_S", 1.5)
    blobs = Blobs(URL)
    stored = blobs.put(some_bytes())
    with server.frozen():
        for call in (lambda: blobs.get(stored.sha256), lambda: blobs.put(some_bytes())):
            began = time.monotonic()
            with pytest.raises(BlobsAway):
                call()
            assert time.monotonic() - began < 10
    assert blobs.get(stored.sha256)


def test_the_bound_leaves_a_heartbeat_its_time():
    """A renewal is due after a third of a lease of 30 s: what it waits for must be over before the lease is."""
    assert objects._TRIES * objects._READ_S < objects._PATIENCE_S < 20


def test_a_wrong_key_and_a_missing_bucket_are_the_operators_to_mend(blobs, monkeypatch):
    for call in (Blobs("s3://no-such-bucket").require_ready, lambda: Blobs("s3://no-such-bucket").get("0" * 64)):
        with pytest.raises(BadBlobsUrl, match="no bucket"):
            call()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    stranger = Blobs(URL)
    for call in (stranger.require_ready, lambda: stranger.get("0" * 64)):
        with pytest.raises(BadBlobsUrl, match="refuses our credentials"):
            call()
    assert not stranger.is_ready()


def test_no_key_at_all_is_said(blobs, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Nor is the address asked where machines in a cloud find theirs.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(BadBlobsUrl, match="no credentials"):
        Blobs(URL).get("0" * 64)


def test_keys_may_lie_in_a_file(blobs, server, monkeypatch, tmp_path):
    stored = blobs.put(some_bytes())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    keys = tmp_path / "keys"
    keys.write_text(
        "[default]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\naws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(
            **server.environment
        )
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    assert Blobs(URL).get(stored.sha256)


@pytest.mark.parametrize(("url", "words"), [("nosuch://bucket", "cannot be used"), ("gs://bucket", "not installed")])
def test_a_kind_of_store_that_is_not_there_is_said(url, words):
    with pytest.raises(BadBlobsUrl, match=words):
        Blobs(url)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadBlobsUrl, match="Nothing can be written"):
        Blobs(str(tmp_path / "file" / "blobs")).require_ready()


def test_a_store_whose_disk_is_full_keeps_nothing_and_what_is_there_stays(tmp_path, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system to fill")
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(small)], check=True)
    server = ObjectServer(small)
    try:
        server.start()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        blobs = Blobs(URL)
        kept = blobs.put(some_bytes())
        # rclone calls it an internal error, so it reads as a store that is away; one that says so is full.
        with pytest.raises((BlobsAway, StorageFull)):
            blobs.put(os.urandom(2**20))
        assert blobs.get(kept.sha256)
        assert [kept.sha256] == [found.sha256 for found in blobs.every()]
    finally:
        server.stop()
        subprocess.run(["umount", "-l", str(small)], check=True)


@pytest.mark.parametrize(("code", "status"), [("QuotaExceeded", 403), ("XMinioStorageFull", 507), ("Anything", 507)])
def test_a_store_that_says_that_it_is_full_is_full(code, status):
    from botocore.exceptions import ClientError
    from s3fs.errors import translate_boto_error

    answer = {"Error": {"Code": code, "Message": "full"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StorageFull), objects._said(URL):
        raise translate_boto_error(ClientError(answer, "PutObject"))
