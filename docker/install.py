# ruff: noqa: INP001  # a program that is copied into builds, of no package
"""Makes a folder with our code, as `pip install` would, for an image that has no pip and no shell.

    python3 install.py SOURCE FOLDER [PART...]

FOLDER/app gets the code without the named parts, such as grader/engine; FOLDER/venv what belongs into the virtual
environment of that name: the package's name and version, and a `.pth` file that names the code and what submissions may
import, because the harness starts Python with -I, which ignores PYTHONPATH. FOLDER/bin gets the command.
"""

from __future__ import annotations

import compileall
import shutil
import sys
import sysconfig
import tomllib
from pathlib import Path

HOME = "/opt/grader"
COMMAND = f"""#!{HOME}/venv/bin/python
import sys
from grader.cli.main import main
# Processes that are started afresh read this file again.
if __name__ == "__main__":
    sys.exit(main())
"""


def install(source: Path, out: Path, without: list[str]) -> None:
    """Copy the code and write what makes Python find it."""
    app, programs = out / "app", out / "bin"
    site = Path(sysconfig.get_path("purelib", "venv", {"base": str(out / "venv")}))
    for package in ("grader", "worker"):
        shutil.copytree(source / package, app / package, ignore=shutil.ignore_patterns("__pycache__"))
    for part in without:
        path = app / part
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    # Where the engine looks for it: beside the code.
    if (source / "docker").is_dir():
        shutil.copytree(source / "docker", app / "docker")
    compileall.compile_dir(app, quiet=1, stripdir=str(out), prependdir=HOME)
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    about = site / f"grader-{project['version']}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: grader\nVersion: {project['version']}\n")
    (site / "grader.pth").write_text(f"{HOME}/app\n/opt/packages\n")
    programs.mkdir()
    (programs / "grader").write_text(COMMAND)
    (programs / "grader").chmod(0o755)


if __name__ == "__main__":
    install(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
