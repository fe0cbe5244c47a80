"""Tables in docs that the command which measured them writes itself, between two markers."""

from __future__ import annotations

from pathlib import Path


def replace_block(file: Path, name: str, text: str) -> None:
    """Put `text` between `<!-- name -->` and `<!-- end of name -->`. Raises SystemExit when the file lacks them."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = file.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise SystemExit(f"{file} has no place for this: it needs the lines {begin} and {end}.")
    file.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
