"""A multipart request read as it streams: text fields and one file. Nothing of the file is kept here.

Starlette's own parser keeps the whole file in a temporary file before anybody sees it; here each piece can be counted,
refused and written on as it comes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from grader.domain.errors import BadRequest

FIELD_CHARACTERS = 200
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LongField:
    """Fields that may be longer than the others: those of this name, or (`many`) whose names begin with it.

    All of them together hold at most `most_bytes`, and are at most `many` (1 for a field of exactly this name).
    """

    name: str
    most_bytes: int
    many: int = 1

    def is_one(self, name: str) -> bool:
        return name.startswith(self.name) if self.many > 1 else name == self.name


_MOST_NAME_CHARACTERS = 1000


@dataclass(slots=True)
class _Part:
    name: str = ""
    file_name: str | None = None
    value: bytearray = field(default_factory=bytearray)


class MultipartReader:
    """Feed it the request's bytes, and it gives the file's; the fields before the file are known with its first byte.

    Args:
        content_type: the request's header.
        file_field: name of the part that is the file; other files are refused.
        needs_file: whether a form without a file is refused.
        long_fields: fields that may be long; they may also come as files, which is how some clients send them.

    Raises (all methods):
        BadRequest: this is not a multipart form, or not one of ours.

    """

    def __init__(
        self, content_type: str, *, file_field: str, long_fields: tuple[LongField, ...] = (), needs_file: bool = True,
    ) -> None:  # fmt: skip
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise BadRequest(f"Send the upload as multipart/form-data with one file in the field {file_field}.")
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self._file_field = file_field
        self._long_fields = long_fields
        self._needs_file = needs_file
        self._counts: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._part = _Part()
        self._header = ("", "")
        self._pieces: list[bytes] = []
        self._ended = False
        self._parser = self._parser_for(options[b"boundary"])

    def feed(self, chunk: bytes) -> bytes:
        """The file's bytes that are in this chunk of the request."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest("The upload is not a readable multipart form; send it again.") from error
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)

    def finish(self) -> str:
        """Call after the last chunk; the name the file came under, empty where there is none and none is needed."""
        if not self._ended:
            raise BadRequest("The upload breaks off before its end; send it again.")
        if self.file_name is None and not self._needs_file:
            return ""
        if self.file_name is None:
            raise BadRequest(f"The upload holds no file; send one in the field {self._file_field}.")
        return self.file_name

    def _parser_for(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._header_name,
                    "on_header_value": self._header_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": self._headers_finished,
                    "on_part_data": self._data,
                    "on_part_end": self._part_end,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise BadRequest("The multipart boundary is too long.") from error

    def _begin(self) -> None:
        self._part = _Part()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0] + data[start:end].decode("latin-1"), "")

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._header = (self._header[0], self._header[1] + data[start:end].decode("latin-1"))

    def _header_end(self) -> None:
        name, value = self._header
        self._header = ("", "")
        if name.casefold() == "content-disposition":
            _, options = parse_options_header(value)
            self._part.name = _text(options.get(b"name", b""))
            if b"filename" in options:
                self._part.file_name = _text(options[b"filename"])[:_MOST_NAME_CHARACTERS]

    def _headers_finished(self) -> None:
        if self._part.name == self._file_field:
            if self.file_name is not None:
                raise BadRequest("The upload holds several files; put them into one zip file.")
            self.file_name = self._part.file_name or ""
        elif self._long() is not None:
            self._count_long()
        elif self._part.file_name is not None:
            raise BadRequest(f"The file came in another field; send it in the field {self._file_field}.")
        else:
            self._counts[""] = self._counts.get("", 0) + 1
            if self._counts[""] > _MOST_FIELDS:
                raise BadRequest("The form has too many fields.")

    def _long(self) -> LongField | None:
        return next((one for one in self._long_fields if one.is_one(self._part.name)), None)

    def _count_long(self) -> None:
        kind = self._long()
        assert kind is not None
        self._counts[kind.name] = self._counts.get(kind.name, 0) + 1
        if self._counts[kind.name] > kind.many:
            raise BadRequest(f"The form has too many fields {kind.name}; there may be {kind.many}.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == self._file_field:
            self._pieces.append(data[start:end])
        elif (kind := self._long()) is not None:
            self._bytes[kind.name] = self._bytes.get(kind.name, 0) + end - start
            if self._bytes[kind.name] > kind.most_bytes:
                raise BadRequest(f"The fields {kind.name} of the form are longer than {kind.most_bytes} bytes.")
            self._part.value += data[start:end]
        elif len(self._part.value) + end - start > FIELD_CHARACTERS:
            raise BadRequest(f"A field of the form is longer than {FIELD_CHARACTERS} bytes.")
        else:
            self._part.value += data[start:end]

    def _part_end(self) -> None:
        if self._part.name != self._file_field:
            name = self._part.name if self._long() is not None else self._part.name[:FIELD_CHARACTERS]
            self.fields[name] = _text(bytes(self._part.value))

    def _end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    # parse_options_header gives bytes that were read as latin-1; browsers send UTF-8.
    return raw.decode("utf-8", "replace")
