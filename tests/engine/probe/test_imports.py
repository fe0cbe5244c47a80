"""The probe and the wire hold nothing else of ours: what the sandbox image carries is all they need."""

import subprocess
import sys

ALLOWED = ("grader.engine.probe", "grader.engine.wire", "grader.engine.compat")
EMPTY = ("grader", "grader.engine")
SCRIPT = """
import importlib, pkgutil, sys
import grader.engine.probe, grader.engine.wire
for package in (grader.engine.probe, grader.engine.wire):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
print("\\n".join(name for name in sys.modules if name.split(".")[0] in ("grader", "pydantic", "pytest", "rich", "typer")))
"""


def test_a_bare_interpreter_loads_only_the_allowed_modules():
    found = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout.split()
    assert "grader.engine.probe.serve" in found
    assert [name for name in found if name not in EMPTY and not name.startswith(ALLOWED)] == []


def test_the_wire_needs_no_torch():
    script = (
        "import sys, grader.engine.wire.messages; assert not {'torch', 'numpy'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
