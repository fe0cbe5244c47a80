"""Several files: scripts, siblings, packages, archives with odd names and hostile entries."""

from __future__ import annotations

import io
import stat
import sys
import zipfile

import pytest
from handing_in import notebook

from grader.engine.probe.archive import unpack

TRAINS = (
    "import torch\nDATA = open('/no/such/file').read()\ndef pixel_acc(a, b): return 1\nraise SystemExit('trained')\n"
)


def test_a_sibling_that_trains_when_imported_only_defines(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("from train import pixel_acc\nimport train as t"), "train.py": TRAINS})
    assert loaded.resolve("pixel_acc")(1, 2) == 1
    assert loaded.resolve("t").pixel_acc is loaded.resolve("pixel_acc")


def test_siblings_of_the_same_name_in_two_folders_stay_apart(hand_in):
    files = {
        "part1/a.ipynb": notebook("from utils import one"), "part1/utils.py": "def one(): return 1",
        "part2/b.ipynb": notebook("from utils import two"), "part2/utils.py": "def two(): return 2",
    }  # fmt: skip
    loaded = hand_in(files)
    assert (loaded.resolve("one")(), loaded.resolve("two")()) == (1, 2)
    assert loaded.report["missing_imports"] == []


def test_packages_and_relative_imports_work(hand_in):
    files = {
        "hw/main.py": "from models.unet import UNet\nimport models.layers\n",
        "hw/models/__init__.py": "",
        "hw/models/unet.py": "from .layers import double\nclass UNet:\n    size = double(2)\n",
        "hw/models/layers.py": "def double(x): return 2 * x\n",
    }
    loaded = hand_in(files)
    assert loaded.resolve("UNet").size == 4
    assert loaded.report["missing_imports"] == []


def test_a_folder_without_init_is_a_package_too(hand_in):
    files = {
        "main.py": "from nets.unet import UNet\n",
        "nets/unet.py": "from .layers import A\nclass UNet(A): pass\n",
        "nets/layers.py": "class A: pass\n",
    }
    loaded = hand_in(files)
    assert loaded.defines("UNet")
    assert loaded.report["missing_imports"] == []


def test_files_that_import_each_other_load(hand_in):
    files = {"a.py": "import b\ndef fa(): return b.fb()\n", "b.py": "import a\ndef fb(): return 7\n"}
    assert hand_in(files).resolve("fa")() == 7


def test_a_file_named_like_a_library_does_not_stand_for_it(hand_in):
    files = {
        "cnn.py": "import random\nimport numpy as np\nX = random.__name__",
        "types.py": "class T: pass",
        "numpy_test.py": "Y = 1",
    }
    hand_in(files)
    import types

    assert hasattr(types, "ModuleType")
    assert sys.modules["types"] is types


def test_the_file_that_defines_what_is_looked_for_leads(hand_in):
    files = {
        "unrelated.ipynb": notebook("def helper(): return 'wrong'\ndef f(): return 0"),
        "cnn.ipynb": notebook("class CNN: pass\nclass UNet: pass\ndef helper(): return 'right'"),
        "helper.py": "def helper(): return 'script'\ndef only_here(): return 3",
    }
    loaded = hand_in(files, prefer=["CNN", "UNet", "helper"])
    assert loaded.resolve("helper")() == "right"
    assert loaded.resolve("f")() == 0
    assert loaded.resolve("only_here")() == 3
    assert loaded.report["files"][0]["path"] == "cnn.ipynb"
    assert len({cell["index"] for cell in loaded.report["cells"]}) == len(loaded.report["cells"]) == 3


def test_versions_go_on_over_files(hand_in):
    files = {
        "a.ipynb": notebook("class CNN: pass\ndef train(): return 1"),
        "b.ipynb": notebook("def train(): return 2"),
    }
    loaded = hand_in(files, prefer=["CNN", "train"])
    assert [loaded.resolve("train", number)() for number in (0, 1)] == [1, 2]
    assert loaded.resolve("train")() == 1


def test_a_notebook_can_be_imported_by_a_script(hand_in):
    loaded = hand_in({"cnn.ipynb": notebook("def f(): return 4"), "run.py": "from cnn import f\ndef g(): return f()"})
    assert loaded.resolve("g")() == 4


def test_loops_and_setup_in_a_plain_script_are_deferred(hand_in):
    source = "import torch\nN = 3\nnet = torch.nn.Linear(N, N)\nfor i in range(10**9): pass\nwith open('x') as f: pass\ndef iou(a, b): return N\n"
    loaded = hand_in({"util.py": source})
    assert loaded.resolve("iou")(1, 2) == 3
    assert loaded.status() == "partial"


def test_definitions_under_an_if_or_else_are_taken(hand_in):
    source = "import sys\nif sys.version_info[0] < 3:\n    def f(): return 2\nelse:\n    def f(): return 3\nif FLAG:\n    def g(): pass\n"
    loaded = hand_in({"a.py": source})
    assert loaded.resolve("f")() == 3
    assert not loaded.defines("g")


def test_what_other_programs_leave_in_archives_is_not_loaded(hand_in):
    files = {
        "cnn.ipynb": notebook("X = 1"),
        "__MACOSX/._cnn.ipynb": b"\x00\x05",
        ".ipynb_checkpoints/cnn-checkpoint.ipynb": notebook("X = 2"),
    }
    loaded = hand_in(files)
    assert [file["path"] for file in loaded.report["files"]] == ["cnn.ipynb"]
    assert loaded.resolve("X") == 1


def test_names_in_other_scripts_and_with_quotes_load(hand_in):
    name = "ödev 2 'son' (1) 作业.ipynb"
    loaded = hand_in({f"Çözüm klasörü/{name}": notebook("def f():\n    raise ValueError")})
    with pytest.raises(ValueError, match=""):
        loaded.resolve("f")()
    assert loaded.report["files"][0]["status"] == "loaded"


def _zip(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def _unpacked(tmp_path, content, *paths):
    body = {
        "archive": content,
        "kind": "zip",
        "name": "a.zip",
        "entries": [{"path": path, "role": "code"} for path in paths],
    }
    return unpack(body, tmp_path / "root")


def test_only_the_entries_asked_for_are_unpacked(tmp_path):
    entries = _unpacked(tmp_path, _zip(("a.py", b"1"), ("b.py", b"2")), "b.py")
    assert [entry.path for entry in entries] == ["b.py"]
    assert sorted(path.name for path in (tmp_path / "root").iterdir()) == ["b.py"]


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py"])
def test_paths_that_leave_the_folder_are_not_written(tmp_path, name):
    (entry,) = _unpacked(tmp_path, _zip((name, b"1")), name)
    assert entry.place is None
    assert not list(tmp_path.rglob("evil.py"))


def test_links_are_not_made(tmp_path):
    link = zipfile.ZipInfo("link.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    (entry,) = _unpacked(tmp_path, _zip((link, b"/etc/passwd")), "link.py")
    assert entry.place is None
    assert "link" in entry.note


def test_an_entry_that_unpacks_to_too_much_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.engine.probe.archive.FILE_BYTES", 10_000)
    big, small = _unpacked(tmp_path, _zip(("big.py", b"0" * 100_000), ("small.py", b"1")), "big.py", "small.py")
    assert big.place is None
    assert "more than" in big.note
    assert small.place.read_bytes() == b"1"
    assert not (tmp_path / "root" / "big.py").exists()


def test_a_damaged_entry_costs_only_itself(tmp_path):
    content = _zip(("a.py", b"first" * 500), ("b.py", b"second"))
    at = content.index(b"a.py") + 10
    damaged = content[:at] + b"\xff\xff\xff\xff" + content[at + 4 :]
    first, second = _unpacked(tmp_path, damaged, "a.py", "b.py")
    assert first.place is None
    assert second.place.read_bytes() == b"second"


def test_bytes_that_are_no_archive_leave_a_sentence(hand_in):
    loaded = hand_in({"cnn.py": "x = 1"}, archive=b"PK nonsense")
    assert loaded.report["files"][0]["status"] == "unreadable"
    assert "zip it again" in loaded.report["files"][0]["note"]


def test_utf_8_names_that_do_not_say_so_are_found(tmp_path):
    content = _zip(("öd.py", b"1")).replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        listed = archive.namelist()[0]
    for spelling in (listed, "öd.py"):
        (entry,) = _unpacked(tmp_path, content, spelling)
        assert entry.place is not None


@pytest.mark.parametrize(("kind", "content"), [("py", b"def f(): return 1"), ("ipynb", notebook("def f(): return 1"))])
def test_a_single_file_is_loaded(hand_in, kind, content):
    entries = [{"path": f"mine.{kind}", "role": "code"}]
    loaded = hand_in({}, archive=content, kind=kind, name=f"mine.{kind}", entries=entries)
    assert loaded.resolve("f")() == 1


def test_an_empty_submission_loads_nothing_and_says_so(hand_in):
    loaded = hand_in({})
    assert loaded.report["names"] == {}
    with pytest.raises(LookupError, match="does not define CNN"):
        loaded.resolve("CNN")


def test_a_course_file_that_was_not_handed_in_is_stood_in_for(hand_in):
    starter = "class MyConv2d:\n    mark = 1\n"
    loaded = hand_in({"cnn.py": "from helper import MyConv2d, other\n"}, starter=starter, starter_names=["MyConv2d"])
    assert loaded.resolve("MyConv2d").mark == 1
    assert loaded.report["names"]["MyConv2d"]["supplied"] is True
    assert loaded.report["missing_imports"] == ["helper"]
    assert any("MyConv2d" in note for note in loaded.report["notes"])


def test_arguments_and_files_that_are_elsewhere_are_no_errors(hand_in):
    source = "import sys, os, json\npath = sys.argv[99]\nsize = os.path.getsize('/no/such/file')\nkey = os.environ['NO_SUCH_KEY']\ndef f(): return 1\n"
    loaded = hand_in({"a.py": source})
    assert (loaded.error(), loaded.status()) == ("", "partial")


def test_an_alias_of_something_absent_is_not_defined(hand_in):
    loaded = hand_in({"a.py": "import tensorflow as tf\nkeras = tf.keras\n"})
    assert not loaded.defines("keras")
    assert "keras" not in loaded.report["names"]


def test_a_tower_of_brackets_costs_one_statement(hand_in):
    loaded = hand_in({"a.py": "x = " + "-" * 3000 + "1\ny = " + "(" * 300 + ")" * 300 + "\ndef f(): return 1\n"})
    assert loaded.resolve("f")() == 1


def test_the_number_of_threads_stays_what_the_sandbox_was_given():
    import subprocess
    import sys

    code = (
        "import torch; torch.set_num_threads(1)\n"
        "from grader.engine.probe.surroundings import prepare; prepare()\n"
        "torch.set_num_threads(5); torch.set_num_interop_threads(3); print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"
