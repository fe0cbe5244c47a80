from __future__ import annotations

# Checks of a spec, which a harness runs.
collect_ignore = ["specs"]
