"""What of this machine's processes works in a folder or was started with it in its arguments."""

from __future__ import annotations

from pathlib import Path


def living_in(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if where.startswith(str(folder)) or str(folder) in words:
            found.append(f"{entry.name} {words} in {where}")
    return found
