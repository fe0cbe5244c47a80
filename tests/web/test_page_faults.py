"""Faults of ours and requests that nobody's browser sends."""

from __future__ import annotations

import logging

import pytest

from grader.service import gradebook
from tests.web.conftest import text_of


def test_a_fault_of_ours_is_a_page_without_its_cause_which_is_in_the_log(site, scene, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("a path of ours: /var/lib/grader")

    monkeypatch.setattr(gradebook, "statistics", broken)
    with caplog.at_level(logging.ERROR):
        answer = site.browser("Tina Assistant", scene).get("/assignments/tiny/statistics")
    assert answer.status_code == 500
    assert "fault of its own" in text_of(answer.text)
    assert "/var/lib" not in answer.text
    assert "/var/lib/grader" in caplog.text


def test_a_fault_of_ours_is_not_a_page_for_programs(site, scene, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError

    monkeypatch.setattr(gradebook, "statistics", broken)
    browser = site.browser("Tina Assistant", scene)
    with pytest.raises(RuntimeError):
        browser.get("/assignments/tiny/statistics", headers={"Accept": "application/json"})


def test_what_is_not_in_the_store_any_more_is_said_without_paths(site, scene):
    receipt = scene.hand_in("Ada Lovelace")
    for path in site.services.blobs._folder.rglob("*"):
        if path.is_file():
            path.unlink()
    answer = site.browser("Ada Lovelace", scene).get(f"/submissions/{receipt.id}/file")
    assert answer.status_code == 503
    assert "operator" in text_of(answer.text)
    assert str(site.services.blobs._folder) not in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        ("application/json", b"{}"),
        ("", b"name=x"),
        ("application/x-www-form-urlencoded", b"\xff=%ff&&&=;"),
    ],
)
def test_bodies_that_are_no_forms_are_refused(site, scene, content_type, body):
    answer = site.browser("Ada Lovelace", scene).post("/tokens", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in (403, 422)


def test_static_files_are_kept_for_ever_under_their_digest_alone(site, scene):
    import re

    browser = site.browser("Ada Lovelace", scene)
    address = re.search(r'href="(/static/site.css\?v=[0-9a-f]+)"', browser.get("/").text)[1]
    lasting = browser.get(address)
    assert lasting.headers["Content-Type"].startswith("text/css")
    assert "immutable" in lasting.headers["Cache-Control"]
    assert browser.get("/static/site.css").headers["Cache-Control"] == "no-cache"
    assert browser.get("/static/../render.py").status_code == 404
    assert browser.get("/static/%2e%2e/render.py").status_code == 404


def test_a_method_that_a_page_does_not_take_is_a_page_that_says_so(site, scene):
    assert site.browser("Ada Lovelace", scene).submit("/assignments/tiny").status_code == 405
