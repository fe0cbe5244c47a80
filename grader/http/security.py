"""What browsers are told about every answer: nothing inline, nothing from elsewhere, nobody frames us."""

from __future__ import annotations

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
# A file that somebody handed in is never a document of ours, whatever a browser makes of it.
SANDBOXED_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"
_YEAR_S = 31_536_000


def security_headers(*, has_tls: bool) -> dict[str, str]:
    """The headers of every answer that does not set its own."""
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
    return headers | ({"Strict-Transport-Security": f"max-age={_YEAR_S}"} if has_tls else {})
