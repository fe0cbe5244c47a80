from __future__ import annotations

import os
import subprocess

import pytest

from grader.local.carriers import REDIS_PARTS, redis_program, usable_program
from grader.local.faults import FolderUnusable
from grader.local.identity import SERVER_UID, Identity

SERVER = Identity(uid=SERVER_UID, gid=SERVER_UID)
PROGRAM = f"{REDIS_PARTS[0]}/redis-server"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


@pytest.fixture
def closed_home(tmp_path):
    """A checkout below a folder like /root, which lets only root in."""
    (tmp_path / "home" / REDIS_PARTS[0]).mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    (tmp_path / "home" / PROGRAM).write_bytes(redis_program(None).read_bytes())
    (tmp_path / "home" / PROGRAM).chmod(0o700)
    return tmp_path / "home"


@pytest.fixture
def open_cache(tmp_path):
    """pytest's folders are closed to others, and so would be a cache in them."""
    parents = [folder for folder in tmp_path.parents if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/")]
    modes = {folder: folder.stat().st_mode & 0o7777 for folder in (tmp_path, *parents)}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o011)
    yield tmp_path / "cache"
    for folder, mode in modes.items():
        folder.chmod(mode)


def test_a_program_below_a_closed_home_is_copied_once_and_the_home_stays_closed(closed_home, open_cache):
    program = usable_program(closed_home, REDIS_PARTS, PROGRAM, SERVER, cache=open_cache)
    assert program.is_relative_to(open_cache)
    said = subprocess.run([program, "--version"], user=SERVER.uid, group=SERVER.gid, capture_output=True, check=True)
    assert b"Redis server" in said.stdout
    assert closed_home.stat().st_mode & 0o777 == 0o700
    made = program.stat().st_ctime_ns
    assert usable_program(closed_home, REDIS_PARTS, PROGRAM, SERVER, cache=open_cache) == program
    assert program.stat().st_ctime_ns == made


def test_a_program_that_can_be_reached_is_used_where_it_is(closed_home, open_cache):
    assert usable_program(closed_home, REDIS_PARTS, PROGRAM, None, cache=open_cache) == closed_home / PROGRAM
    assert not open_cache.exists()


def test_without_a_place_for_a_copy_the_sentence_says_what_to_do(closed_home, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(FolderUnusable, match="run this as an ordinary user, or move the checkout"):
        usable_program(closed_home, REDIS_PARTS, PROGRAM, SERVER, cache=tmp_path / "cache")
