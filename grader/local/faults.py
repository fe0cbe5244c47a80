"""What private servers and services say when they cannot work; the operator can mend each of them."""

from __future__ import annotations

from grader.domain.errors import SetupError


class AlreadyRunning(SetupError):
    """The folder is in use by a grader that is running; stop that one first, or use another folder."""

    code = "already-running"


class ServersMissing(SetupError):
    """The private PostgreSQL and Redis are not installed; install the extra named `local`."""

    code = "servers-missing"


class FolderUnusable(SetupError):
    """The servers cannot work in this folder; use another one."""

    code = "folder-unusable"


class ServiceFailed(SetupError):
    """A service could not be started or ended by itself; its log says why."""

    code = "service-failed"
