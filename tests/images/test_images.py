"""What the images hold and, more to the point, what they do not."""

from __future__ import annotations

import json
import re
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from tests.compose.conftest import ROOT, run

pytestmark = pytest.mark.docker
IMAGES = ("server", "worker", "sandbox", "engine-proxy")
# Asked of every image by its own interpreter: there is no shell to ask.
LOOK = """
import json, os, stat
programs, privileged, files = [], [], 0
for folder, folders, names in os.walk("/"):
    if folder == "/":
        folders[:] = [name for name in folders if name not in {"proc", "sys", "dev"}]
    for name in names:
        path = os.path.join(folder, name)
        mode = os.lstat(path)
        if stat.S_ISREG(mode.st_mode):
            files += 1
            with open(path, "rb") as file:
                start = file.read(4)
            if mode.st_mode & 0o6000:
                privileged.append(path)
            if mode.st_mode & 0o111 and (start == b"\\x7fELF" or start[:2] == b"#!") and ".so" not in name and not name.endswith(".py"):
                programs.append(path)
print(json.dumps({"programs": programs, "privileged": privileged, "files": files,
                  "specs": [path for path in ("/srv/specs", "/opt/grader/app/test_specs") if os.path.exists(path)]}))
"""
INSTALLED = """
import importlib.metadata, json, sys
found = importlib.metadata.distributions(path=sys.argv[1:])
print(json.dumps({one.metadata["Name"].lower().replace("_", "-").replace(".", "-"): one.version for one in found}))
"""
# Where a server's and a sweep's work begins, and what they load only when it comes to that.
SERVER_MODULES = (
    "grader.cli.main", "grader.cli.host.accounts", "grader.server.serve", "grader.server.app", "grader.storage.schema",
    "worker.sweep", "kombu.transport.redis", "s3fs", "opentelemetry.sdk.trace",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
)  # fmt: skip
WORKER_MODULES = (
    "grader.cli.main", "worker.app", "worker.alive", "grader.engine.sandbox.docker", "grader.engine.harness.serve",
    "grader.checks", "torch", "torchvision", "numpy", "scipy", "sklearn", "matplotlib", "PIL", "kombu.transport.redis",
    "s3fs", "opentelemetry.sdk.trace",
)  # fmt: skip
SANDBOX_MODULES = (
    "torch", "torchvision", "numpy", "PIL", "matplotlib.pyplot", "scipy", "sklearn", "cv2", "six", "grader.engine.probe",
)  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def images() -> None:
    run("sh", "docker/build-images.sh")


def python(image: str, code: str, *arguments: str, program: str = "python3") -> str:
    """What the image's interpreter prints, as the image's own user and without a network."""
    return run(
        "docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--entrypoint", program, f"grader-{image}:latest", "-c", code, *arguments,
    )  # fmt: skip


def imported(image: str, modules: tuple[str, ...]) -> dict[str, str]:
    """Module to what kept it from being imported, an empty text if nothing did."""
    code = """
import importlib, json, sys
told = {}
try:
    from grader.engine.compat import prepare_torchvision
    prepare_torchvision()
except ImportError:
    pass
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        told[name] = ""
    except ImportError as error:
        told[name] = str(error) or "refused"
print(json.dumps(told))
"""
    program = "python3" if image in {"sandbox", "engine-proxy"} else "/opt/grader/venv/bin/python"
    return json.loads(python(image, code, *modules, program=program).splitlines()[-1])


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_holds_python_and_no_other_program(image: str) -> None:
    found = json.loads(python(image, LOOK))
    ours = re.compile(r"/usr(/local)?/bin/python3[.\d]*|/opt/grader/.*|/opt/packages/torch/bin/torch_shm_manager")
    assert [path for path in found["programs"] if not ours.fullmatch(path)] == []
    assert found["privileged"] == []
    assert found["specs"] == []
    assert found["files"] > 500, "hardly looked"


@pytest.mark.parametrize("image", IMAGES)
def test_nobody_is_root_and_somebody_asks_how_it_is(image: str) -> None:
    (told,) = json.loads(run("docker", "inspect", f"grader-{image}:latest"))
    uid, gid = told["Config"]["User"].split(":")
    assert int(uid) > 0 and int(gid) > 0
    asked = told["Config"]["Healthcheck"]["Test"]
    # A sandbox is asked by nobody: the worker holds its pipes.
    assert asked == ["NONE"] if image == "sandbox" else asked[0] == "CMD"


def test_a_server_has_what_it_needs_and_nothing_that_executes() -> None:
    assert imported("server", SERVER_MODULES) == dict.fromkeys(SERVER_MODULES, "")
    never = (
        "torch",
        "numpy",
        "docker",
        "pytest",
        "msgpack",
        "pyseccomp",
        "grader.engine",
        "worker.app",
        "pip",
        "ensurepip",
    )
    assert all(imported("server", never).values())


def test_a_worker_has_what_it_needs_and_no_door() -> None:
    assert imported("worker", WORKER_MODULES) == dict.fromkeys(WORKER_MODULES, "")
    never = ("fastapi", "uvicorn", "grader.server", "grader.api", "grader.web", "pip", "ensurepip")
    assert all(imported("worker", never).values())
    # The harness starts Python so, with nothing of the environment.
    isolated = "import grader.engine.harness, torch; print(torch.__version__)"
    ours = run("docker", "run", "--rm", "--network", "none", "--entrypoint", "/opt/grader/venv/bin/python",
               "grader-worker:latest", "-I", "-c", isolated)  # fmt: skip
    assert ours == python("sandbox", "import torch; print(torch.__version__)")


def test_a_sandbox_has_what_assignments_import_and_no_installer() -> None:
    assert imported("sandbox", SANDBOX_MODULES) == dict.fromkeys(SANDBOX_MODULES, "")
    never = ("pip", "ensurepip", "grader.engine.harness", "grader.domain", "pytest", "docker", "sqlalchemy", "redis")
    assert all(imported("sandbox", never).values())


def pins(*files: str) -> dict[str, str]:
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines() if "==" in line]
    return {name.strip().lower(): version.strip() for name, _, version in (line.partition("==") for line in lines)}


def test_a_sandbox_holds_exactly_what_is_pinned() -> None:
    pinned = pins(
        "docker/sandbox-requirements.txt", "docker/sandbox-requirements-nodeps.txt", "docker/sandbox-constraints.txt"
    )
    found = json.loads(python("sandbox", INSTALLED, "/opt/packages"))
    assert {name: version.partition("+")[0] for name, version in found.items()} == pinned


@pytest.mark.parametrize("image", ["server", "worker"])
def test_a_service_holds_only_what_is_pinned(image: str) -> None:
    pinned = pins("docker/service-constraints.txt")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    for line in [*project["dependencies"], *extras]:
        if "==" in line:
            name, _, version = line.partition("==")
            pinned[name.partition("[")[0].lower()] = version
    site = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = python(image, site, program="/opt/grader/venv/bin/python").strip()
    found = json.loads(python(image, INSTALLED, folder))
    found.pop("grader")
    assert len(found) > 20
    assert {name: version for name, version in found.items() if pinned.get(name) != version} == {}


def test_building_again_does_nothing() -> None:
    began = time.monotonic()
    done = subprocess.run(["sh", "docker/build-images.sh"], cwd=ROOT, check=True, capture_output=True, text=True)
    assert "built" not in done.stderr
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("arguments", [["none-such"], ["name", "none-such"]])
def test_an_image_there_is_not_is_one_sentence(arguments: list[str]) -> None:
    done = subprocess.run(
        ["sh", "docker/build-images.sh", *arguments], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "There is no image none-such; the images are server, worker, engine-proxy and sandbox."
    ]


def test_recipes_start_from_the_official_image_unless_told_otherwise() -> None:
    for image in IMAGES:
        text = Path(ROOT, "docker", f"{image}.Dockerfile").read_text()
        assert "\nARG BASE_IMAGE=python:3.11-slim\n" in text
        assert not re.search(r"^ADD |curl|wget", text, re.MULTILINE)
