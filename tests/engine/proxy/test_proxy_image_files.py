"""The engine proxy's image holds the few of our files that it imports: found without building it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIST_OURS = """
import sys, grader.engine.proxy.__main__
print(*(module.__file__ for name, module in list(sys.modules.items()) if name.split(".")[0] == "grader"), sep="\\n")
"""


def test_what_the_proxy_imports_is_copied_into_its_image():
    shown = subprocess.run([sys.executable, "-c", LIST_OURS], cwd=ROOT, capture_output=True, text=True, check=True)
    imported = {str(Path(line).relative_to(ROOT)) for line in shown.stdout.split()}
    dockerfile = (ROOT / "docker" / "engine-proxy.Dockerfile").read_text().replace("\\\n", " ")
    copied = set(re.findall(r"\bgrader/\S+", dockerfile))
    assert {path for path in imported if path not in copied and str(Path(path).parent) not in copied} == set()
