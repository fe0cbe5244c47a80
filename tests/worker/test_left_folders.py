"""What a killed worker leaves in the folder for temporary files, the next one removes."""

from __future__ import annotations

import os
import subprocess
import sys

from worker.lifecycle import SPECS_PREFIX, reap_folders


def test_the_folders_of_workers_that_are_gone_are_removed_and_no_others(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = tmp_path / f"{SPECS_PREFIX}{gone.pid}-abcd" / "version"
    left.mkdir(parents=True)
    (left / "test_spec.py").write_text("answer = 42\n")
    kept = [tmp_path / name for name in (f"{SPECS_PREFIX}{os.getpid()}-abcd", f"{SPECS_PREFIX}abcd", "other")]
    for path in kept:
        path.mkdir()
    link = tmp_path / f"{SPECS_PREFIX}{gone.pid}-link"
    link.symlink_to(kept[2])
    assert reap_folders(tmp_path) == 1
    assert sorted(tmp_path.iterdir()) == sorted([*kept, link])
