"""Submissions made in a test, and the workspace that loads them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from grader.engine.probe.workspace import Workspace

SAMPLES = Path(__file__).parents[2] / "submissions"


def cell(source: str | list[str], kind: str = "code", **more: Any) -> dict[str, Any]:
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return {"cell_type": kind, "metadata": {}, "source": source} | extra | more


def notebook(*sources: str | dict[str, Any]) -> bytes:
    cells = [source if isinstance(source, dict) else cell(source) for source in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


class HandedIn:
    """A loaded submission: the workspace and what LOAD said."""

    def __init__(self, root: Path, files: dict[str, bytes | str], **body: Any) -> None:
        self.workspace = Workspace(root / "submission")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        request = {
            "archive": packed.getvalue(), "name": "hand-in.zip", "kind": "zip",
            "entries": [{"path": name, "role": _role(name)} for name in files], "prefer": [], "starter": "",
            "starter_names": [], "statement_s": 5.0,
        }  # fmt: skip
        self.report = self.workspace.load(request | body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.workspace, name)

    def status(self, number: int = 0) -> str:
        return self.report["cells"][number]["status"]

    def error(self, number: int = 0) -> str:
        return self.report["cells"][number]["error"]

    def defines(self, name: str) -> bool:
        try:
            self.workspace.resolve(name)
        except LookupError:
            return False
        return True

    def replayed(self, **body: Any) -> dict[str, Any]:
        return self.workspace.replay(body, materialise=lambda value: value, resolve_ref=self._ref)

    def _ref(self, ref: dict[str, Any]) -> Any:
        return self.workspace.resolve(ref["name"], ref.get("version"))


def _role(name: str) -> str:
    return "code" if name.endswith((".py", ".ipynb")) else "other"
