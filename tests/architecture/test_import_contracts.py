from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Where a broad handler is right, and why.
BROAD_HANDLERS = {
    "grader/cli": "the command line's edge: one sentence instead of a traceback",
    "grader/engine/harness/serve.py": "the harness process's edge: whatever a spec's file does is a failed run",
    "grader/http/readiness.py": "a probe's edge: whatever an object store's client raises means that it is not ready",
    "grader/http/edge.py": "the HTTP edge: a problem document instead of a traceback, which goes to the log",
    "grader/web/errors.py": "the same for pages",
    "grader/engine/probe": "student code may raise anything at all",
    "grader/storage/objects.py": "each library behind fsspec has errors of its own for a network that does not work",
    "grader/engine/sandbox/forking": "a job's edge, in its sandbox: what could not be set up is told on standard error",
    "grader/engine/sandbox/pool.py": "the refill thread's edge: a failure is handed to whoever waits",
}


def test_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_the_command_line_starts_without_torch():
    code = "import sys, grader.cli.main, grader.engine.pipeline; print([m for m in ('torch', 'numpy', 'pytest') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_broad_handlers_stand_only_at_the_edges():
    found = set()
    for path in sorted((ROOT / "grader").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
            ):
                found.add(str(path.relative_to(ROOT)))
    assert {name for name in found if not any(name.startswith(edge) for edge in BROAD_HANDLERS)} == set()


def test_specs_import_nothing_of_ours_but_the_door():
    for path in sorted((ROOT / "test_specs").glob("*/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert all(not name.startswith("grader") or name == "grader.checks" for name in names), path


def test_nothing_is_ever_unpickled():
    modules = ("pickle", "marshal", "shelve", "dill")
    for path in sorted((ROOT / "grader").rglob("*.py")):
        if "probe" in path.parts or "forking" in path.parts:
            continue  # inside a sandbox
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load", "pickle.loads", "pickle.load"), f"{path}: {called}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert not any(word in ast.unparse(node) for word in modules), path
