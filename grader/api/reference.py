"""The API's document as a page to read.

It is rendered here: the usual readers are scripts from elsewhere, which our own rules for pages refuse, and which are
not there without the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from grader.api.document import DOCUMENT, document_of
from grader.domain.errors import GraderError
from grader.http.problems import STATUSES, TYPES, status_of, title_of

router = APIRouter()
PAGE = "/api/docs"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d5dae0; --quiet: #57606a; --code: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0f1419; --line: #30363d; --quiet: #9aa4af; --code: #1a2027; } }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem; font: 1rem/1.55 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { font: 600 1rem/1.4 ui-monospace, monospace; margin: 2rem 0 .3rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; vertical-align: top;
  padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line); }
code, pre { font: .875rem/1.5 ui-monospace, monospace; background: var(--code); border-radius: 4px; }
code { padding: .1em .3em; } pre { padding: .75rem; overflow-x: auto; }
nav ul { columns: 2 18rem; padding-left: 1.2rem; } small { color: var(--quiet); } a { color: inherit; }
"""


class Operation(NamedTuple):
    method: str
    path: str
    described: dict[str, Any]

    @property
    def anchor(self) -> str:
        return str(self.described["operationId"])


@router.get(DOCUMENT)
def document(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(document_of(request.app))


@router.get(PAGE)
def page(request: Request) -> Response:
    """The document, to be read."""
    return HTMLResponse("".join(_page(document_of(request.app))))


@router.get(f"{PAGE}.css")
def style() -> Response:
    return Response(_STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get(TYPES + "{code}")
def problem(code: str) -> Response:
    """What a problem document's `type` leads to: its place in the page."""
    known = code in _problems()
    return RedirectResponse(f"{PAGE}#problem-{code}" if known else f"{PAGE}#problems", status_code=303)


def _page(described: dict[str, Any]) -> Iterator[str]:
    operations = list(_operations(described))
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(described["info"]["title"])}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<link rel="stylesheet" href="{PAGE}.css"><main><h1>{escape(described["info"]["title"])}</h1>'
    yield f"<p>{_prose(described['info']['description'])}</p>"
    yield f'<p>The document itself: <a href="{DOCUMENT}">{DOCUMENT}</a>.'
    yield '<nav aria-label="Endpoints"><ul>'
    for operation in operations:
        yield f'<li><a href="#{operation.anchor}">{_call(operation)}</a>'
    yield '<li><a href="#objects">Objects</a><li><a href="#problems">Problems</a></ul></nav>'
    for tag in described["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_prose(tag['description'])}</p>"
        for operation in operations:
            if tag["name"] in operation.described.get("tags", ()):
                yield from _operation(operation)
    yield '<h2 id="objects">Objects</h2>'
    for name, schema in sorted(described["components"]["schemas"].items()):
        yield from _object(name, schema)
    yield from _problem_table()
    yield "</main></html>"


def _operations(described: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield Operation(method.upper(), path, operation)


def _call(operation: Operation) -> str:
    return f"{operation.method} {escape(operation.path)}"


def _operation(operation: Operation) -> Iterator[str]:
    yield f'<section><h3 id="{operation.anchor}">{_call(operation)}</h3>'
    yield f"<p>{_prose(operation.described.get('description', ''))}</p>"
    if operation.described.get("parameters"):
        yield "<table><thead><tr><th>Parameter<th>In<th>Type<th>Meaning</thead>"
        for parameter in operation.described["parameters"]:
            needed = " <small>needed</small>" if parameter.get("required") else ""
            yield f"<tr><td><code>{escape(parameter['name'])}</code>{needed}<td>{escape(parameter['in'])}"
            yield f"<td>{_type(parameter['schema'])}<td>{_prose(parameter.get('description', ''))}"
        yield "</table>"
    for kind, content in operation.described.get("requestBody", {}).get("content", {}).items():
        yield f"<p>Body <code>{escape(kind)}</code>: {_type(content.get('schema', {}))}</p>"
    yield "<table><thead><tr><th>Answer<th>Content<th>Meaning</thead>"
    for status, answer in sorted(operation.described["responses"].items()):
        contents = "<br>".join(
            f"{_type(content.get('schema', {}))} <small>{escape(kind)}</small>"
            for kind, content in answer.get("content", {}).items()
        )
        yield f"<tr><td><code>{escape(str(status))}</code><td>{contents}<td>{_prose(answer['description'])}"
    yield "</table></section>"


def _object(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f'<section><h3 id="object-{escape(name)}">{escape(name)}</h3><p>{_prose(schema.get("description", ""))}</p>'
    if "properties" in schema:
        yield "<table><thead><tr><th>Member<th>Type<th>Example<th>Meaning</thead>"
        for member, described in schema["properties"].items():
            example = next(iter(described.get("examples", ())), None)
            shown = "" if example is None else f"<code>{escape(json.dumps(example))}</code>"
            yield f"<tr><td><code>{escape(member)}</code><td>{_type(described)}<td>{shown}"
            yield f"<td>{_prose(described.get('description', ''))}"
        yield "</table>"
    yield "</section>"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#object-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(option) for option in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " | ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("format") or schema.get("type") or "any"))


def _prose(text: str) -> str:
    """Escaped text in which `code` is code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))


def _problems() -> dict[str, type[GraderError]]:
    """Every error that an answer may name, by code."""
    found: dict[str, type[GraderError]] = {}
    waiting: list[type[GraderError]] = list(STATUSES)
    while waiting:
        error = waiting.pop()
        found.setdefault(error.code, error)
        waiting.extend(error.__subclasses__())
    return dict(sorted(found.items()))


def _problem_table() -> Iterator[str]:
    yield '<h2 id="problems">Problems</h2><table><thead><tr><th>Code<th>Status<th>What it says</thead>'
    for code, error in _problems().items():
        yield f'<tr id="problem-{escape(code)}"><td><code>{escape(code)}</code><td>{status_of(error)}'
        yield f"<td>{escape(title_of(error))}"
    yield "</table>"
