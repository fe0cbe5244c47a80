from __future__ import annotations

from tests.api.serving import serving, world

__all__ = ["serving", "world"]
