"""Signing in with an OpenID Connect provider: real HTTP, real signatures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from grader.http.identity import COOKIE
from grader.http.settings import OidcSettings, ServerSettings
from tests.web.conftest import PAGE, Browser, made_site, text_of
from tests.web.oidc_provider import CLIENT, SECRET, Provider
from tests.web.scene import a_small_scene


@dataclass
class Meeting:
    provider: Provider
    site: object
    scene: object

    def browser(self):
        return Browser(self.site.app, base_url="http://testserver", headers=PAGE, follow_redirects=False)

    def to_provider(self, browser, target="/assignments/tiny"):
        """Follow the redirect to the provider, and give the address it sends the browser back to."""
        away = browser.get(f"/sign-in/oidc?next={target}")
        assert away.status_code == 302
        assert away.headers["Location"].startswith(f"{self.provider.issuer}/authorize?")
        back = httpx.get(away.headers["Location"]).headers["Location"]
        assert back.startswith("http://testserver/sign-in/oidc/callback?")
        return back

    def sign_in(self, browser=None, **more):
        browser = browser or self.browser()
        return browser, browser.get(self.to_provider(browser, **more))


@pytest.fixture
def meeting(database, postgres_url, tmp_path):
    with Provider() as provider:
        settings = ServerSettings(
            database_url=postgres_url, broker_url="memory://", blobs_url=str(tmp_path), public_url="http://testserver",
            secret="a secret of the tests alone",
            oidc=OidcSettings(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET),
        )  # fmt: skip
        for site in made_site(database, settings):
            scene = a_small_scene(database, site.services.blobs)
            scene.person("Ada Lovelace")
            yield Meeting(provider, site, scene)


def test_somebody_of_the_roster_signs_in_and_goes_where_they_wanted(meeting):
    browser, answer = meeting.sign_in()
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/assignments/tiny"
    assert "Ada Lovelace" in text_of(browser.get("/").text)


def test_the_sign_in_page_offers_it(meeting):
    assert 'href="/sign-in/oidc?next=/x"' in meeting.browser().get("/sign-in?next=/x").text


def test_a_subject_that_was_here_before_needs_no_address_any_more(meeting):
    meeting.sign_in()
    meeting.provider.claims = {"email": "new@example.org", "email_verified": False}
    assert meeting.sign_in()[1].status_code == 303


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "nobody@example.org"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": None},
        {"nonce": "another"},
        {"aud": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": int(time.time()) - 3600},
        {"sub": None},
    ],
)
def test_an_id_token_that_does_not_vouch_for_somebody_of_the_roster_signs_nobody_in(meeting, claims):
    meeting.provider.claims = claims
    browser, answer = meeting.sign_in()
    assert answer.status_code == 401
    assert COOKIE not in browser.cookies
    assert "Sign in" in text_of(answer.text)


@pytest.mark.parametrize("algorithm", ["none", "RS256"])
def test_an_id_token_signed_by_nobody_or_by_somebody_else_is_refused(meeting, algorithm):
    meeting.provider.algorithm = algorithm
    meeting.provider.signing_key = RSAKey.generate_key(2048, {"kid": "one"})
    browser, answer = meeting.sign_in()
    assert answer.status_code == 401
    assert COOKIE not in browser.cookies


def test_an_answer_to_a_question_of_another_browser_is_refused(meeting):
    back = meeting.to_provider(meeting.browser())
    victim = meeting.browser()
    assert victim.get(back).status_code == 401
    meeting.to_provider(victim)
    assert victim.get(back).status_code == 401
    assert COOKIE not in victim.cookies


def test_an_answer_works_once(meeting):
    browser = meeting.browser()
    back = meeting.to_provider(browser)
    assert browser.get(back).status_code == 303
    browser.cookies.delete(COOKIE)
    assert browser.get(back).status_code == 401


def test_a_provider_that_says_no_leads_back_to_the_form(meeting):
    meeting.provider.error = "access_denied"
    _, answer = meeting.sign_in()
    assert answer.status_code == 401
    assert 'name="password"' in answer.text


def test_nobody_is_sent_elsewhere_afterwards(meeting):
    _, answer = meeting.sign_in(target="//evil.example")
    assert answer.headers["Location"] == "/"


def test_the_redirect_carries_state_nonce_and_a_code_challenge(meeting):
    away = meeting.browser().get("/sign-in/oidc")
    asked = parse_qs(urlsplit(away.headers["Location"]).query)
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert asked["scope"] == ["openid email profile"]
    (cookie,) = [one for one in away.headers.get_list("Set-Cookie") if one.startswith("grader_oidc=")]
    assert "httponly" in cookie.lower()
    assert "path=/sign-in/oidc" in cookie.lower()


def test_a_provider_that_is_away_is_a_page_that_says_so(database, postgres_url, tmp_path):
    with Provider() as gone:
        issuer = gone.issuer
    settings = ServerSettings(
        database_url=postgres_url, broker_url="memory://", blobs_url=str(tmp_path), public_url="http://testserver",
        secret="a secret of the tests alone",
        oidc=OidcSettings(issuer=issuer, client_id=CLIENT, client_secret=SECRET),
    )  # fmt: skip
    for site in made_site(database, settings):
        answer = Browser(site.app, base_url="http://testserver", headers=PAGE).get("/sign-in/oidc")
        assert answer.status_code == 503
        assert "does not answer" in text_of(answer.text)


def test_without_a_provider_there_is_no_such_way_in(site, scene):
    assert site.browser().get("/sign-in/oidc").status_code == 404
    assert site.browser().get("/sign-in/oidc/callback?code=x&state=y").status_code == 404
    assert "institution" not in site.browser().get("/sign-in").text
