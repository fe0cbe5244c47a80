"""What all objects of the API share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from grader.domain.course import Person

Item = TypeVar("Item")


class Answer(BaseModel):
    """An object that goes out."""

    model_config = ConfigDict(frozen=True)


class Request(BaseModel):
    """An object that comes in: unknown members are misspelt ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _in_utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


# RFC 3339 in UTC.
Time = Annotated[
    datetime,
    PlainSerializer(_in_utc, return_type=str, when_used="json"),
    Field(examples=["2026-03-02T09:30:00.123456Z"]),
]


class PersonAnswer(Answer):
    id: int = Field(examples=[12])
    email: str = Field(examples=["ada@example.org"])
    name: str = Field(examples=["Ada Lovelace"])


class PersonWithNumber(PersonAnswer):
    student_number: str | None = Field(examples=["21345678"])


class PersonOfService(PersonWithNumber):
    is_admin: bool = False


class Mark(Answer):
    """A mark on the course's own scale."""

    value: float = Field(examples=[4.0])
    label: str = Field(examples=["good"])


class Listed(Answer, Generic[Item]):
    """A page of a list; `next_cursor` is null on the last one."""

    items: list[Item]
    next_cursor: str | None = Field(default=None, examples=[None])


class Problem(Answer):
    """An error, as RFC 9457 has it. `code` never changes its meaning; docs/errors.md lists them."""

    type: str = Field(examples=["/api/problems/not-yours"])
    title: str = Field(examples=["There is no such submission"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no such submission."])
    code: str = Field(examples=["not-yours"])
    instance: str | None = Field(default=None, examples=["urn:request:5f1c0a9be27d4413"])
    errors: list[dict[str, str]] | None = Field(
        default=None, examples=[[{"place": "query.limit", "problem": "Input should be greater than 0"}]]
    )


def person_answer(person: Person) -> PersonAnswer:
    return PersonAnswer(id=person.id, email=person.email, name=person.name)


def person_with_number(person: Person) -> PersonWithNumber:
    return PersonWithNumber(id=person.id, email=person.email, name=person.name, student_number=person.student_number)


def person_of_service(person: Person) -> PersonOfService:
    return PersonOfService(
        id=person.id,
        email=person.email,
        name=person.name,
        student_number=person.student_number,
        is_admin=person.is_admin,
    )
