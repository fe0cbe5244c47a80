"""Values in the words that a page shows. Pure; every function here is a filter of the templates."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from grader.domain.check import CheckStatus
from grader.domain.grading import RunReason, RunState, StageState
from grader.domain.regrade import RegradeState

NONE = "\N{EN DASH}"
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
# The largest unit that leaves a number people can picture; (from seconds on, seconds of one, its word).
_UNITS = ((59.5 * _DAY, 30.44 * _DAY, "month"), (36 * _HOUR, _DAY, "day"), (90 * _MINUTE, _HOUR, "hour"))
_STATES: dict[str, str] = {
    RunState.WAITING: "Waiting",
    RunState.GRADING: "Being graded",
    RunState.GRADED: "Graded",
    RunState.REJECTED: "Not accepted",
    RunState.FAILED: "Failed by our fault",
    "missing": "Nothing handed in",
}
_STATUSES: dict[str, str] = {
    CheckStatus.PASSED: "Passed",
    CheckStatus.FAILED: "Failed",
    CheckStatus.ERROR: "Error",
    CheckStatus.TIMEOUT: "Timed out",
    CheckStatus.SKIPPED: "Skipped",
    "waiting": "Waiting",
    "withheld": "Shown later",
    "hidden": "Not shown",
}
_REASONS: dict[str, str] = {
    RunReason.UPLOAD: "upload",
    RunReason.RERUN: "rerun",
    RunReason.MASS_RERUN: "rerun of all",
}
_REGRADES: dict[str, str] = {
    RegradeState.OPEN: "Open",
    RegradeState.GRANTED: "Granted",
    RegradeState.DECLINED: "Declined",
    RegradeState.WITHDRAWN: "Withdrawn",
}
_STAGE_STATES: dict[str, str] = {
    StageState.WAITING: "waiting",
    StageState.LEASED: "at work",
    StageState.DONE: "done",
    StageState.FAILED: "failed",
}


def points(value: float | None) -> str:
    """Points without trailing zeros, at most two decimals; a dash for none."""
    if value is None:
        return NONE
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def difference(value: float) -> str:
    """Points that come on top or go, with their sign: +1.5, \N{MINUS SIGN}2."""
    return f"+{points(value)}" if value >= 0 else f"\N{MINUS SIGN}{points(-value)}"


def size(size_bytes: int) -> str:
    """Bytes in the unit people would say: 812 bytes, 48.2 kB, 3.4 MB (powers of 1000)."""
    if size_bytes < 1000:
        return count(size_bytes, "byte")
    return f"{size_bytes / 1e3:.1f} kB" if size_bytes < 1e6 else f"{size_bytes / 1e6:.1f} MB"


def limit(size_bytes: int) -> str:
    """A limit as it was set, in powers of 1024: 64 MiB."""
    return f"{size_bytes / 2**20:g} MiB" if size_bytes >= 2**20 else count(size_bytes, "byte")


def duration(seconds: float | None) -> str:
    """A measured time: 40 ms, 0.4 s, 35 s, 2 min 5 s, 1 h 3 min."""
    if seconds is None:
        return NONE
    if seconds < 0.095:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(round(whole / 60), 60)
    return f"{hours} h {minutes} min"


def estimate(seconds: float) -> str:
    """A guess, said as one."""
    if seconds < 20:
        return "a few seconds"
    if seconds < 55:
        return "less than a minute"
    if seconds < 90 * _MINUTE:
        return f"about {count(max(1, round(seconds / _MINUTE)), 'minute')}"
    return f"about {count(round(seconds / _HOUR), 'hour')}"


def moment(at: datetime | None, zone: str = "UTC") -> str:
    """A time in the course's time zone: Sat 21 Nov 2026, 23:59."""
    if at is None:
        return NONE
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def second_of(at: datetime, zone: str = "UTC") -> str:
    """A time to the second with its offset, for receipts: 2026-11-21 23:59:07 +03:00."""
    local = at.astimezone(ZoneInfo(zone)).replace(microsecond=0)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def machine_time(at: datetime) -> str:
    """For the `datetime` attribute."""
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def relative(at: datetime, now: datetime) -> str:
    """How far away a time is: in 3 days, 2 hours ago, just now."""
    seconds = (at - now).total_seconds()
    distance = abs(seconds)
    if distance < 45:
        return "just now"
    for start, unit, word in _UNITS:
        if distance >= start:
            text = count(round(distance / unit), word)
            break
    else:
        text = count(max(1, round(distance / _MINUTE)), "minute")
    return f"in {text}" if seconds > 0 else f"{text} ago"


def count(number: float, word: str, plural: str = "") -> str:
    """1 day, 2 days, 1,000 students, 0.5 points; at most two decimals."""
    text = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
    return f"{text} {word if number == 1 else plural or word + 's'}"


def percent(part: float, whole: float) -> str:
    """A share as whole percent; a dash of nothing."""
    return f"{100 * part / whole:.0f}%" if whole else NONE


def state_word(state: str | None) -> str:
    """A run's state, or `missing`."""
    return _STATES[state or "missing"]


def status_word(status: str) -> str:
    """A check's status, `waiting`, `withheld` or `hidden`."""
    return _STATUSES[status]


def reason_word(reason: str) -> str:
    return _REASONS[reason]


def stage_state_word(state: str) -> str:
    return _STAGE_STATES[state]


def regrade_word(state: str) -> str:
    return _REGRADES[state]


def capitalize_first(text: str) -> str:
    """With a capital first letter, and the rest as it is."""
    return text[:1].upper() + text[1:]
