"""The pages. No logic of their own: services in, templates out."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
