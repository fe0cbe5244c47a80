"""The list of system calls of the fork server itself: a sandbox's, and what it takes to fork jobs into walls."""

from __future__ import annotations

import json
from typing import Any, cast

from grader.engine.sandbox import seccomp
from grader.engine.sandbox.forking import kernel

# Besides `clone` and `unshare` with one set of flags each: orders come with descriptors, a job gets mounts of its own
# and gives its capabilities away.
CALLS = ("recvmsg", "mount", "capset")


def profile_text() -> str:
    """The same list for the fork server, which builds the walls of its jobs: with what that needs, and nothing else.

    A job puts the strict list on top before it reads anything of a submission.
    """
    profile = cast("dict[str, Any]", json.loads(seccomp.profile_text()))
    profile["syscalls"] += [
        {"names": list(CALLS), "action": "SCMP_ACT_ALLOW"},
        *(
            {
                "names": [name],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": flags, "valueTwo": 0, "op": "SCMP_CMP_EQ"}],
            }
            for name, flags in (("clone", kernel.FORK_FLAGS), ("unshare", kernel.UNSHARE_FLAGS))
        ),
    ]
    return json.dumps(profile)
