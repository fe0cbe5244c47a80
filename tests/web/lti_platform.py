"""A small learning platform on a loopback socket: LTI 1.3 with real signatures, a token endpoint, scores that it keeps."""

from __future__ import annotations

import base64
import html
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

CLAIM = "https://purl.imsglobal.org/spec/lti/claim/"
AGS = "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint"
SCORE = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership"
CLIENT, DEPLOYMENT = "grader-at-campus", "deployment-1"
LEARNER, TEACHER = [f"{MEMBERSHIP}#Learner"], [f"{MEMBERSHIP}#Instructor"]


# One for all: a server keeps what it has read at an address, and a port of one test may be another's a moment later.
_KEY = RSAKey.generate_key(2048, {"kid": "campus-1", "use": "sig", "alg": "RS256"})


@dataclass
class Campus:
    """`tool` is the grader's address. `answers` are statuses for the next scores, before it takes them again."""

    tool: str = ""
    client: str = CLIENT
    answers: list[int] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    tried: int = 0
    token_requests: int = 0
    keys_asked: int = 0
    framed: bool = False
    key: RSAKey = field(default_factory=lambda: _KEY)
    kid: str = "campus-1"
    item: str = "7"
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}
        self._tokens: set[str] = set()
        campus = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                campus._get(self)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                campus._post(self, body)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def registration(self, **changes: Any) -> dict[str, Any]:
        """As an administrator types it in."""
        return {
            "name": "Campus", "issuer": self.url, "client_id": self.client, "deployments": [DEPLOYMENT],
            "auth_url": f"{self.url}/authorize", "token_url": f"{self.url}/token", "jwks_url": f"{self.url}/keys",
        } | changes  # fmt: skip

    def login(self, user: str, **changes: str) -> dict[str, str]:
        """What the platform's page sends the browser to us with."""
        return {
            "iss": self.url, "login_hint": user, "target_link_uri": f"{self.tool}/lti/launch",
            "lti_message_hint": "m1", "client_id": self.client,
        } | changes  # fmt: skip

    def claims(self, user: str, given: str, /, **changes: Any) -> dict[str, Any]:
        """What is None among the changes is left out."""
        now = int(time.time())
        said = {
            "iss": self.url, "aud": self.client, "azp": self.client, "sub": user, "iat": now, "exp": now + 300,
            "nonce": given, "name": f"{user} of the campus",
            f"{CLAIM}deployment_id": DEPLOYMENT, f"{CLAIM}version": "1.3.0",
            f"{CLAIM}message_type": "LtiResourceLinkRequest", f"{CLAIM}target_link_uri": f"{self.tool}/lti/launch",
            f"{CLAIM}roles": LEARNER, f"{CLAIM}context": {"id": "c1", "title": "Deep Learning, Monday"},
            f"{CLAIM}resource_link": {"id": "r1", "title": "Second homework"},
            AGS: {"scope": [SCORE], "lineitem": f"{self.url}/items/{self.item}?type=lti"},
        } | self.users.get(user, {}) | changes  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}

    def signed(self, claims: dict[str, Any], *, key: RSAKey | None = None, algorithm: str = "RS256") -> str:
        if algorithm == "none":
            parts = [json.dumps(part).encode() for part in ({"alg": "none", "kid": "campus-1"}, claims)]
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        header = {"alg": algorithm, "kid": self.kid}
        return jwt.encode(header, claims, key or self.key, algorithms=[algorithm])

    def _get(self, request: BaseHTTPRequestHandler) -> None:
        address = urlsplit(request.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/keys":
            self.keys_asked += 1
            _answer(request, KeySet([self.key]).as_dict(private=False))
        elif address.path == "/authorize":
            self._authorize(request, asked)
        elif address.path == "/course":
            away = f"{self.tool}/lti/login?{urlencode(self.login(asked['user']))}"
            frame = f'<iframe title="tool" width="700" height="400" src="{html.escape(away)}"></iframe>'
            link = f'<a href="{html.escape(away)}">Second homework</a>'
            _page(request, f"<h1>Campus</h1>{frame if self.framed else link}")

    def _authorize(self, request: BaseHTTPRequestHandler, asked: dict[str, str]) -> None:
        assert asked["client_id"] == self.client
        assert (asked["scope"], asked["response_type"]) == ("openid", "id_token")
        assert (asked["response_mode"], asked["prompt"]) == ("form_post", "none")
        assert asked["redirect_uri"] == f"{self.tool}/lti/launch"
        token = self.signed(self.claims(asked["login_hint"], asked["nonce"]))
        fields = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(value)}">'
            for name, value in (("id_token", token), ("state", asked["state"]))
        )
        form = f'<form method="post" action="{asked["redirect_uri"]}">{fields}</form>'
        _page(request, f"{form}<script>document.forms[0].submit()</script>")

    def _post(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        if request.path == "/token":
            self._token(request, {name: values[0] for name, values in parse_qs(body.decode()).items()})
        elif request.path == f"/items/{self.item}/scores?type=lti":
            self.paths.append(request.path)
            self._score(request, json.loads(body))
        else:
            _answer(request, {}, 404)

    def _token(self, request: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        self.token_requests += 1
        ours = KeySet.import_key_set(httpx.get(f"{self.tool}/lti/jwks.json").json())
        said = jwt.decode(form["client_assertion"], ours, algorithms=["RS256"]).claims
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self.client}, sub={"essential": True, "value": self.client},
            aud={"essential": True, "value": f"{self.url}/token"}, exp={"essential": True}, jti={"essential": True},
        ).validate(said)  # fmt: skip
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert (form["grant_type"], form["client_assertion_type"]) == ("client_credentials", kind)
        assert form["scope"] == SCORE
        token = f"token-{self.token_requests}"
        self._tokens.add(token)
        _answer(request, {"access_token": token, "token_type": "Bearer", "expires_in": 3600, "scope": SCORE})

    def _score(self, request: BaseHTTPRequestHandler, score: dict[str, Any]) -> None:
        self.tried += 1
        known = request.headers["Authorization"].removeprefix("Bearer ") in self._tokens
        earlier = [one["timestamp"] for one in self.scores if one["userId"] == score["userId"]]
        if not known or request.headers["Content-Type"] != "application/vnd.ims.lis.v1.score+json":
            _answer(request, {}, 401)
        elif self.answers:
            _answer(request, {}, self.answers.pop(0))
        elif any(score["timestamp"] <= before for before in earlier):
            _answer(request, {}, 409)
        else:
            self.scores.append(score)
            _answer(request, {})


def _page(request: BaseHTTPRequestHandler, body: str) -> None:
    _send(request, f"<!doctype html><title>Campus</title>{body}".encode(), "text/html; charset=utf-8", 200)


def _answer(request: BaseHTTPRequestHandler, body: object, status: int = 200) -> None:
    _send(request, json.dumps(body).encode(), "application/json", status)


def _send(request: BaseHTTPRequestHandler, content: bytes, kind: str, status: int) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
