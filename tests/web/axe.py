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


def wrong_at_any_size(page: Any) -> list[str]:
    """What is serious on a desk and on a phone, in the dark too, and what is wider than either."""
    found = []
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    for width, height in ((1280, 900), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        found += [f"{width} wide: {line}" for line in serious(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"scrolls sideways at {width}")
    # The same elements in other colours.
    page.emulate_media(color_scheme="dark")
    return found + [f"dark: {line}" for line in serious(page, runOnly=["color-contrast"])]
