"""Whom the private servers run as.

PostgreSQL refuses to run as root, and Redis has no need to. Started by root, both run under a number of their own:
it needs no entry in the password file (so no `useradd`, also in a container), and no other service and no sandbox
shares it. Started by anybody else, they run as that person.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from grader.local.faults import FolderUnusable

# systemd's table of uids calls 1879048192 to 2147483647 unused; sandboxes take theirs from 1900000000 on.
SERVER_UID = 1_890_000_000
NOBODY_UID = 65_534


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An unprivileged user of the host, by number, and its only group."""

    uid: int
    gid: int


def server_identity(data: Path) -> Identity | None:
    """Whom the server of `data` runs as; None: as we do. Data that is there already keeps its owner.

    Raises `FolderUnusable` if the data belong to another user, or if there is no user to become.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise FolderUnusable(
                f"The data in {data} belong to user {owner.st_uid}: run this as that user or as root, "
                "or use another folder."
            )
        return None
    if owner is not None and owner.st_uid != 0:
        return Identity(uid=owner.st_uid, gid=owner.st_gid)
    for number in (SERVER_UID, NOBODY_UID):
        if _is_mapped(number):
            return Identity(uid=number, gid=number)
    raise FolderUnusable(
        "PostgreSQL does not run as root, and this container has no other user: run this as an ordinary user."
    )


def named_identity() -> Identity | None:
    """Somebody who is in the password file, which initdb insists on; None: ourselves.

    Raises `FolderUnusable` if there is nobody.
    """
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError as error:
            raise FolderUnusable(
                f"PostgreSQL makes its data folder only for a user with a name, and user {os.geteuid()} has none: "
                "add a line for it to /etc/passwd."
            ) from error
        return None
    accounts = sorted(pwd.getpwall(), key=lambda account: account.pw_name != "nobody")
    for account in accounts:
        if account.pw_uid != 0 and _is_mapped(account.pw_uid):
            return Identity(uid=account.pw_uid, gid=account.pw_gid)
    raise FolderUnusable(
        "PostgreSQL does not run as root, and the password file names nobody else: run this as an ordinary user."
    )


def hand_over(tree: Path, identity: Identity) -> None:
    """Everything in `tree`, and `tree` itself last, becomes `identity`'s. Links are changed, never followed."""
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            os.lchown(Path(folder, name), identity.uid, identity.gid)
    os.lchown(tree, identity.uid, identity.gid)


def _is_mapped(number: int) -> bool:
    """Whether this number exists in our user namespace; in a container that root cannot leave, most do not."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _outside, count = map(int, line.split())
        if first <= number < first + count:
            return True
    return False
