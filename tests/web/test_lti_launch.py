"""Launches from a learning platform over real HTTP: how people come in, and every way in which nobody should."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from dataclasses import replace

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import text

from grader.domain.course import Role
from grader.domain.errors import NeedsRole
from grader.domain.lti import Launch
from grader.http.identity import COOKIE
from grader.service.lti import keys, launches, platforms, tokens
from tests import builders
from tests.web.lti_meeting import ADA, ADMIN, BOB, INES, LOOPBACK, TINA, lti_server, meeting
from tests.web.lti_platform import CLAIM, CLIENT, LEARNER, MEMBERSHIP, TEACHER, Campus

__all__ = ["lti_server", "meeting"]

ADMINISTRATOR = [
    "http://purl.imsglobal.org/vocab/lis/v2/system/person#Administrator",
    "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator",
    f"{MEMBERSHIP}#Administrator",
]


def connect(meeting, user="u-ada", name=ADA):
    """Somebody who is signed in says that they are the platform's user."""
    browser, answer = meeting.launch(meeting.browser(name), user)
    assert answer.headers["Location"] == "/lti/connect"
    token = meeting.csrf(browser, "/lti/connect")
    return browser, browser.post("/lti/connect", data={"csrf": token})


def is_refused(meeting, browser, answer, *, status=401):
    assert answer.status_code == status, answer.text
    assert COOKIE not in browser.cookies
    assert meeting.who(browser) == ""


def in_base64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class TestComingIn:
    def test_who_connected_the_two_once_comes_to_the_assignment_from_then_on(self, meeting):
        meeting.register()
        meeting.link()
        _, answer = connect(meeting)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/assignments/tiny")
        browser, answer = meeting.launch()
        assert (answer.status_code, answer.headers["Location"]) == (303, "/assignments/tiny")
        assert meeting.who(browser) == "ada.lovelace@example.org"
        assert "A tiny assignment" in browser.get("/assignments/tiny").text

    def test_without_an_account_of_ours_nobody_is_signed_in(self, meeting):
        meeting.register()
        meeting.link()
        browser, answer = meeting.launch(email="ada.lovelace@example.org")
        assert answer.headers["Location"] == "/lti/connect"
        assert meeting.who(browser) == ""
        shown = browser.get("/lti/connect").text
        assert "Campus" in shown and "/sign-in?next=/lti/connect" in shown and "Ada Lovelace" not in shown

    def test_a_platform_that_is_trusted_for_e_mail_needs_no_connecting(self, meeting):
        meeting.register(trusts_email=True)
        meeting.link()
        browser, answer = meeting.launch(email="Ada.Lovelace@Example.org")
        assert answer.headers["Location"] == "/assignments/tiny"
        assert meeting.who(browser) == "ada.lovelace@example.org"
        browser, answer = meeting.launch(user="u-new", email="new@example.org", name="Nora New")
        assert meeting.who(browser) == "new@example.org"

    def test_an_instructor_links_the_course_and_binds_the_link_once(self, meeting):
        meeting.register(roles=frozenset(Role))
        browser, answer = meeting.launch(meeting.browser(INES), "u-ines", **{f"{CLAIM}roles": TEACHER})
        answer = browser.post("/lti/connect", data={"csrf": meeting.csrf(browser, "/lti/connect")})
        assert answer.headers["Location"] == "/lti/course"
        assert "Deep Learning, Monday" in browser.get("/lti/course").text
        token = meeting.csrf(browser, "/lti/course")
        answer = browser.post("/lti/course", data={"csrf": token, "course": "deep"})
        assert answer.headers["Location"] == "/courses/deep/lti"
        shown = browser.get("/courses/deep/lti").text
        number = re.search(r"/courses/deep/lti/links/(\d+)", shown)[1]
        bound = {"csrf": token, "assignment": "tiny"}
        assert browser.post(f"/courses/deep/lti/links/{number}", data=bound).status_code == 303
        _, answer = meeting.launch(user="u-ines", **{f"{CLAIM}roles": TEACHER})
        assert answer.headers["Location"] == "/assignments/tiny"
        with meeting.database.begin() as work:
            done = set(work.session.execute(text("SELECT action FROM audit_events")).scalars())
        assert {"register platform", "connect platform", "link context", "bind link"} <= done

    def test_whoever_disconnects_is_asked_again(self, meeting):
        platform = meeting.register()
        meeting.link()
        browser, _ = connect(meeting)
        assert "Campus" in browser.get("/lti/mine").text
        token = meeting.csrf(browser, "/lti/mine")
        assert browser.post(f"/lti/mine/{platform}/disconnect", data={"csrf": token}).status_code == 303
        assert "None. Open a link" in browser.get("/lti/mine").text
        assert meeting.launch()[1].headers["Location"] == "/lti/connect"

    def test_a_link_that_is_bound_to_nothing_says_so(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)
        browser, answer = meeting.launch(**{f"{CLAIM}resource_link": {"id": "another"}})
        assert answer.headers["Location"] == "/lti/not-ready"
        assert "not ready yet" in browser.get("/lti/not-ready").text

    def test_the_custom_parameter_of_a_link_binds_it_once_and_to_this_course_alone(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)
        with meeting.database.begin() as work:
            builders.an_assignment(work, meeting.scene.course, slug="more")
            builders.an_assignment(work, builders.a_course(work), slug="theirs")
        for resource, slug, target in (
            ("r2", "theirs", "/lti/not-ready"), ("r2", "nowhere", "/lti/not-ready"), ("r2", "x" * 500, "/lti/not-ready"),
            ("r2", "more", "/assignments/more"), ("r2", "tiny", "/assignments/more"), ("r1", "more", "/assignments/tiny"),
        ):  # fmt: skip
            said = {f"{CLAIM}resource_link": {"id": resource}, f"{CLAIM}custom": {"assignment": slug}}
            assert meeting.launch(**said)[1].headers["Location"] == target, (resource, slug)

    def test_in_a_frame_a_new_window_is_offered_and_no_cookie_set(self, meeting):
        meeting.register()
        asked = meeting.campus.login("u-ada")
        answer = meeting.browser().get("/lti/login", params=asked, headers={"Sec-Fetch-Dest": "iframe"})
        assert answer.status_code == 200 and 'target="_blank"' in answer.text
        assert "frame-ancestors *" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers

    def test_a_login_request_may_be_a_form(self, meeting):
        meeting.register()
        answer = meeting.browser().post("/lti/login", data=meeting.campus.login("u-ada"))
        assert answer.headers["Location"].startswith(f"{meeting.campus.url}/authorize?")

    def test_a_new_key_is_published_beside_the_old_one(self, meeting):
        before = meeting.browser().get("/lti/jwks.json").json()["keys"]
        made = keys.rotate(meeting.keys)
        after = meeting.browser().get("/lti/jwks.json").json()["keys"]
        assert [one["kid"] for one in after] == [made, before[0]["kid"]]
        assert not any(set(one) & {"d", "p", "q"} for one in after)


class TestForgeries:
    @pytest.fixture(autouse=True)
    def _known(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"aud": "another-tool"},
            {"aud": [CLIENT, "another-tool"], "azp": None},
            {"azp": "another-tool"},
            {"nonce": "another"},
            {"nonce": None},
            {"exp": int(time.time()) - 3600},
            {"exp": None},
            {"iat": int(time.time()) - 3600},
            {"iat": int(time.time()) + 3600},
            {f"{CLAIM}deployment_id": "another"},
            {f"{CLAIM}version": "1.1"},
            {f"{CLAIM}message_type": "LtiDeepLinkingRequest"},
            {f"{CLAIM}target_link_uri": "https://evil.example/lti/launch"},
            {f"{CLAIM}target_link_uri": None},
            {f"{CLAIM}resource_link": {}},
            {"sub": None},
            {"sub": ""},
        ],
        ids=lambda claims: "-".join(f"{name.removeprefix(CLAIM)}" for name in claims),
    )
    def test_a_message_that_says_anything_wrong_signs_nobody_in(self, meeting, claims):
        is_refused(meeting, *meeting.launch(**claims))

    def test_a_message_signed_by_another_key_under_the_known_id(self, meeting):
        other = RSAKey.generate_key(2048, {"kid": "campus-1"})
        is_refused(meeting, *meeting.launch(sign={"key": other}))

    def test_a_message_signed_by_nobody(self, meeting):
        is_refused(meeting, *meeting.launch(sign={"algorithm": "none"}))

    def test_the_public_key_taken_for_a_shared_secret(self, meeting):
        browser = meeting.browser()
        asked = meeting.asked(browser)
        parts = ({"alg": "HS256", "typ": "JWT", "kid": "campus-1"}, meeting.campus.claims("u-ada", asked["nonce"]))
        body = b".".join(map(in_base64, (json.dumps(part).encode() for part in parts)))
        for secret in (
            meeting.campus.key.as_pem(private=False),
            json.dumps(meeting.campus.key.as_dict(False)).encode(),
        ):
            signature = in_base64(hmac.digest(secret, body, "sha256"))
            is_refused(meeting, browser, meeting.post(browser, asked, f"{body.decode()}.{signature.decode()}"))

    @pytest.mark.parametrize("token", ["", "x", "a.b.c", "ü.b.c", "e30.e30.", "." * 40_000])
    def test_what_is_no_token(self, meeting, token):
        browser = meeting.browser()
        is_refused(meeting, browser, meeting.post(browser, meeting.asked(browser), token))


class TestStates:
    @pytest.fixture(autouse=True)
    def _known(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)

    def token(self, meeting, asked):
        return meeting.campus.signed(meeting.campus.claims("u-ada", asked["nonce"]))

    def test_a_launch_works_once(self, meeting):
        browser = meeting.browser()
        asked = meeting.asked(browser)
        token = self.token(meeting, asked)
        assert meeting.post(browser, asked, token).status_code == 303
        browser.cookies.delete(COOKIE)
        is_refused(meeting, browser, meeting.post(browser, asked, token))

    def test_a_state_of_another_browser(self, meeting):
        asked = meeting.asked(meeting.browser())
        token = self.token(meeting, asked)
        victim = meeting.browser()
        is_refused(meeting, victim, meeting.post(victim, asked, token))
        meeting.asked(victim)
        is_refused(meeting, victim, meeting.post(victim, asked, token))

    def test_a_state_that_we_did_not_make(self, meeting):
        browser = meeting.browser()
        asked = meeting.asked(browser)
        is_refused(meeting, browser, meeting.post(browser, asked | {"state": "x"}, self.token(meeting, asked)))

    def test_a_state_for_another_nonce_of_the_same_browser(self, meeting):
        browser = meeting.browser()
        first, second = meeting.asked(browser), meeting.asked(browser)
        is_refused(meeting, browser, meeting.post(browser, second, self.token(meeting, first)))

    def test_a_browser_that_refuses_cookies_is_told_so(self, meeting):
        browser = meeting.browser()
        asked = meeting.asked(browser)
        browser.cookies.clear()
        answer = meeting.post(browser, asked, self.token(meeting, asked))
        is_refused(meeting, browser, answer)
        assert "Allow cookies" in answer.text and "new window" in answer.text

    def test_nobody_is_sent_to_another_place(self, meeting):
        for target in (
            "https://evil.example/",
            f"{meeting.url}@evil.example/",
            "javascript:alert(1)",
            "//evil.example",
        ):
            asked = meeting.campus.login("u-ada", target_link_uri=target)
            answer = meeting.browser().get("/lti/login", params=asked)
            assert answer.status_code == 422, target
        _browser, answer = meeting.launch(**{f"{CLAIM}target_link_uri": f"{meeting.url}/sign-out"})
        assert answer.headers["Location"] == "/assignments/tiny"

    def test_a_platform_that_nobody_registered(self, meeting):
        for changes in ({"iss": "https://evil.example"}, {"client_id": "another"}):
            asked = meeting.campus.login("u-ada", **changes)
            assert meeting.browser().get("/lti/login", params=asked).status_code == 404


class TestWhoSomebodyIs:
    def test_another_platforms_user_of_the_same_name_and_address_is_somebody_else(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)
        with Campus(tool=meeting.url, key=RSAKey.generate_key(2048, {"kid": "evil-1"}), kid="evil-1") as evil:
            with meeting.database.begin() as work:
                said = platforms.Registration(**evil.registration(name="Evil"))
                platforms.register(work, meeting.reader(ADMIN), said, LOOPBACK)
            browser = meeting.browser()
            asked = browser.get("/lti/login", params=evil.login("u-ada")).headers["Location"]
            asked = dict(re.findall(r"(state|nonce)=([^&]+)", asked))
            token = evil.signed(evil.claims("u-ada", asked["nonce"], email="ada.lovelace@example.org"))
            answer = meeting.post(browser, asked, token)
            assert answer.headers["Location"] == "/lti/connect"
            assert meeting.who(browser) == ""
            # Nor does its key speak for the other platform, which is whom this state asked.
            asked = meeting.asked(browser)
            token = evil.signed(meeting.campus.claims("u-ada", asked["nonce"]))
            is_refused(meeting, browser, meeting.post(browser, asked, token))

    def test_an_address_leads_to_nobody_whom_the_platform_knows_by_another_name(self, meeting):
        meeting.register(trusts_email=True)
        meeting.link()
        meeting.launch(email="ada.lovelace@example.org")
        browser, answer = meeting.launch(user="u-eve", email="ada.lovelace@example.org")
        assert answer.headers["Location"] == "/lti/connect"
        assert meeting.who(browser) == ""

    def test_no_platform_opens_an_administrators_account(self, meeting):
        platform = meeting.register(trusts_email=True)
        meeting.link()
        browser, answer = meeting.launch(user="u-adam", email="adam@example.org", **{f"{CLAIM}roles": ADMINISTRATOR})
        assert answer.headers["Location"] == "/lti/connect"
        assert meeting.who(browser) == ""
        browser, _ = meeting.launch(meeting.browser(ADMIN), user="u-adam")
        answer = browser.post("/lti/connect", data={"csrf": meeting.csrf(browser, "/lti/connect")})
        assert answer.status_code == 422 and "administrator" in answer.text
        # Somebody who becomes one later.
        meeting.launch(email="ada.lovelace@example.org")
        with meeting.database.begin() as work:
            work.session.execute(text("UPDATE people SET is_admin = true WHERE name = :name"), {"name": ADA})
        is_refused(meeting, *meeting.launch())
        assert platform

    def test_a_platform_makes_nobody_an_administrator_or_more_than_it_may(self, meeting):
        meeting.register(trusts_email=True)
        meeting.link()
        _browser, answer = meeting.launch(
            user="u-new", email="new@example.org", **{f"{CLAIM}roles": [*LEARNER, *ADMINISTRATOR]}
        )
        assert answer.headers["Location"] == "/assignments/tiny"
        assert roles_of(meeting, "new@example.org") == [("student", False)]
        for roles in (TEACHER, [*TEACHER, f"{MEMBERSHIP}/Instructor#TeachingAssistant"], ADMINISTRATOR, []):
            user = f"u-{len(str(roles))}"
            is_refused(meeting, *meeting.launch(user=user, email=f"{user}@example.org", **{f"{CLAIM}roles": roles}))
            assert roles_of(meeting, f"{user}@example.org") in ([], [(None, False)])

    def test_a_teaching_assistant_is_no_instructor(self, meeting):
        meeting.register(trusts_email=True, roles=frozenset(Role))
        meeting.link()
        roles = [*TEACHER, f"{MEMBERSHIP}/Instructor#TeachingAssistant"]
        meeting.launch(user="u-ta", email="ta@example.org", **{f"{CLAIM}roles": roles})
        assert roles_of(meeting, "ta@example.org") == [("ta", False)]

    def test_what_somebody_is_in_the_course_already_stays(self, meeting):
        meeting.register(trusts_email=True, roles=frozenset(Role))
        meeting.link()
        meeting.launch(email="ada.lovelace@example.org", **{f"{CLAIM}roles": TEACHER})
        assert roles_of(meeting, "ada.lovelace@example.org") == [("student", False)]

    def test_whoever_has_left_the_course_is_not_taken_in_again(self, meeting):
        meeting.register(trusts_email=True)
        meeting.link()
        with meeting.database.begin() as work:
            work.session.execute(text("UPDATE memberships SET left_at = now()"))
        is_refused(meeting, *meeting.launch(email="ada.lovelace@example.org"))

    def test_one_account_is_one_user_of_a_platform(self, meeting):
        meeting.register()
        meeting.link()
        connect(meeting)
        _, answer = connect(meeting, user="u-eve", name=ADA)
        assert answer.status_code == 422 and "connected to another" in answer.text

    def test_a_student_links_no_course(self, meeting):
        meeting.register()
        browser, _ = connect(meeting, "u-bob", BOB)
        assert browser.get("/lti/course").status_code in (200, 401)
        browser, _ = meeting.launch(browser, "u-bob", **{f"{CLAIM}roles": TEACHER})
        token = meeting.csrf(browser, "/mail")
        answer = browser.post("/lti/course", data={"csrf": token, "course": "deep"})
        assert answer.status_code in (401, 403)
        assert linked(meeting) == [None]

    def test_an_instructor_of_ours_who_is_none_there_links_nothing(self, meeting):
        meeting.register()
        browser, answer = connect(meeting, "u-ines", INES)
        assert answer.headers["Location"] == "/lti/not-ready"
        answer = browser.post("/lti/course", data={"csrf": meeting.csrf(browser, "/mail"), "course": "deep"})
        assert answer.status_code in (401, 403)
        assert linked(meeting) == [None]


class TestWhoMayLinkACourse:
    """By hand: the pages that lead here ask nobody else."""

    @pytest.mark.parametrize(
        ("name", "user", "role"),
        [
            (INES, "u-ines", Role.STUDENT), (INES, "u-ines", Role.TA), (INES, "u-ines", None),
            (INES, "u-bob", Role.INSTRUCTOR), (BOB, "u-bob", Role.INSTRUCTOR), (TINA, "u-tina", Role.INSTRUCTOR),
        ],
    )  # fmt: skip
    def test_nobody_who_does_not_teach_on_both_sides(self, meeting, name, user, role):
        platform = meeting.register()
        came = Launch(
            platform=platform, subject=user, name="", email="", role=Role.INSTRUCTOR, deployment="d", context="c",
            context_title="", resource="r", resource_title="", line_item="",
        )  # fmt: skip
        for who, subject in ((INES, "u-ines"), (BOB, "u-bob"), (TINA, "u-tina")):
            with meeting.database.begin() as work:
                launches.connect(work, meeting.reader(who), replace(came, subject=subject))
        with pytest.raises(NeedsRole), meeting.database.begin() as work:
            launches.link_course(work, meeting.reader(name), replace(came, role=role), "deep")
        with meeting.database.begin() as work:
            launches.link_course(work, meeting.reader(INES), replace(came, subject="u-ines"), "deep")
        assert linked(meeting) == [meeting.scene.course.id]


class TestAddressesThatAreAsked:
    @pytest.mark.parametrize("name", ["auth_url", "token_url", "jwks_url"])
    @pytest.mark.parametrize(
        "url", ["https://10.0.0.7/x", "https://[::1]/x", "https://169.254.169.254/x", "http://example.org/x", "ftp://x"]
    )
    def test_none_in_a_private_network_is_registered(self, meeting, name, url):
        with pytest.raises(Exception, match="address"):
            meeting.register(**{name: url})

    def test_an_address_is_judged_again_when_it_is_asked(self, meeting):
        """Registered while its network was allowed, or while its name led elsewhere."""
        platform = platforms.Platform(
            **meeting.campus.registration(deployments=("d",)), id=1, trusts_email=False, roles=frozenset()
        )
        with pytest.raises(tokens.PlatformAway, match="no public address"):
            tokens.KeyShelf().keys(platform, "campus-1", ())
        assert meeting.campus.keys_asked == 0
        assert tokens.KeyShelf().keys(platform, "campus-1", LOOPBACK).keys[0].kid == "campus-1"

    def test_a_redirect_of_the_keys_is_not_followed(self, meeting):
        meeting.register(jwks_url=f"{meeting.campus.url}/nowhere")
        _, answer = meeting.launch()
        assert answer.status_code == 503


def roles_of(meeting, email):
    with meeting.database.begin() as work:
        rows = work.session.execute(
            text("""SELECT m.role, p.is_admin FROM people p LEFT JOIN memberships m ON m.person_id = p.id
                    WHERE p.email = :email"""),
            {"email": email},
        )
        return [tuple(row) for row in rows]


def linked(meeting):
    with meeting.database.begin() as work:
        return list(work.session.execute(text("SELECT course_id FROM lti_contexts")).scalars())


def test_the_state_cookie_comes_back_from_another_site_where_there_is_tls(site, tmp_path):
    from grader.web import lti

    settings = replace(site.services.settings, public_url="https://grader.example", lti_keys=tmp_path / "k")
    platform = platforms.Platform(
        id=1, name="x", issuer="https://x.example", client_id="c", deployments=("d",), auth_url="https://x.example/a?b=1",
        token_url="https://x.example/t", jwks_url="https://x.example/j", trusts_email=False, roles=frozenset(),
    )  # fmt: skip
    from starlette.requests import Request

    said = {"login_hint": "u", "target_link_uri": "https://grader.example/lti/launch", "lti_message_hint": ""}
    answer = lti.to_platform(Request({"type": "http", "headers": []}), settings, platform, said)
    cookie = answer.headers["Set-Cookie"].lower()
    assert all(word in cookie for word in ("samesite=none", "secure", "httponly", "path=/lti", "max-age=600"))
    assert answer.headers["Location"].startswith("https://x.example/a?b=1&scope=openid")


def test_without_keys_there_is_no_lti(site, scene):
    for path in ("/lti/jwks.json", "/lti/login?iss=x&login_hint=x&target_link_uri=x"):
        assert site.browser().get(path).status_code == 404


def test_the_pages_are_for_their_roles(meeting):
    meeting.register()
    number = meeting.link()
    with meeting.database.begin() as work:
        other = builders.a_course(work, slug="vision")
        otto = builders.a_person(work, other, Role.INSTRUCTOR, name="Otto Other")
        meeting.scene.people["Otto Other"] = otto
        context = work.session.execute(text("SELECT id FROM lti_contexts")).scalar_one()
    expected = {  # reads the course's page, changes it, reads and changes the platforms
        ADA: (403, 403, 403), "Tina Assistant": (200, 403, 403), INES: (200, 303, 403), ADMIN: (200, 303, 303),
        "Otto Other": (404, 404, 403),
    }  # fmt: skip
    for name, (read, write, administer) in expected.items():
        browser = meeting.browser(name)
        token = {"csrf": meeting.csrf(browser, "/mail")}
        assert browser.get("/courses/deep/lti").status_code == read, name
        assert browser.get("/lti/platforms").status_code == (200 if administer == 303 else 403), name
        bound = browser.post(f"/courses/deep/lti/links/{number}", data=token | {"assignment": "tiny"})
        assert bound.status_code == write, name
        assert browser.post("/courses/deep/lti/resend", data=token).status_code == write, name
        assert browser.post("/courses/deep/lti/links/999", data=token).status_code == (404 if write == 303 else write)
        refused = browser.post(f"/lti/contexts/{context}", data=token | {"course": "deep"})
        assert refused.status_code == (422 if administer == 303 else 403), name
        if administer != 303:
            for path in ("/lti/platforms", "/lti/platforms/1", "/lti/platforms/1/remove"):
                form = token | {"name": "x", "issuer": "x", "client_id": "x", "deployments": "x"}
                assert browser.post(path, data=form).status_code == 403, (name, path)
