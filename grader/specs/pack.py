"""A spec version as one blob: so that a service keeps every version, and a worker can judge by any of them.

The invariant: an unpacked folder is whole and holds exactly the version that the blob names, or it is not there.
A blob is ours, but it travels: a damaged or doctored one is refused before anything is written.
"""

from __future__ import annotations

import io
import re
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from grader.domain.errors import BadSpec, UnknownAssignment
from grader.specs.digest import VERSION_LENGTH, spec_files, version_of
from grader.specs.load import FILE_NAME, Spec, load_spec

# In the archive's comment, so that the version is known before anything is read.
_MARK = "grader-spec 1 "
# The earliest time a zip file can hold: the same files give the same bytes on any day.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = stat.S_IFREG | 0o644
_UNIX = 3
_ENCRYPTED = 0x1
# A spec is source and a few small arrays; data sets are found by path on the worker.
MOST_BYTES = 256 * 2**20
MOST_FILES = 5000
MOST_CHARACTERS = 240
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, OverflowError, NotImplementedError,
)  # fmt: skip


def pack(spec: Spec) -> bytes:
    """The files that make up the spec's version, as a zip file; equal versions give equal bytes.

    Raises:
        BadSpec: the folder has changed since the spec was read, or holds what could not be unpacked.

    """
    files = {name: path.read_bytes() for name, path in spec.files.items()}
    if version_of(files.items()) != spec.version:
        raise BadSpec(f"The spec {spec.slug} was changed while it was read; read it again.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.comment = f"{_MARK}{spec.version}".encode()
        for path in sorted(files):
            entry = zipfile.ZipInfo(f"{spec.slug}/{path}", _EPOCH)
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[path], compresslevel=9)
    # What goes in must come out: a name or a size that `unpack` refuses is told to whoever can change it.
    _read(packed.getvalue())
    return packed.getvalue()


def unpack(content: bytes, folder: Path) -> Spec:
    """Write a packed spec to `folder/<slug>`, all of it or nothing, and read it.

    If the same version is there already, nothing is written. Several versions of one spec need a `folder` each.

    Raises:
        BadSpec: not a packed spec, not the version it says it is, or another version is in its place.

    """
    slug, version, files = _read(content)
    target = folder / slug
    folder.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        return _loaded(slug, folder, version)
    made = Path(tempfile.mkdtemp(prefix=".unpack-", dir=folder))
    try:
        for path, body in files.items():
            place = made / slug / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(body)
        _refuse_uncovered(made / slug, files)
        _loaded(slug, made, version)
        try:
            (made / slug).rename(target)
        except OSError:
            # Somebody else was quicker, which is as good if it is the same version.
            if not target.is_dir():
                raise
        return _loaded(slug, folder, version)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def packed_file(content: bytes, path: str) -> bytes | None:
    """One file of a packed spec, by its path inside the spec's folder; None if the spec has no such file.

    Raises:
        BadSpec: not a packed spec, or not the version it says it is.

    """
    return _read(content)[2].get(path)


def _refuse_uncovered(folder: Path, files: dict[str, bytes]) -> None:
    """Nobody would notice if a file changed that no version covers."""
    covered = {path.relative_to(folder).as_posix() for path in spec_files(folder)}
    if covered != set(files):
        raise BadSpec(f"The packed spec holds {min(set(files) - covered)!r}, which is no part of a spec's version.")


def _loaded(slug: str, folder: Path, version: str) -> Spec:
    if (folder / slug).is_symlink():
        raise BadSpec(f"{folder / slug} is a link; remove it.")
    try:
        spec = load_spec(slug, folder)
    except UnknownAssignment as error:
        raise BadSpec(f"{folder / slug} holds no {FILE_NAME}; remove it, so that it can be unpacked again.") from error
    if spec.version != version:
        raise BadSpec(
            f"{folder / slug} holds version {spec.version} of the spec, not {version}; unpack each version into a "
            "folder of its own, and remove one that was changed."
        )
    return spec


def _read(content: bytes) -> tuple[str, str, dict[str, bytes]]:
    """Slug, version and files by path, all checked and in memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            version = _version(archive.comment)
            entries = archive.infolist()
            _refuse_much(entries)
            slug = entries[0].filename.partition("/")[0]
            if not _SLUG.fullmatch(slug):
                raise BadSpec("The packed spec has no usable name.")
            files: dict[str, bytes] = {}
            for entry in entries:
                path = _path(entry, slug)
                if path in files:
                    raise BadSpec(f"The packed spec holds {path!r} twice.")
                files[path] = archive.read(entry)
    except _BROKEN as error:
        raise BadSpec(f"The packed spec cannot be read ({type(error).__name__}: {error}).") from error
    _refuse_files_as_folders(files)
    found = version_of(files.items())
    if found != version:
        raise BadSpec(f"The packed spec says that it is version {version}, but its files make up version {found}.")
    return slug, version, files


def _version(comment: bytes) -> str:
    found = re.fullmatch(rf"{_MARK}([0-9a-f]{{{VERSION_LENGTH}}})", comment.decode("ascii", "replace"))
    if found is None:
        raise BadSpec("This is not a packed spec of a known format.")
    return found[1]


def _refuse_much(entries: list[zipfile.ZipInfo]) -> None:
    # A claim that is too low cuts the file short, and then its checksum does not hold.
    if not 0 < len(entries) <= MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise BadSpec(f"A packed spec holds 1 to {MOST_FILES} files and at most {MOST_BYTES} bytes.")


def _path(entry: zipfile.ZipInfo, slug: str) -> str:
    """The entry's path inside the spec folder."""
    name = entry.orig_filename
    parts = PurePosixPath(name).parts
    is_plain = (
        name == "/".join(parts)
        and name.isprintable()
        and not {"\\", ":"} & set(name)
        and len(name) <= MOST_CHARACTERS
        and len(parts) > 1
        and parts[0] == slug
        and ".." not in parts
    )
    if not is_plain:
        raise BadSpec(f"The packed spec holds {name[:80]!r}, which is not a plain path inside {slug}.")
    if stat.S_IFMT(entry.external_attr >> 16) != stat.S_IFREG or entry.create_system != _UNIX:
        raise BadSpec(f"The packed spec holds {name!r}, which is not an ordinary file.")
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadSpec(f"The packed spec holds {name!r} in a form that is not read here.")
    return "/".join(parts[1:])


def _refuse_files_as_folders(files: dict[str, bytes]) -> None:
    for path in files:
        for parent in PurePosixPath(path).parents:
            if str(parent) in files:
                raise BadSpec(f"The packed spec holds {str(parent)!r} both as a file and as a folder.")
