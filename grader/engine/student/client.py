"""One conversation with one probe, from the side that does not trust it.

Every reply is attacker input: its kind, its serial and its fields are checked here or in `replies.py`, and whatever
does not fit is a `ProtocolViolation` that costs the submission one check. After a timeout, a violation or the end of
the pipe the conversation is over; the next check gets another sandbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from grader.domain.ending import Ending, EndingReason
from grader.domain.errors import (
    CallTimeout,
    DeviceLost,
    NotDefined,
    ProbeDied,
    ProtocolViolation,
    SandboxLost,
    StudentFault,
    StudentRaised,
    WrongResult,
)
from grader.engine.student.accidents import Accident, accident_of, ends_the_context, sentence_of
from grader.engine.student.breaches import Breach
from grader.engine.wire.frames import FramePipe, WireClosed, WireError, WireTimeout
from grader.engine.wire.messages import PROTOCOL_VERSION, REPLIES, Kind, Message, receive, send
from grader.kit.text import one_line, plain

OUTPUT_CHARACTERS = 64 * 2**10
# What the host is asked when a conversation ends: stop that sandbox and say why it stopped.
OnLoss = Callable[[EndingReason], Ending]


class ProbeClient:
    """Requests and replies over one pipe.

    Args:
        pipe: frames to and from the probe; owned and closed by this object.
        on_loss: called once when the conversation is over; kills the sandbox and gives its ending.

    """

    def __init__(self, pipe: FramePipe, on_loss: OnLoss) -> None:
        self._pipe = pipe
        self._on_loss = on_loss
        self._serial = 0
        self._output: list[str] = []
        self.is_open = True
        self.breaches: list[Breach] = []
        self.deadline: float | None = None
        self.ready: dict[str, Any] = {}

    def await_ready(self, timeout_s: float) -> None:
        """Take the READY message, which a warm sandbox has sent already."""
        message = self._receive(time.monotonic() + timeout_s)
        if message.kind is not Kind.READY or message.body.get("protocol") != PROTOCOL_VERSION:
            raise self._violation(Breach.UNASKED, "the sandbox did not start as it should")
        self.ready = message.body

    def request(self, kind: Kind, body: dict[str, Any], *, timeout_s: float | None = None) -> dict[str, Any]:
        """Ask and wait for the answer; the body of an OK reply.

        Raises:
            StudentFault: what happened instead, in a sentence for the student.

        """
        deadline = self._deadline(timeout_s)
        self._ask(kind, body, deadline)
        message = self._receive(deadline)
        if message.kind is Kind.EVENT:
            raise self._violation(Breach.UNASKED, "an event came where an answer was due")
        return self._answer(message)

    def converse(
        self,
        kind: Kind,
        body: dict[str, Any],
        on_event: Callable[[dict[str, Any]], bool],
        *,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Like `request`, for a request that reports events; `on_event` says whether to go on."""
        deadline = self._deadline(timeout_s)
        self._ask(kind, body, deadline)
        going = True
        while True:
            message = self._receive(deadline)
            if message.kind is not Kind.EVENT:
                return self._answer(message)
            if not going:
                raise self._violation(Breach.UNASKED, "the sandbox went on after it was told to stop")
            going = on_event(message.body)
            self._send(Kind.GO_ON if going else Kind.STOP, {}, deadline)

    def take_output(self) -> str:
        """What the student's code printed since the last call, made safe to show."""
        text, self._output = "".join(self._output), []
        return plain(text, limit=OUTPUT_CHARACTERS)

    def has_spoken_unasked(self) -> bool:
        """Whether bytes lie there while nothing is asked; then the conversation is over, and the breach is noted."""
        if not self.is_open or not self._pipe.has_bytes():
            return False
        # No check is hurt: it has its result, and the next one gets another sandbox.
        self.breaches.append(Breach.UNASKED)
        self.close()
        return True

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._pipe.close()

    def _deadline(self, timeout_s: float | None) -> float | None:
        ends = [
            value
            for value in (self.deadline, None if timeout_s is None else time.monotonic() + timeout_s)
            if value is not None
        ]
        return min(ends, default=None)

    def _ask(self, kind: Kind, body: dict[str, Any], deadline: float | None) -> None:
        if not self.is_open:
            raise ProbeDied("The process that ran your code had already ended in this check.")
        if self._pipe.has_bytes():
            # Nothing was under way: an answer that came before its question knows nothing of it.
            raise self._violation(Breach.UNASKED, "bytes came before anything was asked")
        self._serial += 1
        self._send(kind, body, deadline)

    def _send(self, kind: Kind, body: dict[str, Any], deadline: float | None) -> None:
        try:
            send(self._pipe, kind, self._serial, body, deadline=deadline)
        except WireTimeout as error:
            raise self._timeout() from error
        except WireClosed as error:
            raise self._death() from error

    def _receive(self, deadline: float | None) -> Message:
        try:
            message = receive(self._pipe, deadline=deadline)
        except WireTimeout as error:
            raise self._timeout() from error
        except WireClosed as error:
            raise self._death() from error
        except WireError as error:
            raise self._violation(Breach.MALFORMED, str(error)) from error
        if message.kind not in REPLIES or message.serial != self._serial:
            raise self._violation(Breach.UNASKED, "an answer came that was not asked for")
        output = message.body.get("output", "")
        if type(output) is str and output:
            self._output.append(output[:OUTPUT_CHARACTERS])
        return message

    def _answer(self, message: Message) -> dict[str, Any]:
        body = message.body
        if message.kind is Kind.OK:
            return body
        text = one_line(str(body.get("message", "")), limit=400)
        if message.kind is Kind.RAISED:
            raise self._raised(body, text)
        if message.kind is Kind.REFUSED:
            if body.get("code") == "not_defined":
                raise NotDefined(text)
            if body.get("code") == "unsendable":
                raise WrongResult(text)
            raise ProtocolViolation(f"The sandbox refused a request: {text}", is_form=False)
        raise self._violation(Breach.UNASKED, "the sandbox said it was ready a second time")

    def _raised(self, body: dict[str, Any], text: str) -> StudentRaised | DeviceLost:
        """The exception that a RAISED reply stands for. Its words are a claim: see `accidents.py`."""
        kind = one_line(str(body.get("type", "an exception")), limit=80)
        where = one_line(str(body.get("where", "")), limit=400)
        on_gpu = self.ready.get("device") == "cuda"
        accident = accident_of(kind, text, on_gpu=on_gpu)
        if accident is Accident.PLATFORM:
            self._end(EndingReason.KILLED)
            return DeviceLost(sentence_of(accident, text))
        if on_gpu and ends_the_context(text):
            self._end(EndingReason.KILLED)
        place = f" ({where})" if where else ""
        if accident is None:
            return StudentRaised(f"Your code raised {kind}{': ' + text if text else ''}{place}")
        fault = StudentRaised(f"{sentence_of(accident, text)}{place}")
        fault.add_note(f"{kind}: {text}")
        return fault

    def _end(self, reason: EndingReason) -> Ending:
        self.close()
        ending = self._on_loss(reason)
        if ending.reason is EndingReason.LOST:
            raise SandboxLost(ending.sentence())
        return ending

    def _timeout(self) -> StudentFault:
        ending = self._end(EndingReason.TIMED_OUT)
        # A process the kernel already stopped for memory looks like silence from here; the host knows better.
        if ending.reason in (EndingReason.OUT_OF_MEMORY, EndingReason.CPU_LIMIT):
            return ProbeDied(ending.sentence())
        return CallTimeout(ending.sentence())

    def _death(self) -> StudentFault:
        return ProbeDied(self._end(EndingReason.EXITED).sentence())

    def _violation(self, breach: Breach, detail: str) -> StudentFault:
        self.breaches.append(breach)
        self._end(EndingReason.KILLED)
        fault = ProtocolViolation(
            "Your code disturbed the grader's connection to it, so this check could not be finished.", is_form=False
        )
        fault.add_note(detail)
        return fault
