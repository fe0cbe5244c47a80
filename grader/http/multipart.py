"""A multipart request read as it streams: small text fields first, then one file. Nothing of the file is kept here.

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

    Raises (all methods):
        BadRequest: this is not a multipart form, or not one of ours.

    """

    def __init__(self, content_type: str, *, file_field: str) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            raise BadRequest(f"Send the upload as multipart/form-data with one file in the field {file_field}.")
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self._file_field = file_field
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
        """Call after the last chunk; the name the file came under."""
        if not self._ended:
            raise BadRequest("The upload breaks off before its end; send it again.")
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
        elif self._part.file_name is not None:
            raise BadRequest(f"The file came in another field; send it in the field {self._file_field}.")
        elif len(self.fields) >= _MOST_FIELDS:
            raise BadRequest("The form has too many fields.")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._part.name == self._file_field:
            self._pieces.append(data[start:end])
        elif len(self._part.value) + end - start > FIELD_CHARACTERS:
            raise BadRequest(f"A field of the form is longer than {FIELD_CHARACTERS} bytes.")
        else:
            self._part.value += data[start:end]

    def _part_end(self) -> None:
        if self._part.name != self._file_field:
            self.fields[self._part.name[:FIELD_CHARACTERS]] = _text(bytes(self._part.value))

    def _end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    # parse_options_header gives bytes that were read as latin-1; browsers send UTF-8.
    return raw.decode("utf-8", "replace")
