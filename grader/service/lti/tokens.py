"""Signed messages of a platform, and ours to it. Signatures are joserfc's and Authlib's work; what they say is ours.

The invariant: nothing a launch says is believed before its signature was verified with a key that its own platform
publishes, by RS256 alone, and its issuer, audience, times, nonce, deployment, version and kind are those expected.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from grader.domain.errors import SignInFailed, TransientError
from grader.domain.lti import SCORE_SCOPE, Launch, Platform, lists_scope, role_of
from grader.kit import guarded
from grader.kit.destinations import BadDestination, Network
from grader.kit.text import one_line

_CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
_AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
_VERSION, _KIND = "1.3.0", "LtiResourceLinkRequest"
# Clocks of two institutions differ; a message is minutes old at most.
_LEEWAY_S = 60
_OLDEST_S = 600
_KEYS_KEPT_S = 600.0
# A platform that rotated its keys is asked at once, and one that sends made-up key ids not all the time.
_ASKED_AGAIN_S = 30.0
_LONGEST_TOKEN = 32_000
_LONGEST_ID = 255
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class PlatformAway(TransientError):
    """The learning platform does not answer; try again in a moment."""

    code = "platform-away"


class BadLaunch(SignInFailed):
    """The learning platform's message cannot be believed; begin again from there."""

    code = "bad-launch"


class KeyShelf:
    """Public keys of platforms, kept for ten minutes. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, KeySet]] = {}

    def keys(self, platform: Platform, kid: str, networks: Sequence[Network]) -> KeySet:
        """Those at the platform's address, fetched again where none has this id. Raises PlatformAway."""
        with self._lock:
            at, known = self._kept.get(platform.jwks_url, (0.0, None))
        age_s = time.monotonic() - at
        if known is not None and age_s < _KEYS_KEPT_S and (age_s < _ASKED_AGAIN_S or _has(known, kid)):
            return known
        fresh = _fetch_keys(platform, networks)
        with self._lock:
            self._kept[platform.jwks_url] = (time.monotonic(), fresh)
        return fresh


def verified(
    token: str, platform: Platform, shelf: KeyShelf, networks: Sequence[Network], *, nonce: str, public_url: str
) -> Launch:
    """What a launch says, once all of it was checked.

    Raises:
        BadLaunch: its sentence says which check failed.
        PlatformAway: its keys cannot be fetched.

    """
    claims = _claims(token, platform, shelf, networks)
    _check(claims, platform, nonce, public_url)
    context = _object(claims, "context")
    resource = _object(claims, "resource_link")
    endpoint = claims.get(_AGS)
    endpoint = endpoint if isinstance(endpoint, dict) else {}
    scopes = endpoint.get("scope")
    roles = claims.get(f"{_CLAIM}roles")
    name = claims.get("name") or f"{claims.get('given_name') or ''} {claims.get('family_name') or ''}"
    takes_scores = isinstance(scopes, list) and lists_scope(scopes)
    return Launch(
        platform=platform.id,
        subject=_id(claims.get("sub"), "user"),
        name=one_line(str(name), limit=200).strip(),
        email=one_line(str(claims.get("email") or ""), limit=254).strip(),
        role=role_of(roles if isinstance(roles, list) else []),
        deployment=_id(claims.get(f"{_CLAIM}deployment_id"), "deployment"),
        context=_id(context.get("id"), "course"),
        context_title=one_line(str(context.get("title") or context.get("label") or ""), limit=200),
        resource=_id(resource.get("id"), "link"),
        resource_title=one_line(str(resource.get("title") or ""), limit=200),
        assignment=one_line(str(_object(claims, "custom").get("assignment") or ""), limit=80).strip(),
        line_item=str(endpoint.get("lineitem") or "") if takes_scores else "",
    )


def access_token(platform: Platform, key: RSAKey, networks: Sequence[Network]) -> tuple[str, float]:
    """A token of the platform that lets us send scores, and for how many seconds it is good.

    Raises:
        PlatformAway: it gave none; the sentence says why.

    """
    assertion = private_key_jwt_sign(
        key, platform.client_id, platform.token_url, header={"kid": key.kid}, expires_in=300
    )
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _ASSERTION,
        "client_assertion": assertion,
        "scope": SCORE_SCOPE,
    }
    answer = _asked("POST", platform.token_url, networks, form=form)
    said = answer if isinstance(answer, dict) else {}
    token = said.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise PlatformAway("The platform gave no access token.")
    lasts_s = said.get("expires_in", 0)
    return token, float(lasts_s) if isinstance(lasts_s, int | float) else 0.0


def _claims(token: str, platform: Platform, shelf: KeyShelf, networks: Sequence[Network]) -> dict[str, Any]:
    if not token or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise BadLaunch("The learning platform sent no message that can be read; begin again from there.")
    try:
        keys = shelf.keys(platform, _key_id(token), networks)
        # RS256 alone, as LTI has it: no unsigned message, and no public key taken for a shared secret.
        return dict(jwt.decode(token, keys, algorithms=["RS256"]).claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise BadLaunch("The message is not signed by the platform it names; begin again from there.") from error


def _check(claims: Mapping[str, Any], platform: Platform, nonce: str, public_url: str) -> None:
    registry = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY_S,
        iss={"essential": True, "value": platform.issuer},
        aud={"essential": True, "value": platform.client_id},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        registry.validate(dict(claims))
    except (JoseError, ValueError, TypeError) as error:
        raise BadLaunch(
            "The message is too old, was used before, or is meant for somebody else; begin again from the platform."
        ) from error
    audience = claims["aud"]
    party = claims.get("azp")
    if party not in (None, platform.client_id) or (isinstance(audience, list) and len(audience) > 1 and not party):
        raise BadLaunch("The message is meant for somebody else.")
    if claims["iat"] < time.time() - _OLDEST_S:
        raise BadLaunch("The message is too old; begin again from the platform.")
    if claims.get(f"{_CLAIM}deployment_id") not in platform.deployments:
        raise BadLaunch(
            "This deployment of the platform is not registered here; tell an administrator of this service."
        )
    if claims.get(f"{_CLAIM}version") != _VERSION or claims.get(f"{_CLAIM}message_type") != _KIND:
        raise BadLaunch("That is no launch of a resource link by LTI 1.3.")
    if not is_ours(claims.get(f"{_CLAIM}target_link_uri"), public_url):
        raise BadLaunch("The link leads to another place than this service; its staff have to mend it.")


def is_ours(target: object, public_url: str) -> bool:
    """Whether an address is one of this service."""
    if not isinstance(target, str) or not target.isprintable() or "\\" in target:
        return False
    try:
        there, here = urlsplit(target), urlsplit(public_url)
        is_here = (there.scheme, there.hostname, there.port) == (here.scheme, here.hostname, here.port)
    except ValueError:
        return False
    return is_here and "@" not in there.netloc


def _fetch_keys(platform: Platform, networks: Sequence[Network]) -> KeySet:
    said = _asked("GET", platform.jwks_url, networks)
    try:
        return KeySet.import_key_set(said)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise PlatformAway("The platform's keys cannot be read.") from error


def _asked(method: str, url: str, networks: Sequence[Network], **more: Any) -> Any:
    headers = {"Accept": "application/json", "User-Agent": "grader-lti/1"}
    try:
        answer = guarded.ask(method, url, networks, headers=headers, **more)
    except (BadDestination, OSError) as error:
        raise PlatformAway(one_line(f"The platform cannot be asked: {error}", limit=300)) from error
    if answer.status_code != 200:
        raise PlatformAway(f"The platform answered {answer.status_code} at {urlsplit(url).hostname}.")
    try:
        return answer.json()
    except ValueError as error:
        raise PlatformAway("The platform's answer cannot be read.") from error


def _key_id(token: str) -> str:
    from joserfc.util import urlsafe_b64decode

    header = json.loads(urlsafe_b64decode(token.partition(".")[0].encode()))
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else ""


def _has(keys: KeySet, kid: str) -> bool:
    return any(key.kid == kid for key in keys.keys)


def _object(claims: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = claims.get(f"{_CLAIM}{name}")
    return found if isinstance(found, dict) else {}


def _id(given: object, what: str) -> str:
    if not isinstance(given, str) or not 0 < len(given) <= _LONGEST_ID or not given.isprintable():
        raise BadLaunch(f"The message names no {what}.")
    return given
