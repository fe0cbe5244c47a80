"""Settings of a service: those that are missing or misspelt, files with secrets, the public address."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from grader.cli.checkup.finding import Finding, error, fine, warning
from grader.kit.environment import unknown_variables

NEEDED = ("GRADER_DATABASE_URL", "GRADER_BROKER_URL", "GRADER_BLOBS_URL")
_SECRETS = (
    "GRADER_SECRET_FILE",
    "GRADER_DATABASE_PASSWORD_FILE",
    "GRADER_BROKER_PASSWORD_FILE",
    "GRADER_OIDC_CLIENT_SECRET_FILE",
)
# Where container engines put secrets: the mode there is theirs, and the folder is the container's own.
_ENGINES_OWN = Path("/run/secrets")
_SHORTEST_SECRET = 16


def settings(environment: Mapping[str, str], *, is_service: bool) -> list[Finding]:
    """Of the environment alone; nothing is asked of another machine."""
    found = [error("settings", "unknown", sentence) for sentence in unknown_variables(environment)]
    if not is_service:
        return found
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        remedy = "Set it: docs/settings.md says what each is for."
        found.append(error("settings", f"{', '.join(missing)} not set", remedy))
    elif not found:
        found.append(fine("settings", "all that a service needs"))
    found += [_secret(name, environment[name]) for name in _SECRETS if environment.get(name)]
    if not environment.get("GRADER_SECRET_FILE"):
        found.append(
            warning("secret file", "not set", "Servers need GRADER_SECRET_FILE, the same for all; workers do not.")
        )
    found.append(_public_url(environment.get("GRADER_PUBLIC_URL", "")))
    return found


def _secret(name: str, given: str) -> Finding:
    label, path = name.removeprefix("GRADER_").removesuffix("_FILE").replace("_", " ").lower() + " file", Path(given)
    try:
        length, mode = len(path.read_text(encoding="utf-8").strip()), stat.S_IMODE(path.stat().st_mode)
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not text"
        return error(label, f"{path} cannot be read ({why})", f"Mend {name}, or let this user read the file.")
    if name == "GRADER_SECRET_FILE" and length < _SHORTEST_SECRET:
        remedy = f"Put at least {_SHORTEST_SECRET} random characters into it: openssl rand -base64 32."
        return error(label, f"{path} holds {length} characters", remedy)
    if not length:
        return error(label, f"{path} is empty", f"Put what {name} is for into it.")
    if mode & 0o077 and _ENGINES_OWN not in path.parents:
        return warning(label, f"{path} is open to others ({mode:o})", f"chmod 600 {path}")
    return fine(label, f"{path}, {mode:o}")


def _public_url(url: str) -> Finding:
    if not url:
        return warning("public URL", "not set", "Set GRADER_PUBLIC_URL to the address that browsers use.")
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost", "::1"):
        return fine("public URL", url)
    return warning(
        "public URL",
        url,
        "Passwords and cookies travel in the open: put a proxy with TLS in front, and set GRADER_PUBLIC_URL to https://.",
    )
