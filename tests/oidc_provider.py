"""An OpenID Connect provider of the tests' own: a real one over HTTP on loopback, made with Authlib, which a test can make lie.

Whoever comes to it is `person`, at once. It holds the client to its secret, its address to come back to, and PKCE.
"""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tests.served import free_port

CLIENT_ID, CLIENT_SECRET = "keepstep", "a secret of the tests"
Claims = dict[str, Any]


def person(subject: str = "248289761001", **more: Any) -> Claims:
    return {"sub": subject, "email": "ada@example.org", "email_verified": True, "name": "Ada of the Provider"} | more


@cache
def _key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"})


@dataclass
class TestProvider:
    """What it says, and how a test makes it say something else."""

    __test__ = False
    issuer: str
    redirect_uris: list[str] = field(default_factory=list)
    person: Claims = field(default_factory=person)
    # Changes the claims of the next ID tokens before they are signed.
    tamper: Callable[[Claims], object] = lambda _: None
    # Signs instead of the provider's own key.
    forged_key: RSAKey | None = None
    algorithm: str = "RS256"
    id_token_has_email: bool = True
    metadata: Claims = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = _key("first")
        self.server = _Server(self)

    def tell_the_truth(self) -> None:
        """As at the beginning, for the next test: a new one would need a new key, which takes long to make."""
        told = TestProvider(self.issuer, list(self.redirect_uris))
        vars(self).update({name: value for name, value in vars(told).items() if name != "server"})
        self.server.codes.clear()

    def turn_keys(self, name: str) -> None:
        """A new key in place of the one before, as providers do now and then."""
        self.key = _key(name)

    def signed(self, claims: Claims) -> str:
        self.tamper(claims)
        kid = self.key.kid
        if self.algorithm == "HS256":
            return jwt.encode({"alg": "HS256", "kid": kid}, claims, OctKey.import_key(CLIENT_SECRET * 2))
        if self.algorithm == "none":
            parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": kid}, claims))
            return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])
        return jwt.encode({"alg": "RS256", "kid": kid}, claims, self.forged_key or self.key)

    @property
    def document(self) -> Claims:
        own = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks", "id_token_signing_alg_values_supported": ["RS256"]}
        ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "userinfo")}
        return {**own, **ends, "response_types_supported": ["code"], "subject_types_supported": ["public"], **self.metadata}


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib has no types
    id_token_signed_response_alg = "RS256"

    def __init__(self, redirect_uris: list[str]) -> None:
        self._redirect_uris = redirect_uris

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> None:
        return None

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self._redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002 - the signature is Authlib's
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class _Code:
    code: str
    redirect_uri: str
    scope: str
    nonce: str | None
    code_challenge: str | None
    code_challenge_method: str | None
    person: Claims

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class _Grant(AuthorizationCodeGrant):  # type: ignore[misc]  # Authlib has no types
    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        sent = request.payload
        nonce, challenge, method = (sent.data.get(name) for name in ("nonce", "code_challenge", "code_challenge_method"))
        self.server.codes[code] = _Code(code, sent.redirect_uri, sent.scope, nonce, challenge, method, request.user)

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:  # noqa: ARG002 - as above
        found: _Code | None = self.server.codes.get(code)
        return found

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        del self.server.codes[authorization_code.code]

    def authenticate_user(self, authorization_code: _Code) -> Claims:
        return authorization_code.person


class _OpenId(OpenIDCode):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, provider: TestProvider) -> None:
        super().__init__(require_nonce=True)
        self._provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:  # noqa: ARG002 - as above
        return any(code.nonce == nonce for code in self._provider.server.codes.values())

    def get_client_claims(self, client: _Client) -> Claims:  # noqa: ARG002 - as above
        return {"iss": self._provider.issuer, "aud": [CLIENT_ID]}

    def generate_user_info(self, user: Claims, scope: str) -> Claims:  # noqa: ARG002 - as above
        return user if self._provider.id_token_has_email else {"sub": user["sub"]}

    def encode_id_token(self, token: Claims, request: OAuth2Request) -> str:
        claims = self.get_compatible_claims(request) | self.get_authorization_code_claims(request.authorization_code)
        return self._provider.signed(claims | dict(self.generate_user_info(request.user, token["scope"])))


class _Request(OAuth2Request):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, request: Request, form: dict[str, str]) -> None:
        # Authlib wants https, which nobody has on loopback.
        super().__init__(request.method, str(request.url.replace(scheme="https")), headers=request.headers)
        self._args, self._form = dict(request.query_params), form
        self.payload = BasicOAuth2Payload(self._args | form)

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Server(AuthorizationServer):  # type: ignore[misc]  # Authlib has no types
    def __init__(self, provider: TestProvider) -> None:
        super().__init__(scopes_supported=["openid", "email", "profile"])
        self.codes: dict[str, _Code] = {}
        self.people: dict[str, Claims] = {}
        self._provider = provider
        self.register_grant(_Grant, [CodeChallenge(required=True), _OpenId(provider)])
        self.register_token_generator("default", self._token)

    def _token(self, *, user: Claims, scope: str, **_more: Any) -> Claims:
        token = f"at-{len(self.people)}-{user['sub']}"
        self.people[token] = user
        return {"token_type": "Bearer", "access_token": token, "expires_in": 300, "scope": scope}

    def query_client(self, client_id: str) -> _Client | None:
        return _Client(self._provider.redirect_uris) if client_id == CLIENT_ID else None

    def save_token(self, token: Claims, request: OAuth2Request) -> None:
        """Held in `people` already."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: _Request) -> _Request:
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        if status == 302:
            return RedirectResponse(dict(headers)["Location"], 302)
        return JSONResponse(body, status, dict(headers))


def _application(provider: TestProvider) -> Starlette:
    server = provider.server

    async def authorize(request: Request) -> Response:
        assert request.query_params.get("code_challenge_method") == "S256", "PKCE is not optional here"
        grant = server.get_consent_grant(_Request(request, {}), end_user=provider.person)
        answer: Response = server.create_authorization_response(grant.request, grant_user=provider.person, grant=grant)
        return answer

    async def token(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        answer: Response = server.create_token_response(_Request(request, form))
        return answer

    async def userinfo(request: Request) -> Response:
        return JSONResponse(server.people[request.headers["authorization"].removeprefix("Bearer ")])

    async def document(request: Request) -> Response:
        provider.asked.append("document")
        return JSONResponse(provider.document)

    async def jwks(request: Request) -> Response:
        provider.asked.append("jwks")
        return JSONResponse({"keys": [provider.key.as_dict(private=False)]})

    routes = {"/.well-known/openid-configuration": document, "/jwks": jwks, "/authorization": authorize, "/userinfo": userinfo}
    return Starlette(routes=[*(Route(path, answer) for path, answer in routes.items()), Route("/token", token, methods=["POST"])])


@contextmanager
def providing(redirect_uri: str, *, host: str = "127.0.0.1") -> Iterator[TestProvider]:
    """A provider until the end of the block, which sends people back to this address. `host`: how it calls itself."""
    port = free_port()
    provider = TestProvider(f"http://{host}:{port}", [redirect_uri])
    server = uvicorn.Server(uvicorn.Config(_application(provider), host="127.0.0.1", port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the provider did not start"
        time.sleep(0.01)
    try:
        yield provider
    finally:
        server.should_exit = True
        thread.join(10)
