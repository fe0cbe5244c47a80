"""The peers' own virtual environment and image, made once; nothing of them is installed beside our packages.

pip is this machine's, under its own settings. No image is pulled but the base that docker/build-images.sh names, which
may be one made here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
HOME = ROOT / "var" / "peers"
LISTS = ("requirements.txt", "constraints.txt")
_PIP = (
    "--quiet",
    "--disable-pip-version-check",
    "--constraint",
    str(HERE / LISTS[1]),
    "--requirement",
    str(HERE / LISTS[0]),
)


@dataclass(frozen=True, slots=True)
class Installed:
    """`python` runs with the peers installed, on this machine; `image` holds them and torch."""

    python: Path
    image: str


def ready() -> Installed:
    """What is there, and else made: minutes the first time.

    Raises:
        SystemExit: the engine, the network or pip is missing; its words are passed on.

    """
    _run(["sh", "docker/build-sandbox.sh"])
    # What the sandbox's packages are made from, not the image's id: a build without a cache gives the same in another.
    runtime = sorted((ROOT / "docker").glob("sandbox-*.txt"))
    files = [*runtime, *(HERE / name for name in (*LISTS, "peers.Dockerfile"))]
    content = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    image = f"grader-peers:{content}"
    if not _exists(image):
        _build(image)
    return Installed(_environment(content), image)


def _environment(content: str) -> Path:
    python = HOME / "venv" / "bin" / "python"
    mark = HOME / "venv" / f".complete-{content}"
    if not mark.exists():
        print("installing the peers into var/peers/venv ...", flush=True)
        shutil.rmtree(HOME / "venv", ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(HOME / "venv")])
        _run([str(python), "-m", "pip", "install", *_PIP])
        mark.touch()
    return python


def _build(image: str) -> None:
    print(f"building {image} ...", flush=True)
    base = _run(["sh", "docker/build-images.sh", "base"])
    asked = "import platform; print(platform.python_version())"
    version = _run(["docker", "run", "--rm", "--network", "none", base, "python3", "-c", asked])
    context = HOME / "context"
    shutil.rmtree(context, ignore_errors=True)
    (context / "wheels").mkdir(parents=True)
    for name in (*LISTS, "peers.Dockerfile"):
        shutil.copy(HERE / name, context)
    # Fetched here, where pip has its index and certificates; the build then needs no network.
    wanted = ["--only-binary=:all:", "--python-version", version, "--dest", str(context / "wheels")]
    _run([sys.executable, "-m", "pip", "download", *_PIP, *wanted])
    _run(["docker", "build", "--quiet", "--network", "none", "--file", str(context / "peers.Dockerfile"),
          "--build-arg", f"BASE_IMAGE={base}", "--tag", image, str(context)])  # fmt: skip
    shutil.rmtree(context)


def build_on(image: str, name: str, context: Path) -> None:
    """An image of one assignment: `context` holds its Dockerfile, which begins with what is given as BASE_IMAGE."""
    _run(
        [
            "docker",
            "build",
            "--quiet",
            "--network",
            "none",
            "--build-arg",
            f"BASE_IMAGE={image}",
            "--tag",
            name,
            str(context),
        ]
    )


def _exists(image: str) -> bool:
    found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
    return found.returncode == 0


def _run(command: list[str]) -> str:
    """What a command prints; SystemExit with its last words if it fails."""
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout.strip().rpartition("\n")[2]
