"""What a sandbox did on the pipe that no honest submission does; counted here, put into words by `grader.engine.flags`.

The invariant: each is seen by the trusted side alone. Nothing that a sandbox says about itself is one.
"""

from __future__ import annotations

from enum import StrEnum


class Breach(StrEnum):
    """Kinds of breaches."""

    UNASKED = "unasked"  # a message that answers nothing, or a second one for the same request
    MALFORMED = "malformed"  # bytes that are no message of the protocol, or a message over the limits
    FORM = "form"  # an answer whose fields are not those of its kind
