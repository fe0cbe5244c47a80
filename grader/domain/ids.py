from __future__ import annotations

from typing import NewType

Slug = NewType("Slug", str)
CheckId = NewType("CheckId", str)
PartId = NewType("PartId", str)
RunId = NewType("RunId", str)
Sha256 = NewType("Sha256", str)
