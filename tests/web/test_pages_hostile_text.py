"""What students and sandboxes write comes out as text, wherever it comes out."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from grader.http.security import CONTENT_SECURITY_POLICY
from grader.web.access import safe_next
from tests.web.scene import a_curve, failed, passed

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}"


class Elements(HTMLParser):
    """Every element and its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def evil_pages(site, scene, monkeypatch):
    """Every page that shows what somebody else wrote, after everything that can be written was written."""
    monkeypatch.setattr("tests.web.scene.a_curve", lambda: a_curve(x_label=EVIL, y_label=EVIL))
    scene.person(EVIL, email="evil@example.org", section=EVIL, student_number=EVIL[:90])
    receipt = scene.hand_in(EVIL, b"x = 1\n", f"{EVIL}.py".replace("/", ""))
    results = [
        passed(scene.plan[0], output=EVIL),
        *(failed(check, EVIL, output=EVIL, detail=EVIL) for check in scene.plan[1:]),
    ]
    scene.grade(results, pictures=True, notes=(EVIL,))
    rejected = scene.hand_in(EVIL, b"x = 2\n", "y.py")
    scene.reject(EVIL)
    student, tina = site.browser(EVIL, scene), site.browser("Tina Assistant", scene)
    person = f"/assignments/tiny/people/{scene.people[EVIL].id}"
    tina.submit(f"{person}/override", score="1", reason=EVIL)
    tina.submit(f"/submissions/{receipt.id}/rerun")
    scene.grade()
    student.submit("/tokens", name=EVIL, scope=["read"], days="30")
    theirs = ("/", "/tokens", "/assignments/tiny", f"/submissions/{rejected.id}", f"/submissions/{receipt.id}/receipt")
    ours = (
        "/assignments/tiny", "/assignments/tiny/gradebook", f"/assignments/tiny/gradebook?search={EVIL[:30]}",
        "/assignments/tiny/statistics", "/courses/deep/roster", person, f"/submissions/{receipt.id}",
        f"/submissions/{receipt.id}/runs", f"/submissions/{receipt.id}/code", f"/submissions/{rejected.id}",
    )  # fmt: skip
    return [student.get(path) for path in theirs] + [tina.get(path) for path in ours]


def test_nothing_that_was_written_becomes_markup(evil_pages):
    shown = 0
    for answer in evil_pages:
        assert answer.status_code == 200, answer.url
        shown += "&lt;script&gt;" in answer.text
        assert "<script>" not in answer.text
        assert "49" not in re.findall(r"onerror=alert\(2\)&gt;(\d+)", answer.text)
        for tag, attributes in Elements(answer.text).found:
            assert tag not in ("iframe", "object", "embed", "base", "style"), (answer.url, tag)
            assert not [name for name in attributes if name.startswith("on")], (answer.url, tag, attributes)
            assert tag != "img" or attributes["src"].startswith("/artifacts/")
            assert tag != "script" or attributes["src"].startswith("/static/")
            assert not (attributes.get("href") or "").lower().startswith(("javascript:", "data:", "http"))
    assert shown >= 12


def test_no_page_needs_what_the_policy_forbids(evil_pages):
    for answer in evil_pages:
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        for tag, attributes in Elements(answer.text).found:
            assert "style" not in attributes, (answer.url, tag)
            assert tag != "script" or attributes.get("src")


@pytest.mark.parametrize(
    "target", ["//x", "/\\x", "\\\\x", "https://x", "x", "", "/a\nb", "/\x00", "/ä", "/a\\b", "///x", "http:/x"]
)
def test_only_paths_of_this_server_are_gone_on_to(target):
    assert safe_next(target) == "/"


@pytest.mark.parametrize("target", ["/", "/assignments/tiny?sort=name&x=1", "/submissions/0198#check-3"])
def test_paths_of_this_server_are_gone_on_to(target):
    assert safe_next(target) == target
