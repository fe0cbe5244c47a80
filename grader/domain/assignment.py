"""The parsed `assignment.toml`: what an assignment asks for and how it is judged. Pure values."""

from __future__ import annotations

import re
from datetime import datetime
from functools import partial
from operator import eq, not_
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$", max_length=80)]


class _Strict(BaseModel):
    # A number that is none, or without end, could be neither published as JSON nor compared.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RubricLine(_Strict):
    """Something that whoever grades an item finds, or misses, and the points that it gives or (below 0) takes.

    Staff add lines of their own while they grade; theirs are called r1, r2 and so on.
    """

    id: Name
    label: str = Field(min_length=1, max_length=300)
    points: float = Field(ge=-1_000_000, le=1_000_000)

    @model_validator(mode="after")
    def _is_not_called_as_those_of_staff(self) -> Self:
        if re.fullmatch(r"r\d+", self.id):
            raise ValueError(f"a line of a rubric is called {self.id}, as those that staff add")
        return self


class ManualItem(_Strict):
    """A question that a person reads. It has no automatic points; `points` is the most that a person gives for it.

    What an `extra` item, or one of an extra part, gives comes on top of full marks, and has no most.
    `look` says where in the sheets of a submission it is answered: `report`, or words of the cell or page.
    """

    id: Name
    title: str
    guide: str = ""
    # Left out of what is published while they say nothing, as `Part.extra`.
    points: float = Field(default=0.0, ge=0, exclude_if=not_)
    extra: bool = Field(default=False, exclude_if=not_)
    rubric: tuple[RubricLine, ...] = Field(default=(), exclude_if=not_)
    look: str = Field(default="", max_length=200, exclude_if=not_)

    @model_validator(mode="after")
    def _lines_are_unique(self) -> Self:
        if len({line.id for line in self.rubric}) < len(self.rubric):
            raise ValueError(f"two lines of the rubric of {self.id} have the same id")
        return self


class Part(_Strict):
    """One question of the document: checks, items for a person, or both.

    `checks` and `points` are a promise: a run in which the test files give another number of checks or another
    sum of points for this part is a failed run, never a score. The points of an `extra` part come on top: full marks
    are reached without them. In an assignment for teams an `individual` part is each member's own: it is judged on what
    the member hands in for it in their own name, and the others on what the team does.
    """

    id: Name
    title: str
    points: float = Field(default=0.0, ge=0)
    checks: int = Field(default=0, ge=0)
    # Published definitions are read by older code too, which refuses a word it does not know: what is added to them is
    # left out as long as it says nothing.
    extra: bool = Field(default=False, exclude_if=not_)
    individual: bool = Field(default=False, exclude_if=not_)
    manual: tuple[ManualItem, ...] = ()

    @property
    def full_points(self) -> float:
        """With those that persons give."""
        return round(self.points + sum(item.points for item in self.manual if not item.extra), 2)


class FileRule(_Strict):
    """A file the hand-in should hold.

    `pattern` is a regular expression matched against the base name, case-insensitively; `role` tells the probe
    what to do with it. A missing file that is not `essential` costs only the check that asks for it.
    """

    name: Name
    pattern: str
    role: Literal["code", "report", "text", "checkpoint"]
    example: str
    essential: bool = False


class FileRules(_Strict):
    """How a hand-in is named and what it holds. `archive` is matched like `FileRule.pattern`."""

    archive: str | None = None
    archive_example: str = ""
    file: tuple[FileRule, ...] = ()
    code_suffixes: tuple[str, ...] = (".ipynb", ".py")


class Limits(_Strict):
    """Caps on intake and on each sandbox. Bytes, seconds, counts."""

    archive_bytes: int = 64 * 2**20
    expanded_bytes: int = 256 * 2**20
    file_bytes: int = 64 * 2**20
    entries: int = 2000
    ratio: float = 200.0
    depth: int = 12
    memory_bytes: int = 2 * 2**30
    scratch_bytes: int = 256 * 2**20
    processes: int = 64
    run_s: float = 900.0
    load_s: float = 20.0
    output_bytes: int = 64 * 2**10


class ScaleStep(_Strict):
    """From this share of the points on (0 to 1), the course's mark is `value`.

    Of the automatic points, and of those items with points that a person has graded: nobody's mark is low because their
    report waits to be read.
    """

    share: float = Field(ge=0, le=1)
    value: float
    label: str


class Scale(_Strict):
    """The course's own marks: steps, lowest first, or the share of the points in percent, or the points themselves.

    `by_person` names marks only a person gives.
    """

    step: tuple[ScaleStep, ...] = ()
    # Left out of what is published while it says nothing, as `Part.extra`.
    of: Literal["steps", "percent", "points"] = Field(default="steps", exclude_if=partial(eq, "steps"))
    by_person: tuple[ScaleStep, ...] = ()

    @model_validator(mode="after")
    def _steps_are_a_scale_of_steps(self) -> Self:
        if (self.of == "steps") != bool(self.step):
            raise ValueError("a scale has steps, or of = percent or of = points and none")
        return self


class Threshold(_Strict):
    """A calibrated training threshold: filled by `grader spec calibrate`."""

    metric: str
    value: float
    direction: Literal["below", "above"]
    reference_mean: float
    reference_spread: float
    seeds: int
    best_broken: float | None = None
    data_sha256: str = ""


class LatePolicy(_Strict):
    """How late hand-ins are treated; days are started days after the due date and the grace minutes.

    Late days are taken from the term's `extension_days_per_term`. What becomes of those beyond them says `beyond`:
    `refuse` the upload, `penalise` (`penalty_per_day` is the share of the points reached that each such day costs, 0 to
    1, and all together never more than `most_penalty`), or `flag` for staff. Without it, `refuse_after_extension`
    chooses between the first and the last.
    """

    extension_days_per_term: int = 0
    refuse_after_extension: bool = True
    # Left out of what is published while they say nothing, as `extra` above.
    grace_minutes: int = Field(default=0, ge=0, le=24 * 60, exclude_if=not_)
    beyond: Literal["refuse", "penalise", "flag"] | None = Field(default=None, exclude_if=not_)
    penalty_per_day: float = Field(default=0.0, ge=0, le=1, exclude_if=not_)
    most_penalty: float = Field(default=1.0, gt=0, le=1, exclude_if=partial(eq, 1.0))

    @model_validator(mode="after")
    def _a_penalty_is_one(self) -> Self:
        if (self.beyond == "penalise") != (self.penalty_per_day > 0):
            raise ValueError("beyond = penalise and penalty_per_day (above 0) go together")
        return self

    @property
    def beyond_days(self) -> Literal["refuse", "penalise", "flag"]:
        """What becomes of late days that the term's do not cover."""
        return self.beyond or ("refuse" if self.refuse_after_extension else "flag")


class Assignment(_Strict):
    """Everything in `assignment.toml`. `common` names the packages of `test_specs/common` that the checks import."""

    schema_version: Literal[1]
    slug: Name
    title: str
    course: str
    due_at: datetime | None = None
    late: LatePolicy = LatePolicy()
    team_size: tuple[int, int] = (1, 1)
    # Whether a team says who did what; left out of what is published while it says nothing, as `extra` above.
    contribution: bool = Field(default=False, exclude_if=not_)
    queue: Literal["cpu", "gpu"] = "cpu"
    common: tuple[Name, ...] = ()
    names: tuple[str, ...] = ()
    starter_names: tuple[str, ...] = ()
    files: FileRules
    limits: Limits = Limits()
    scale: Scale
    part: tuple[Part, ...]
    threshold: dict[str, Threshold] = {}

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        seen: set[str] = set()
        for name in (name for part in self.part for name in (part.id, *(item.id for item in part.manual))):
            if name in seen:
                raise ValueError(f"two parts or items are called {name}")
            seen.add(name)
        return self

    @model_validator(mode="after")
    def _individual_parts_are_a_teams(self) -> Self:
        count = sum(part.individual for part in self.part)
        if count and (self.team_size[1] < 2 or count == len(self.part)):
            raise ValueError("individual parts belong to an assignment for teams that has other parts too")
        if self.contribution and self.team_size[1] < 2:
            raise ValueError("only teams are asked who did what")
        return self

    @property
    def individual_parts(self) -> tuple[str, ...]:
        """Ids of the parts that each member of a team hands in alone; empty for most assignments."""
        return tuple(part.id for part in self.part if part.individual)

    def parts_judged(self, *, is_team: bool, is_own: bool) -> tuple[str, ...] | None:
        """Ids of the parts that a run judges: the members' own or the team's; None for all of them.

        Whoever is in no team hands everything in at once.
        """
        if not self.individual_parts or not (is_team or is_own):
            return None
        return tuple(part.id for part in self.part if part.individual == is_own)

    def points_of(self, parts: tuple[str, ...] | None) -> float:
        """Full marks of these parts."""
        return sum(part.points for part in self.part if not part.extra and (parts is None or part.id in parts))

    def is_individual(self, question: str) -> bool:
        """Whether a question, by its id, belongs to a part that each member hands in alone."""
        known = [part for part in self.part if question.startswith(f"{part.id}.")]
        return bool(known) and max(known, key=lambda part: len(part.id)).individual

    @property
    def max_points(self) -> float:
        """Full marks of the checks alone: what a run is out of. Extra parts can lift a score above it."""
        return self.points_of(None)

    @property
    def full_points(self) -> float:
        """Full marks with those that persons give: what the gradebook is out of."""
        return self.full_points_of(None)

    def full_points_of(self, parts: tuple[str, ...] | None) -> float:
        """The same of these parts."""
        asked = [part for part in self.part if not part.extra and (parts is None or part.id in parts)]
        return round(sum(part.full_points for part in asked), 2)
