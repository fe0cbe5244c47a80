"""Templates into answers. Autoescape is on for every template, and an unknown name is an error, not a blank."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from grader.service.accounts import SignedIn
from grader.web import words

HERE = Path(__file__).parent
STATIC = HERE / "static"
# Marks are personal, and the next person at a shared computer has a back button.
_PRIVATE = {"Cache-Control": "no-store", "Vary": "Cookie"}


def page(
    request: Request,
    template: str,
    *,
    visitor: SignedIn | None,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """An HTML answer. Every template knows `me` (a Person or None), `csrf` and `path` besides what it is given."""
    known = {
        "me": None if visitor is None else visitor.reader.person,
        "csrf": "" if visitor is None else visitor.csrf,
        "path": request.url.path,
    }
    text = _environment().get_template(template).render(known | values)
    return HTMLResponse(text, status_code=status, headers=_PRIVATE | (headers or {}))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": words.points,
        "size": words.size,
        "limit": words.limit,
        "difference": words.difference,
        "duration": words.duration,
        "estimate": words.estimate,
        "moment": words.moment,
        "second_of": words.second_of,
        "machine_time": words.machine_time,
        "relative": words.relative,
        "count": words.count,
        "capitalize_first": words.capitalize_first,
        "state_word": words.state_word,
        "status_word": words.status_word,
        "reason_word": words.reason_word,
        "regrade_word": words.regrade_word,
        "stage_state_word": words.stage_state_word,
    }
    environment.globals |= {"static": static_url, "percent": words.percent}
    return environment


@cache
def static_url(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
