"""Sign-in with an OpenID Connect provider, by configuration, through Authlib.

State, nonce and code verifier travel in a short-lived signed cookie of their own, which nothing else uses; PKCE is on.
Nobody is made a person by signing in: the roster decides (`accounts.sign_in_with_subject`).
"""

from __future__ import annotations

import logging
import warnings
from typing import Any, NamedTuple

from fastapi import FastAPI
from httpx import HTTPError
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response

from grader.domain.errors import SignInFailed, TransientError, UnknownThing
from grader.http.settings import OidcSettings, ServerSettings

log = logging.getLogger(__name__)

PATH = "/sign-in/oidc"
CALLBACK = f"{PATH}/callback"
_COOKIE = "grader_oidc"
# Time to type a password and find the second factor.
_PATIENCE_S = 900
_NEXT = "next"
_DISCOVERY = "/.well-known/openid-configuration"


class ProviderAway(TransientError):
    """The sign-in service of your institution does not answer; try again in a moment."""

    code = "sign-in-service-away"


class Subject(NamedTuple):
    """Whom the provider says this is, and where they wanted to go. `name` is issuer and subject in one."""

    name: str
    email: str
    email_is_verified: bool
    person_name: str
    next_page: str


def install(app: FastAPI, settings: ServerSettings) -> None:
    """Make the client and its cookie, where a provider is configured."""
    app.state.oidc = None if settings.oidc is None else _client(settings.oidc)
    if settings.oidc is not None:
        app.add_middleware(
            SessionMiddleware,
            secret_key=f"oidc:{settings.secret}",
            session_cookie=_COOKIE,
            max_age=_PATIENCE_S,
            path=PATH,
            same_site="lax",
            https_only=settings.has_tls,
        )


async def to_provider(request: Request, settings: ServerSettings, next_page: str) -> Response:
    """A redirect to the provider. Raises UnknownThing when none is configured, ProviderAway."""
    client = _client_of(request)
    request.session[_NEXT] = next_page
    try:
        response = await client.authorize_redirect(request, f"{settings.public_url}{CALLBACK}")
    except (HTTPError, KeyError, ValueError) as error:
        log.warning("the OpenID Connect provider cannot be used: %r", error)
        raise ProviderAway from error
    assert isinstance(response, Response)
    return response


async def from_provider(request: Request) -> Subject:
    """Whom the provider vouches for, after its id token was verified (signature, issuer, audience, nonce, expiry).

    Raises:
        SignInFailed: the answer is not one to what we asked, or the provider said no.
        ProviderAway, UnknownThing.

    """
    client = _client_of(request)
    from authlib.integrations.base_client import OAuthError
    from joserfc.errors import JoseError

    try:
        token = await client.authorize_access_token(request)
        claims = token["userinfo"]
        issuer, subject = str(claims["iss"]), str(claims["sub"])
    except HTTPError as error:
        raise ProviderAway from error
    except (OAuthError, JoseError, KeyError, ValueError, TypeError) as error:
        log.warning("a sign-in by OpenID Connect was refused: %r", error)
        raise SignInFailed("Signing in did not work out; begin again on this page.") from error
    return Subject(
        name=f"{issuer} {subject}",
        email=str(claims.get("email") or ""),
        email_is_verified=claims.get("email_verified") is True,
        person_name=str(claims.get("name") or ""),
        next_page=str(request.session.pop(_NEXT, "/")),
    )


def is_configured(request: Request) -> bool:
    return request.app.state.oidc is not None


def _client_of(request: Request) -> Any:
    if request.app.state.oidc is None:
        raise UnknownThing("This service is not set up to sign in with another account.")
    return request.app.state.oidc


def _client(settings: OidcSettings) -> Any:
    with warnings.catch_warnings():
        # Authlib asks for a successor of httpx that nothing else here uses; importing this first, because it sets
        # filters of its own.
        import authlib.deprecate  # noqa: F401

        warnings.simplefilter("ignore")
        from authlib.integrations.starlette_client import OAuth
    return OAuth().register(
        "provider",
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        server_metadata_url=settings.issuer.rstrip("/") + _DISCOVERY,
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256", "timeout": 10.0},
    )
