"""What axe finds on a page that a browser shows."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT

_SERIOUS = ("serious", "critical")


def serious(page: Any, **options: Any) -> list[str]:
    """A line for each serious or critical finding; `options` are those of `axe.run`."""
    # Half a megabyte: once for each page, not for each look at it.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options)", {"resultTypes": ["violations"]} | options)
    return [
        f"{one['impact']} {one['id']} {[(node['target'], node['html'][:120]) for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in _SERIOUS
    ]


def serious_in_both_colours(page: Any) -> list[str]:
    """Of the page in the light, and of the same elements' other colours in the dark."""
    page.emulate_media(color_scheme="light")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = serious(page)
    page.emulate_media(color_scheme="dark")
    return found + [f"dark: {line}" for line in serious(page, runOnly=["color-contrast"])]
