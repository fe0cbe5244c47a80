"""A spec's blob: out comes what went in, or nothing."""

from __future__ import annotations

import io
import random
import shutil
import stat
import threading
import zipfile

import pytest

from grader.domain.errors import BadSpec
from grader.specs.digest import spec_files, version_of
from grader.specs.load import load_spec
from grader.specs.pack import pack, unpack

TOML = """
schema_version = 1
slug = "hw1"
title = "First steps"
course = "Example"
[files]
[[scale.step]]
share = 0.0
value = 0
label = "none"
[[part]]
id = "A1"
title = "A part"
points = 2
checks = 1
"""


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "test_specs" / "hw1"
    (made / "starter").mkdir(parents=True)
    (made / "assignment.toml").write_text(TOML)
    (made / "test_a.py").write_text("raise SystemExit('specs are never imported')")
    (made / "starter" / "starter.py").write_text("class MyConv2d: ...\n")
    return made


@pytest.fixture
def spec(folder):
    return load_spec("hw1", folder.parent)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in spec_files(folder)}


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def forged(entries, *, comment=None):
    """A packed spec of these (name, content, mode) entries; the version fits unless `comment` is given."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = 3, mode << 16
            archive.writestr(entry, content)
        version = version_of((name.removeprefix("hw1/"), content) for name, content, _ in entries)
        archive.comment = comment if comment is not None else f"grader-spec 1 {version}".encode()
    return packed.getvalue()


FILE = stat.S_IFREG | 0o644
TOML_ENTRY = ("hw1/assignment.toml", TOML.encode(), FILE)


def test_the_real_spec_comes_out_as_it_went_in(tmp_path):
    spec = load_spec("cmp784-practical2")
    unpacked = unpack(pack(spec), tmp_path / "there")
    assert (unpacked.version, unpacked.starter, unpacked.assignment) == (spec.version, spec.starter, spec.assignment)
    assert contents(unpacked.folder) == {name: path.read_bytes() for name, path in spec.files.items()}
    assert unpacked.folder == (tmp_path / "there" / "cmp784-practical2").resolve()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["cmp784-practical2"]
    assert not (unpacked.folder / "mutants").exists()


def test_the_same_version_gives_the_same_bytes_wherever_and_whenever_it_lies(spec, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere" / "hw1", copy_function=shutil.copyfile)
    (tmp_path / "elsewhere" / "hw1" / "__pycache__").mkdir()
    (tmp_path / "elsewhere" / "hw1" / "__pycache__" / "x.pyc").write_bytes(b"litter")
    (tmp_path / "elsewhere" / "hw1" / "test_a.py").chmod(0o600)
    assert pack(load_spec("hw1", tmp_path / "elsewhere")) == pack(spec)


def test_a_second_unpacking_writes_nothing(spec, tmp_path):
    blob = pack(spec)
    first = unpack(blob, tmp_path / "there")
    path = first.folder / "test_a.py"
    before = (path.stat().st_ino, path.stat().st_mtime_ns, first.folder.stat().st_ino)
    assert unpack(blob, tmp_path / "there") == first
    assert (path.stat().st_ino, path.stat().st_mtime_ns, first.folder.stat().st_ino) == before


def test_several_at_once_agree(spec, tmp_path):
    blob, found = pack(spec), []
    threads = [threading.Thread(target=lambda: found.append(unpack(blob, tmp_path / "there"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and {one.version for one in found} == {spec.version}
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["hw1"]


def test_a_spec_that_changed_since_it_was_read_is_not_packed(spec, folder):
    (folder / "test_a.py").write_text("x = 1")
    with pytest.raises(BadSpec, match="changed while it was read"):
        pack(spec)


def test_what_could_not_be_unpacked_is_not_packed(folder):
    (folder / "a:b.txt").write_text("x")
    with pytest.raises(BadSpec, match="not a plain path"):
        pack(load_spec("hw1", folder.parent))


def test_another_version_in_its_place_is_left_alone(spec, folder, tmp_path):
    there = unpack(pack(spec), tmp_path / "there").folder
    (folder / "test_a.py").write_text("x = 1")
    with pytest.raises(BadSpec, match="unpack each version into a folder of its own"):
        unpack(pack(load_spec("hw1", folder.parent)), tmp_path / "there")
    assert load_spec("hw1", tmp_path / "there").version == spec.version
    (folder / "test_a.py").write_text((there / "test_a.py").read_text())
    (there / "test_a.py").write_text("doctored")
    with pytest.raises(BadSpec, match="remove one that was changed"):
        unpack(pack(spec), tmp_path / "there")


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_in_its_place_is_refused(spec, tmp_path, target):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "hw1").symlink_to(tmp_path / target)
    with pytest.raises(BadSpec, match="is a link; remove it"):
        unpack(pack(spec), tmp_path / "there")
    assert everything_in(tmp_path / "elsewhere") == []


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (("hw1/../evil.py", b"x", FILE), "not a plain path"),
        (("../evil.py", b"x", FILE), "not a plain path"),
        (("/tmp/evil.py", b"x", FILE), "not a plain path"),
        (("hw1//evil.py", b"x", FILE), "not a plain path"),
        (("hw1/./evil.py", b"x", FILE), "not a plain path"),
        (("hw1/..\\evil.py", b"x", FILE), "not a plain path"),
        (("hw1/C:evil.py", b"x", FILE), "not a plain path"),
        (("hw1/evil\n.py", b"x", FILE), "not a plain path"),
        (("hw2/evil.py", b"x", FILE), "not a plain path inside hw1"),
        (("hw1", b"x", FILE), "not a plain path"),
        (("hw1/" + "a/" * 200 + "evil.py", b"x", FILE), "not a plain path"),
        (("hw1/evil", b"/etc/passwd", stat.S_IFLNK | 0o777), "not an ordinary file"),
        (("hw1/evil", b"", stat.S_IFIFO | 0o644), "not an ordinary file"),
        (("hw1/evil/", b"", stat.S_IFDIR | 0o755), "not a plain path"),
        (("hw1/assignment.toml/evil.py", b"x", FILE), "both as a file and as a folder"),
        # Files that no version covers, so that nobody would notice a change.
        (("hw1/mutants/evil.py", b"x", FILE), "no part of a spec's version"),
        (("hw1/.hidden.py", b"x", FILE), "no part of a spec's version"),
        (("hw1/__pycache__/reference.pyc", b"x", FILE), "no part of a spec's version"),
    ],
)
def test_a_doctored_blob_is_refused_and_leaves_nothing(tmp_path, extra, words):
    with pytest.raises(BadSpec, match=words):
        unpack(forged([TOML_ENTRY, extra]), tmp_path / "in" / "there")
    assert [name for name in everything_in(tmp_path) if name not in ("in", "in/there")] == []


def test_a_name_that_ends_early_for_the_system_is_refused(tmp_path):
    blob = forged([TOML_ENTRY, ("hw1/evil.py#.txt", b"x", FILE)]).replace(b"evil.py#.txt", b"evil.py\0.txt")
    with pytest.raises(BadSpec, match="not a plain path"):
        unpack(blob, tmp_path / "there")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path):
    with pytest.raises(BadSpec, match="twice"):
        unpack(forged([TOML_ENTRY, ("hw1/a.py", b"1", FILE), ("hw1/a.py", b"2", FILE)]), tmp_path)


@pytest.mark.parametrize(
    ("blob", "words"),
    [
        (b"", "cannot be read"),
        (b"PK\x05\x06" + bytes(18), "not a packed spec"),
        (forged([TOML_ENTRY], comment=b""), "not a packed spec"),
        (forged([TOML_ENTRY], comment=b"grader-spec 2 0123456789ab"), "not a packed spec"),
        (forged([TOML_ENTRY], comment=b"grader-spec 1 0123456789ab"), "its files make up version"),
        (forged([], comment=b"grader-spec 1 0123456789ab"), "1 to 5000 files"),
        (forged([("hw1/a.py", b"x", FILE)]), "holds no assignment.toml"),
        (forged([("..", b"x", FILE)]), "no usable name"),
        (forged([("hw1/assignment.toml", b"slug = 1", FILE)]), "schema_version"),
    ],
)
def test_what_is_no_packed_spec_is_refused(tmp_path, blob, words):
    with pytest.raises(BadSpec, match=words):
        unpack(blob, tmp_path / "there")
    assert not (tmp_path / "there").exists() or everything_in(tmp_path / "there") == []


def test_a_blob_that_would_fill_the_disk_is_refused_by_its_directory(tmp_path, monkeypatch):
    monkeypatch.setattr("grader.specs.pack.MOST_BYTES", 1000)
    with pytest.raises(BadSpec, match="at most 1000 bytes"):
        unpack(forged([TOML_ENTRY, ("hw1/big", bytes(2000), FILE)]), tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_no_damage_gets_through(spec, tmp_path):
    """Every damaged copy is refused with a sentence, or gives the very same version (a date was hit)."""
    blob, chance = pack(spec), random.Random(784)
    good = unpack(blob, tmp_path / "good")
    for number in range(400):
        damaged = bytearray(blob)
        if number % 4 == 0:
            del damaged[chance.randrange(len(damaged)) :]
        else:
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        try:
            found = unpack(bytes(damaged), tmp_path / "there")
        except BadSpec:
            assert not (tmp_path / "there").exists() or everything_in(tmp_path / "there") == []
        else:
            assert contents(found.folder) == contents(good.folder)
            shutil.rmtree(tmp_path / "there")


@pytest.fixture
def sharing(folder):
    """A spec that uses one of two shared packages."""
    for name in ("drawing", "counting"):
        package = folder.parent / "common" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "parts.py").write_text(f"NAME = '{name}'")
    text = TOML.replace('course = "Example"', 'course = "Example"\ncommon = ["drawing"]')
    (folder / "assignment.toml").write_text(text)
    return folder


def test_a_packed_spec_carries_the_shared_packages_it_names(sharing, tmp_path):
    spec = load_spec("hw1", sharing.parent)
    made = unpack(pack(spec), tmp_path / "elsewhere")
    assert (made.folder / "common" / "drawing" / "parts.py").read_text() == "NAME = 'drawing'"
    assert not (made.folder / "common" / "counting").exists()
    assert made.version == spec.version
    assert made.import_folders == (made.folder, made.folder / "common")
    assert pack(made) == pack(spec)


def test_a_shared_package_counts_for_the_version_of_those_that_name_it(sharing):
    before = load_spec("hw1", sharing.parent).version
    (sharing.parent / "common" / "counting" / "parts.py").write_text("NAME = 'other'")
    assert load_spec("hw1", sharing.parent).version == before
    (sharing.parent / "common" / "drawing" / "parts.py").write_text("NAME = 'other'")
    assert load_spec("hw1", sharing.parent).version != before


def test_a_shared_package_that_is_not_there_is_told(sharing):
    shutil.rmtree(sharing.parent / "common" / "drawing")
    with pytest.raises(BadSpec, match="there is no package drawing"):
        load_spec("hw1", sharing.parent)
