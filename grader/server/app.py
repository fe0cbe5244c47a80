"""The composition root of a server process."""

from __future__ import annotations

from fastapi import FastAPI

from grader.http.settings import ServerSettings


def create_app(settings: ServerSettings) -> FastAPI:
    """The web application: pages at /, API at /api/v1, its document at /api/openapi.json, its page at /api/docs."""
    raise NotImplementedError
