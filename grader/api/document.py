"""The OpenAPI document: every answer an endpoint may give is declared, so that a client can be made from it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from grader.api.schemas.common import Problem
from grader.http.problems import MEDIA_TYPE
from grader.http.uploads import ANSWERS_FIELD, FILE_FIELD, KEY_FIELD

DOCUMENT = "/api/openapi.json"
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_MEANINGS = {
    401: "Nobody is signed in, or the token does not work.",
    403: "The reader's role, or the token's scopes, do not allow this.",
    404: "There is no such thing, or it is not the reader's to see.",
    409: "Somebody else was there first, or something of that name is there already.",
    413: "The upload is larger than the assignment allows.",
    422: "The request, or what was handed in, is not as it should be; the sentence says what to mend.",
    410: "The files of this submission were removed when their time was over.",
    429: "Everything allowed for now is used; the sentence says when to try again.",
    503: "The service cannot do this now; `Retry-After` says when to try again.",
}
# What can happen to any request that says who is asking.
_ALWAYS = (401, 403, 422, 503)

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed since that `ETag`."}}

UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FILE_FIELD],
                "properties": {
                    KEY_FIELD: {
                        "type": "string",
                        "maxLength": 200,
                        "description": "Stands in for the header `Idempotency-Key`; must precede the file.",
                    },
                    ANSWERS_FIELD: {
                        "type": "string",
                        "description": (
                            "Written answers by question (`GET /assignments/{assignment}/questions`), as a JSON object "
                            "or as TOML; at most 200 answers of 4000 characters, 1 MiB together. They win over those "
                            "in the file."
                        ),
                        "examples": ['{"A3.weights": "9*NIC*NF + 18*NF^2", "A3.connections": 123456}'],
                    },
                    FILE_FIELD: {
                        "type": "string",
                        "format": "binary",
                        "description": "A zip file, a notebook (.ipynb) or a Python file (.py).",
                    },
                },
            }
        }
    },
}

# One message of the stream; the document's language has no word for a sequence of them.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["progress", "end"]},
        "id": {"type": "string", "description": "Send it back as `Last-Event-ID`."},
        "data": {"type": "string", "description": "JSON: `kind`, `run`, `check` and, where one changed, `state`."},
    },
}

_TAGS = [
    {"name": "people", "description": "Who is asking, people, and tokens."},
    {"name": "assignments", "description": "What there is to hand in, and handing it in."},
    {"name": "submissions", "description": "What was handed in, and what came of it."},
    {"name": "sheets", "description": "Pages and outputs of what was handed in, for graders to look at."},
    {"name": "gradebook", "description": "What counts. For staff."},
    {
        "name": "items",
        "description": "Questions that persons grade: rubrics, gradings, comments, given marks. For staff.",
    },
    {"name": "regrades", "description": "Requests for a second look, and their answers."},
    {"name": "similarity", "description": "Submissions with passages in common. For staff."},
    {"name": "trials", "description": "A spec version tried before it is published. For staff."},
    {"name": "late work", "description": "More time for somebody, late policies, and which submission counts."},
    {"name": "courses", "description": "Courses, rosters, and what they offer."},
    {"name": "notices", "description": "Webhooks, e-mails, and what was delivered."},
    {"name": "learning platforms", "description": "LTI 1.3: from where people come, and where scores go."},
    {"name": "health", "description": "For whoever runs the service. No token needed."},
]
_DESCRIPTION = (
    "Send `Authorization: Bearer grd_...`; tokens are made on the web page or by `POST /tokens`. Times are RFC 3339 in "
    "UTC. Errors are problem documents (RFC 9457). A list is read on by giving its `next_cursor` as `cursor`."
)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem documents an endpoint may answer: those any may, and these."""
    return {status: {"description": _MEANINGS[status], "content": _PROBLEM} for status in sorted({*_ALWAYS, *statuses})}


def open_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for an endpoint that asks nobody who they are."""
    return {status: {"description": _MEANINGS[status], "content": _PROBLEM} for status in statuses}


def media(*types: str, description: str) -> dict[int | str, dict[str, Any]]:
    """An answer 200 that is not (only) JSON."""
    return {200: {"description": description, "content": {kind: {"schema": _schema_of(kind)} for kind in types}}}


def document_of(app: FastAPI) -> dict[str, Any]:
    """The document of everything in the schema; made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=_DESCRIPTION,
            routes=app.routes,
            tags=_TAGS,
            separate_input_output_schemas=False,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        app.openapi_schema = made
    return app.openapi_schema


def _schema_of(kind: str) -> dict[str, Any]:
    if kind == "application/json":
        return {"type": "object"}
    if kind == "text/event-stream":
        return _EVENT
    if kind.startswith("text/"):
        return {"type": "string"}
    return {"type": "string", "format": "binary"}
