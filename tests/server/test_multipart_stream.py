from __future__ import annotations

import pytest

from grader.domain.errors import BadRequest
from grader.http.multipart import MultipartReader

TYPE = "multipart/form-data; boundary=edge"
CONTENT = b"\r\n--edg\r\n--edgy\r\n" + bytes(range(256)) * 5 + b"\r\n-"


def part(name, value, file=None, boundary=b"edge"):
    disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file is not None else "")
    return b"--" + boundary + b"\r\nContent-Disposition: " + disposition.encode() + b"\r\n\r\n" + value + b"\r\n"


def form(*parts):
    return b"".join(parts) + b"--edge--\r\n"


def read(body, size):
    reader = MultipartReader(TYPE, file_field="file")
    return b"".join(reader.feed(body[at : at + size]) for at in range(0, len(body), size)), reader


@pytest.mark.parametrize("size", [1, 2, 7, 64, 100_000])
def test_the_file_comes_out_byte_for_byte_however_the_network_cuts_it(size):
    body = form(part("csrf", b"abc"), part("file", CONTENT, "ödev 1.zip"), part("after", b"x"))
    content, reader = read(body, size)
    assert content == CONTENT
    assert reader.finish() == "ödev 1.zip"
    assert reader.fields == {"csrf": "abc", "after": "x"}


def test_fields_before_the_file_are_known_when_its_first_byte_comes():
    reader = MultipartReader(TYPE, file_field="file")
    body = form(part("csrf", b"abc"), part("file", CONTENT, "a.zip"))
    for at in range(len(body)):
        if reader.feed(body[at : at + 1]):
            assert reader.fields == {"csrf": "abc"}
            assert reader.file_name == "a.zip"
            return
    raise AssertionError("no byte of the file came out")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (form(part("csrf", b"abc")), "holds no file"),
        (form(part("upload", b"abc", "a.zip")), "in the field file"),
        (form(part("file", b"a", "a.zip"), part("file", b"b", "b.zip")), "several files"),
        (form(part("csrf", b"x" * 201), part("file", b"a", "a.zip")), "longer than 200"),
        (form(*[part(f"f{n}", b"x") for n in range(30)]), "too many fields"),
        (part("file", b"abc", "a.zip"), "breaks off"),
        (b"this is no form", "not a readable multipart form"),
        (b"", "breaks off"),
        (b"--edge\r\n" + b"X-Long: " + b"a" * 10_000 + b"\r\n\r\n", "not a readable multipart form"),
    ],
)
def test_what_is_not_one_file_in_a_form_is_refused_with_a_sentence(body, sentence):
    with pytest.raises(BadRequest, match=sentence):
        read(body, 16)[1].finish()


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "text/plain; boundary=edge",
        "multipart/form-data; boundary=" + "x" * 5000,
    ],
)
def test_a_request_that_is_no_multipart_form_is_refused_at_once(content_type):
    with pytest.raises(BadRequest):
        MultipartReader(content_type, file_field="file")
