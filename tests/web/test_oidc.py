"""What is believed of a provider, and what is not: against one that really runs, without pages and database."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, TestProvider, person, providing

from keepstep.actions.identities import Claimed, Departure
from keepstep.config import OidcSettings
from keepstep.errors import ProviderUnavailable, SignInRefused
from keepstep.web.oidc import Provider

BACK = "http://keepstep.test/back"
GOING = Departure("s" * 43, "b" * 43, "n" * 43, "v" * 43, "/")
UNVERIFIED = "could not be verified"


class Clock:
    ahead = 0.0

    def __call__(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[TestProvider]:
    with providing(BACK) as made:
        yield made


@pytest.fixture
def there(running: TestProvider) -> TestProvider:
    running.tell_the_truth()
    return running


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings(there: TestProvider, **more: Any) -> OidcSettings:
    given = {"issuer": there.issuer, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "House", "domains": None, "role": None}
    return OidcSettings(**{**given, **more})


@pytest.fixture
def provider(there: TestProvider, clock: Clock) -> Provider:
    return Provider(settings(there), redirect_uri=BACK, now=clock)


async def code_of(provider: Provider, going: Departure = GOING) -> str:
    async with httpx.AsyncClient() as client:
        back = await client.get(await provider.address_for(going))
    return parse_qs(urlsplit(back.headers["location"]).query)["code"][0]


async def claimed(provider: Provider) -> Claimed:
    return await provider.claimed(await code_of(provider), nonce=GOING.nonce, verifier=GOING.verifier)


async def test_what_the_provider_says_is_told(provider: Provider, there: TestProvider) -> None:
    assert await claimed(provider) == Claimed(there.issuer, "248289761001", "ada@example.org", "Ada of the Provider")


async def test_the_address_may_come_from_the_userinfo_endpoint(provider: Provider, there: TestProvider) -> None:
    there.id_token_has_email = False
    assert (await claimed(provider)).email == "ada@example.org"


@pytest.mark.parametrize("verified", [False, "true", None, 1])
async def test_an_address_without_the_providers_word_is_none(provider: Provider, there: TestProvider, verified: Any) -> None:
    there.person = person(email_verified=verified)
    assert (await claimed(provider)).email is None


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another nonce": lambda claims: claims.update(nonce="of another sign-in"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "another audience": lambda claims: claims.update(aud=["another-client"]),
    "several audiences without a party": lambda claims: claims.update(aud=[CLIENT_ID, "another-client"]),
    "another party": lambda claims: claims.update(aud=[CLIENT_ID, "another-client"], azp="another-client"),
    "another issuer": lambda claims: claims.update(iss="https://evil.example"),
    "no issuer": lambda claims: claims.pop("iss"),
    "over": lambda claims: claims.update(exp=int(time.time()) - 120),
    "no end": lambda claims: claims.pop("exp"),
    "made tomorrow": lambda claims: claims.update(iat=int(time.time()) + 86_400),
    "not yet": lambda claims: claims.update(nbf=int(time.time()) + 3_600),
    "nobody": lambda claims: claims.pop("sub"),
    "another token": lambda claims: claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(provider: Provider, there: TestProvider, lie: str) -> None:
    there.tamper = LIES[lie]
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await claimed(provider)


async def test_several_audiences_are_fine_when_this_installation_is_the_party(provider: Provider, there: TestProvider) -> None:
    there.tamper = lambda claims: claims.update(aud=[CLIENT_ID, "another-client"], azp=CLIENT_ID)
    assert (await claimed(provider)).subject == "248289761001"


async def test_a_signature_of_another_key_is_refused(provider: Provider, there: TestProvider) -> None:
    there.forged_key = RSAKey.generate_key(2048)
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await claimed(provider)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_an_algorithm_that_proves_nothing_is_refused_even_if_it_is_listed(
    provider: Provider, there: TestProvider, algorithm: str
) -> None:
    there.metadata = {"id_token_signing_alg_values_supported": ["RS256", algorithm]}
    there.algorithm = algorithm
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await claimed(provider)


async def test_a_code_is_good_once_and_only_with_its_verifier(provider: Provider) -> None:
    code = await code_of(provider)
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await provider.claimed(code, nonce=GOING.nonce, verifier="w" * 43)
    assert (await provider.claimed(code, nonce=GOING.nonce, verifier=GOING.verifier)).subject == "248289761001"
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await provider.claimed(code, nonce=GOING.nonce, verifier=GOING.verifier)


async def test_a_wrong_client_secret_gets_nothing(there: TestProvider, clock: Clock) -> None:
    with pytest.raises(SignInRefused, match=UNVERIFIED):
        await claimed(Provider(settings(there, client_secret="another"), redirect_uri=BACK, now=clock))


async def test_userinfo_of_somebody_else_is_refused(provider: Provider, there: TestProvider) -> None:
    there.id_token_has_email = False
    there.tamper = lambda claims: claims.update(sub="another")
    with pytest.raises(SignInRefused, match="two people"):
        await claimed(provider)


@pytest.mark.parametrize("subject", ["", "x" * 256, 42, "\x00"])
async def test_a_subject_that_is_none_is_refused(provider: Provider, there: TestProvider, subject: Any) -> None:
    there.tamper = lambda claims: claims.update(sub=subject)
    with pytest.raises(SignInRefused):
        await claimed(provider)


@pytest.mark.parametrize("name", ["\x00", 42, None])
async def test_a_name_that_cannot_be_kept_is_left_out(provider: Provider, there: TestProvider, name: Any) -> None:
    there.person = person(name=name)
    assert (await claimed(provider)).name == ""


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://user@evil.example/"},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    provider: Provider, there: TestProvider, metadata: dict[str, Any]
) -> None:
    there.metadata = metadata
    with pytest.raises(ProviderUnavailable):
        await provider.address_for(GOING)


async def test_a_provider_that_does_not_answer_is_said_to(there: TestProvider, clock: Clock) -> None:
    with pytest.raises(ProviderUnavailable, match="could not be reached"):
        await Provider(settings(there, issuer="http://127.0.0.1:9"), redirect_uri=BACK, now=clock).address_for(GOING)


async def test_new_keys_are_asked_for_but_not_for_every_made_up_key(provider: Provider, there: TestProvider, clock: Clock) -> None:
    await claimed(provider)
    there.turn_keys("second")
    with pytest.raises(SignInRefused):
        await claimed(provider)
    assert there.asked.count("jwks") == 1
    clock.ahead = 31
    assert (await claimed(provider)).subject == "248289761001"
    assert there.asked.count("jwks") == 2


async def test_what_the_provider_publishes_is_read_anew_after_an_hour(provider: Provider, there: TestProvider, clock: Clock) -> None:
    await provider.address_for(GOING)
    await provider.address_for(GOING)
    assert there.asked == ["document", "jwks"]
    clock.ahead = 3_601
    await provider.address_for(GOING)
    assert there.asked == ["document", "jwks"] * 2
