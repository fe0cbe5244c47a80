from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_YEAR_S = 31_536_000


class LastingFiles(StaticFiles):
    """Files whose address carries their digest (`render.static_url`) never change; others are asked for again."""

    def file_response(self, full_path: Any, stat_result: Any, scope: Scope, status_code: int = 200) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        lasting = scope.get("query_string", b"").startswith(b"v=")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if lasting else "no-cache"
        return response
