# ruff: noqa: INP001  # a program that is copied into builds, of no package
"""What our images are made of: a base image's Python without its shell, its package manager and its tools.

It runs while an image is built, under the base's own interpreter and standard library alone:

    python3 slim.py system FOLDER     copies interpreter, shared libraries, certificates and time zones to FOLDER
    python3 slim.py packages FOLDER   takes away from installed packages what only a compiler or their tests need

What is kept is listed, so that a base with more in it makes the same image. The accepted gap: shared libraries are
kept by their place, also those that only a tool used.
"""

from __future__ import annotations

import compileall
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LIBRARY_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
# Below those: the machine's own folder, and what OpenSSL loads by name.
LIBRARY_PARENTS = ("ossl-modules", "lib", "lib64")
NO_LIBRARIES = ("libapt", "libdebconf", "libpam", "libperl", "libsystemd", "libudev", "libsemanage", "libsepol")
TREES = ("/etc/ssl/certs", "/usr/share/ca-certificates", "/usr/share/zoneinfo", "/etc/ld.so.conf.d")
FILES = (
    "/etc/ld.so.conf", "/etc/ld.so.cache", "/etc/nsswitch.conf", "/etc/mime.types", "/etc/os-release", "/etc/protocols",
    "/etc/services", "/etc/localtime", "/etc/ssl/openssl.cnf", "/usr/lib/os-release",
    "/usr/lib/ssl/cert.pem", "/usr/lib/ssl/certs", "/usr/lib/ssl/openssl.cnf",
)  # fmt: skip
# Of the standard library: installers, editors, tests, and what is there to compile against.
NO_MODULES = (
    "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "dist-packages", "test", "tkinter", "turtledemo",
)  # fmt: skip
# Where programs expect to find something, even if it is empty. /tmp is everybody's.
FOLDERS = ("dev", "etc", "home", "opt", "proc", "root", "run", "srv", "sys", "tmp", "usr/bin", "usr/sbin", "var/tmp")
MERGED = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
SHARED_MODE = 0o1777
# 65534 is the submissions' user, 10001 that of the service's own processes.
PEOPLE = {"root": 0, "grader": 10001, "nobody": 65534}
# torch starts its helper for shared memory by this name.
KEPT_PROGRAMS = ("torch_shm_manager",)


def copy_system(out: Path) -> None:
    """Everything Python needs of this system, to `out`."""
    for name in FOLDERS:
        (out / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (out / name).chmod(SHARED_MODE)
    for name in MERGED:
        if Path("/", name).is_symlink():
            (out / name).symlink_to(Path("/", name).readlink())
    for path in sorted({*_libraries(), *_listed(), *_standard_library(), *_programs()}):
        _copy(path, out)
    # The official image leaves compiled modules out; without them every start would compile again.
    stdlib = out / sysconfig.get_path("stdlib").lstrip("/")
    compileall.compile_dir(stdlib, quiet=2, stripdir=str(out), workers=1)
    (out / "etc/passwd").write_text("".join(f"{name}:x:{uid}:{uid}::/tmp:/none\n" for name, uid in PEOPLE.items()))
    (out / "etc/group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in PEOPLE.items()))


def slim_packages(folder: Path) -> None:
    """Take away headers, static libraries, compiled tests and programs."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for name in ("include", "test", "share"):
        shutil.rmtree(folder / "torch" / name, ignore_errors=True)
    for path in [*folder.rglob("*.a"), *(folder / "torch" / "bin").glob("*")]:
        if path.name not in KEPT_PROGRAMS and path.is_file():
            path.unlink()


def _libraries() -> Iterator[Path]:
    machine = sysconfig.get_config_var("MULTIARCH") or "none"
    for folder in {Path(name).resolve() for name in LIBRARY_FOLDERS if Path(name).is_dir()}:
        for path in folder.rglob("*.so*"):
            fits = path.parent == folder or path.parent.name in {machine, *LIBRARY_PARENTS}
            if fits and not path.name.startswith(NO_LIBRARIES) and not path.is_dir():
                yield path


def _listed() -> Iterator[Path]:
    for tree in TREES:
        yield from (path for path in Path(tree).rglob("*") if not path.is_dir())
    yield from (Path(name) for name in FILES if os.path.lexists(name))


def _standard_library() -> Iterator[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    for path in root.rglob("*"):
        top = path.relative_to(root).parts[0]
        if not path.is_dir() and top not in NO_MODULES and not top.startswith("config-"):
            yield path
    # Elsewhere, and linked to from the standard library, in Debian.
    yield from (path.resolve() for path in root.glob("*.py") if path.is_symlink() and path.exists())


def _programs() -> Iterator[Path]:
    """The interpreter and the names it goes by."""
    here = Path(sys.executable).parent.resolve()
    yield from (path for path in here.glob("python3*") if path.name.removeprefix("python3").replace(".", "").isdigit())
    yield here / "python3"


def _copy(path: Path, out: Path) -> None:
    place = out / str(path).lstrip("/")
    if os.path.lexists(place):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, place, follow_symlinks=False)
    if not path.is_symlink():
        # No set-user bit, and readable by whoever the container runs as.
        place.chmod((path.stat().st_mode & 0o755) | 0o444)


if __name__ == "__main__":
    {"system": copy_system, "packages": slim_packages}[sys.argv[1]](Path(sys.argv[2]))
