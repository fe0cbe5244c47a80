from __future__ import annotations

import re

import pytest

from grader.http.identity import COOKIE
from tests.web.conftest import PAGE, text_of
from tests.web.scene import PASSWORD

ADA = "ada.lovelace@example.org"


@pytest.fixture
def scene(scene):
    scene.password("Ada Lovelace")
    return scene


def form_value(html: str) -> str:
    return re.search(r'name="form" value="([^"]+)"', html)[1]


def sign_in(browser, email=ADA, password=PASSWORD, **fields):
    value = form_value(browser.get("/sign-in").text)
    return browser.post("/sign-in", data={"form": value, "email": email, "password": password} | fields)


def test_whoever_is_not_signed_in_is_sent_to_the_form_and_back_again(site, scene):
    browser = site.browser()
    answer = browser.get("/assignments/tiny?x=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sign-in?next=/assignments/tiny%3Fx%3D1"
    shown = browser.get(answer.headers["Location"])
    assert 'name="next" value="/assignments/tiny?x=1"' in shown.text
    done = browser.post(
        "/sign-in",
        data={"form": form_value(shown.text), "email": ADA, "password": PASSWORD, "next": "/assignments/tiny?x=1"},
    )
    assert done.headers["Location"] == "/assignments/tiny?x=1"
    assert browser.get("/assignments/tiny").status_code == 200


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site, scene):
    answer = sign_in(site.browser())
    (cookie,) = [value for value in answer.headers.get_list("Set-Cookie") if value.startswith(COOKIE)]
    words = {word.strip().lower() for word in cookie.split(";")}
    assert {"httponly", "samesite=lax", "path=/"} <= words
    assert "secure" not in words  # the tests' address is http


def test_a_wrong_password_says_so_keeps_the_address_and_opens_nothing(site, scene):
    browser = site.browser()
    answer = sign_in(browser, password="not the password")
    assert answer.status_code == 401
    assert "do not belong together" in text_of(answer.text)
    assert f'value="{ADA}"' in answer.text
    assert COOKIE not in browser.cookies


def test_sign_in_is_limited_and_says_for_how_long(site, scene):
    browser = site.browser()
    for _ in range(5):
        sign_in(browser, password="not the password")
    answer = sign_in(browser)
    assert answer.status_code == 429
    assert re.search(r"try again in \d+ minutes?", text_of(answer.text))


@pytest.mark.parametrize("form", ["", "made-up", None])
def test_a_sign_in_form_that_was_not_made_for_this_browser_signs_nobody_in(site, scene, form):
    browser = site.browser()
    stolen = form_value(site.browser().get("/sign-in").text) if form is None else form
    browser.get("/sign-in")
    answer = browser.post("/sign-in", data={"form": stolen, "email": ADA, "password": PASSWORD})
    assert answer.status_code == 401
    assert "expired" in text_of(answer.text)
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "/%0d%0aSet-Cookie:x=y\r\nX: y",
        "evil",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(site, scene, target):
    answer = sign_in(site.browser(), next=target)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith("/")
    assert "evil" not in location.split("/")[1:2] or location == "/"
    assert not location.startswith(("//", "/\\"))
    assert "\n" not in location


def test_signing_out_ends_the_session_not_only_the_cookie(site, scene):
    browser = site.browser("Ada Lovelace", scene)
    key = browser.cookies[COOKIE]
    assert browser.submit("/sign-out").status_code == 303
    again = site.browser()
    again.cookies.set(COOKIE, key)
    assert again.get("/").status_code == 303


def test_signing_out_needs_the_sessions_token(site, scene):
    browser = site.browser("Ada Lovelace", scene)
    assert browser.post("/sign-out", data={"csrf": "wrong"}).status_code == 403
    assert browser.get("/").status_code == 200


def test_pages_are_kept_by_no_cache(site, scene):
    answer = site.browser("Ada Lovelace", scene).get("/")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_bearer_token_opens_no_page(site, scene):
    assert site.browser().get("/", headers={"Authorization": "Bearer grd_x"}).status_code == 303


def test_whoever_asks_for_json_gets_a_problem_document_instead_of_the_form(site, scene):
    answer = site.browser().get("/assignments/tiny", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "not-signed-in"


def test_cookies_are_secure_behind_tls(database, postgres_url, tmp_path):
    from grader.http.settings import ServerSettings
    from tests.web.conftest import Browser, made_site
    from tests.web.scene import a_small_scene

    settings = ServerSettings(
        database_url=postgres_url, broker_url="memory://", blobs_url=str(tmp_path), public_url="https://grader.example",
        secret="a secret of the tests alone",
    )  # fmt: skip
    for site in made_site(database, settings):
        scene = a_small_scene(database, site.services.blobs)
        scene.person("Ada Lovelace")
        scene.password("Ada Lovelace")
        answer = sign_in(Browser(site.app, base_url="https://grader.example", headers=PAGE, follow_redirects=False))
        assert answer.status_code == 303
        for cookie in answer.headers.get_list("Set-Cookie"):
            assert "secure" in cookie.lower() or "max-age=0" in cookie.lower()
