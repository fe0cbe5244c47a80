"""What of this machine a sandbox may read: the interpreter, its shared libraries, the packages, the probe.

The invariant: nothing else is bound. Paths inside are fixed and tell nothing about the host's.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

PYTHON_ROOT = "/opt/python"
PACKAGES_ROOT = "/opt/packages"
PROBE_ROOT = "/opt/probe"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
# Everything of ours that the sandbox holds. The image's Dockerfile copies the same list; a test compares them.
PROBE_PARTS = ("__init__.py", "engine/__init__.py", "engine/compat.py", "engine/wire", "engine/probe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """One read-only bind: a host file or directory and where it appears inside."""

    source: Path
    inside: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxTrees:
    """Everything a sandbox sees.

    `links` are symbolic links inside, as (target, place); `covers` are directories
    inside `trees` that are hidden under an empty one.
    """

    trees: tuple[Tree, ...]
    links: tuple[tuple[str, str], ...]
    covers: tuple[str, ...]

    @property
    def missing(self) -> tuple[Path, ...]:
        return tuple(tree.source for tree in self.trees if not tree.source.exists())


def packages_folder() -> Path:
    """The folder of what submissions may import, which `make install` fills."""
    return PACKAGE_ROOT.parent / ".venv" / "sandbox"


def python_inside() -> str:
    return f"{PYTHON_ROOT}/bin/python{sys.version_info.major}.{sys.version_info.minor}"


def find_trees(packages: Path, package_root: Path = PACKAGE_ROOT) -> SandboxTrees:
    """What to bind for the interpreter that runs this very function."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    inside = f"{PYTHON_ROOT}/lib/{stdlib.name}"
    trees = [
        Tree(source=Path(sys.executable).resolve(), inside=python_inside()),
        Tree(source=stdlib, inside=inside),
        *_python_library(),
        Tree(source=packages, inside=PACKAGES_ROOT),
        *(Tree(source=package_root / part, inside=f"{PROBE_ROOT}/grader/{part}") for part in PROBE_PARTS),
    ]
    libraries, links = _system_libraries()
    # The interpreter's own packages belong to the trusted side; a submission imports from PACKAGES_ROOT only.
    covers = tuple(f"{inside}/{name}" for name in ("site-packages", "dist-packages") if (stdlib / name).is_dir())
    return SandboxTrees(trees=(*trees, *libraries), links=links, covers=covers)


def _python_library() -> list[Tree]:
    """libpython, where the interpreter was built to need it."""
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        return []
    name = str(sysconfig.get_config_var("INSTSONAME"))
    for folder in (str(sysconfig.get_config_var("LIBDIR")), f"{sys.base_prefix}/lib"):
        source = Path(folder, name)
        if source.exists():
            return [Tree(source=source.resolve(), inside=f"{PYTHON_ROOT}/lib/{name}")]
    return []  # in a system library folder, which is bound anyway


def _system_libraries() -> tuple[list[Tree], tuple[tuple[str, str], ...]]:
    """Where libc, libstdc++ and the loader live: the multiarch folders of Debian and Ubuntu, or /usr/lib64."""
    machine = os.uname().machine
    multiarch = f"{machine}-linux-gnu"
    folders = [f"/usr/lib/{multiarch}", "/usr/lib64"]
    trees: list[Tree] = []
    links: list[tuple[str, str]] = []
    for root in ("/lib", "/lib64"):
        path = Path(root)
        if path.is_symlink():
            links.append((str(path.readlink()), root))
        elif path.is_dir():
            # Not a merged-usr system: the loader's own folder is a real one.
            folders.append(f"{root}/{multiarch}" if root == "/lib" else root)
    if Path("/usr/lib/ld-linux-aarch64.so.1").exists():
        folders.append("/usr/lib/ld-linux-aarch64.so.1")
    trees.extend(Tree(source=Path(folder), inside=folder) for folder in folders if Path(folder).exists())
    return trees, tuple(links)
