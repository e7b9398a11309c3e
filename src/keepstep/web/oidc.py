"""The OpenID Connect provider as this installation meets it: where to send people, and who it says that they are.

Authlib makes the requests and judges the claims, joserfc checks the signatures. What may be trusted is decided here: one issuer,
asymmetric signatures, addresses that are safe to send secrets to. Must not know who is let in.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from keepstep.actions.identities import Claimed, Departure
from keepstep.config import OidcSettings, is_safe_address
from keepstep.core.jsonvalue import unstorable_text
from keepstep.errors import ProviderUnavailable, SignInRefused

log = logging.getLogger("keepstep.web")

SCOPE: Final = "openid email profile"
# Signed by a key that the provider alone has. HS256 would be signed with the client's secret, and "none" with nothing: what the
# provider's own document lists is not asked, since whoever can change that could add them.
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
# Clocks differ by seconds; an ID token is used in the moment in which it is made.
LEEWAY: Final = 60
# Providers change their keys within days, and announce a change of addresses long before.
KEPT: Final = timedelta(hours=1)
# A key that is not known is asked for, but not as often as somebody sends tokens with made-up keys.
ASKED_AGAIN: Final = timedelta(seconds=30)
TIMEOUT: Final = 10.0
# The largest document of a provider: keys and metadata take some kilobytes.
_LARGEST: Final = 1024 * 1024
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# OpenID Connect Core, 2: at most 255 ASCII characters.
_LONGEST_SUBJECT: Final = 255
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """What the provider publishes about itself, and when it was read."""

    metadata: Mapping[str, Any]
    keys: KeySet
    at: datetime


class Provider:
    """One provider, with what it last said about itself."""

    def __init__(self, settings: OidcSettings, *, redirect_uri: str, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self._redirect_uri = redirect_uri
        self._now = now
        self._found: _Found | None = None

    async def address_for(self, going: Departure) -> str:
        """Where to send the browser of somebody who signs in. Raises ProviderUnavailable."""
        with _trouble():
            found = await self._discovered()
            async with self._client(found.metadata) as client:
                address, _ = client.create_authorization_url(
                    found.metadata["authorization_endpoint"], state=going.state, code_verifier=going.verifier, nonce=going.nonce
                )
        return str(address)

    async def claimed(self, code: str, *, nonce: str, verifier: str) -> Claimed:
        """Who comes back with this code. Raises SignInRefused for what cannot be trusted, ProviderUnavailable."""
        with _trouble():
            found = await self._discovered()
            async with self._client(found.metadata) as client:
                token = await client.fetch_token(found.metadata["token_endpoint"], code=code, code_verifier=verifier)
                claims = await self._verified(token, nonce)
                told = claims if "email" in claims else await _told(client, found.metadata, claims)
        return _claimed(self.settings.issuer, claims, told)

    def _client(self, metadata: Mapping[str, Any]) -> AsyncOAuth2Client:
        methods = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        posts = "client_secret_basic" not in methods and "client_secret_post" in methods
        secret = self.settings.client_secret
        return AsyncOAuth2Client(
            self.settings.client_id,
            secret,
            token_endpoint_auth_method="none" if secret is None else "client_secret_post" if posts else "client_secret_basic",
            scope=SCOPE,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )

    async def _verified(self, token: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that this provider made for this installation, now, for this sign-in."""
        if not isinstance(token.get("id_token"), str):
            raise SignInRefused("The provider did not say who you are.")
        decoded = await self._decoded(token["id_token"])
        wanted = {"iss": {"essential": True, "value": self.settings.issuer}, "aud": {"essential": True, "value": self.settings.client_id}}
        given = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(decoded.claims, decoded.header, wanted, given)
        claims.validate(now=int(self._now().timestamp()), leeway=LEEWAY)
        return dict(claims)

    async def _decoded(self, id_token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        found = await self._discovered()
        try:
            return jwt.decode(id_token, found.keys, registry=registry)
        except InvalidKeyIdError:
            if self._now() < found.at + ASKED_AGAIN:
                raise
            return jwt.decode(id_token, (await self._discovered(anew=True)).keys, registry=registry)

    async def _discovered(self, *, anew: bool = False) -> _Found:
        if self._found is None or anew or self._now() >= self._found.at + KEPT:
            async with httpx2.AsyncClient(timeout=TIMEOUT) as client:
                metadata = await _document(client, get_well_known_url(self.settings.issuer, external=True))
                _require_trusted(metadata, self.settings.issuer)
                keys = KeySet.import_key_set(await _document(client, metadata["jwks_uri"]))
            self._found = _Found(metadata, keys, self._now())
        return self._found


async def _document(client: httpx2.AsyncClient, address: str) -> Any:
    """A JSON object. Not followed elsewhere: what the provider publishes lies where it says."""
    async with client.stream("GET", address, headers={"Accept": "application/json"}) as answer:
        answer.raise_for_status()
        content = b""
        async for piece in answer.aiter_bytes():
            content += piece
            if len(content) > _LARGEST:
                raise ProviderUnavailable("The provider answers with more than it should.")
    # Bytes again, since httpx2 reads JSON of whole answers alone.
    found = httpx2.Response(200, content=content).json()
    if not isinstance(found, dict):
        raise ProviderUnavailable("The provider does not describe itself as OpenID Connect Discovery says.")
    return found


def _require_trusted(metadata: Mapping[str, Any], issuer: str) -> None:
    """Discovery, 4.3: the issuer is exactly the one that was asked, or somebody answers in its place."""
    if metadata.get("issuer") != issuer:
        log.error("the provider calls itself %r and not %r, as KEEPSTEP_OIDC_ISSUER does", metadata.get("issuer"), issuer)
        raise ProviderUnavailable("The provider calls itself by another name than this Keepstep is set to. Tell whoever keeps it running.")
    unsafe = [name for name in _NEEDED if not isinstance(metadata.get(name), str) or not is_safe_address(metadata[name])]
    if unsafe:
        log.error("the provider names no safe address for %s", ", ".join(unsafe))
        raise ProviderUnavailable("The provider does not describe itself as OpenID Connect Discovery says.")


async def _told(client: AsyncOAuth2Client, metadata: Mapping[str, Any], claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the provider says beyond the ID token, where it keeps the address out of that."""
    address = metadata.get("userinfo_endpoint")
    if not isinstance(address, str) or not is_safe_address(address):
        return claims
    answer = await client.get(address)
    answer.raise_for_status()
    told = answer.json()
    # Core, 5.3.2: of somebody else it must not be used.
    if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
        raise SignInRefused("The provider speaks of two people at once.")
    return told


def _claimed(issuer: str, claims: Mapping[str, Any], told: Mapping[str, Any]) -> Claimed:
    subject, email, name = claims["sub"], told.get("email"), told.get("name", claims.get("name"))
    if not isinstance(subject, str) or not subject or len(subject) > _LONGEST_SUBJECT or unstorable_text(subject):
        raise SignInRefused("The provider's name for you cannot be used.")
    # Only the JSON value true vouches for an address: "false" is a text, and true for many a program.
    is_verified = told.get("email_verified") is True and isinstance(email, str)
    said = name if isinstance(name, str) and not unstorable_text(name) else ""
    return Claimed(issuer, subject, email if is_verified else None, said[:_LONGEST_NAME])


@contextmanager
def _trouble() -> Iterator[None]:
    """What goes wrong with a provider, as one of two Problems. Nothing that it sent is shown or logged but the kind of fault."""
    try:
        yield
    except (JoseError, AuthlibBaseError) as error:
        log.warning("sign-in refused: %s", getattr(error, "error", type(error).__name__))
        raise SignInRefused(
            "What the provider sent could not be verified. Begin again; if it stays so, tell whoever keeps it running."
        ) from error
    except httpx2.HTTPError as error:
        log.warning("the provider does not answer: %s", type(error).__name__)
        raise ProviderUnavailable("The provider could not be reached. Try again in a moment, or sign in with your password.") from error
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the provider answers in an unexpected form: %s", type(error).__name__)
        raise ProviderUnavailable("The provider answered in a way that its standard does not know.") from error
