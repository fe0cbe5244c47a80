"""Late days: started days after the due date, charged against a budget per term."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

_DAY_S = 86_400.0


def late_days(received_at: datetime, due_at: datetime | None) -> int:
    """Started days of 24 hours between the due date and the upload; 0 when in time or when nothing is due."""
    if due_at is None:
        return 0
    return max(0, math.ceil((received_at - due_at).total_seconds() / _DAY_S))


def days_left(budget: int, charged: Iterable[int]) -> int:
    """What is left of a term's budget after what each assignment has used; never below 0."""
    return max(0, budget - sum(charged))
