"""What this installation is set to: the environment as one checked value, and what the entry points open from it.

Read by the entry points alone, which pass it down. Must not know what the settings are used for further down.
"""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
from sqlalchemy.ext.asyncio import AsyncEngine

from keepstep.actions.context import Context
from keepstep.core.permissions import Actor, Role
from keepstep.db.blobs import BlobStore, Bucket, FolderStore
from keepstep.errors import SettingInvalid

MEGABYTE: Final = 1024 * 1024
# HMAC-SHA256 gains nothing from a longer key, and a shorter one can be guessed.
SECRET_LENGTH: Final = 32

# Each setting with the default that docs/operations.md states; tests/house compares the two.
DEFAULTS: Final[Mapping[str, str]] = {
    "KEEPSTEP_HOME": "",
    "KEEPSTEP_DATABASE_URL": "",
    "KEEPSTEP_SECRET_KEY": "",
    "KEEPSTEP_BASE_URL": "http://127.0.0.1:8000",
    "KEEPSTEP_ZONE": "UTC",
    "KEEPSTEP_MAX_BODY": "10",
    "KEEPSTEP_MAX_FILE": "50",
    "KEEPSTEP_POOL_SIZE": "5",
    "KEEPSTEP_FILES": "",
    "KEEPSTEP_S3_ENDPOINT": "",
    "KEEPSTEP_S3_REGION": "",
    "KEEPSTEP_S3_KEY_ID": "",
    "KEEPSTEP_S3_SECRET": "",
    "KEEPSTEP_OIDC_ISSUER": "",
    "KEEPSTEP_OIDC_CLIENT_ID": "",
    "KEEPSTEP_OIDC_CLIENT_SECRET": "",
    "KEEPSTEP_OIDC_NAME": "Single sign-on",
    "KEEPSTEP_OIDC_DOMAINS": "",
    "KEEPSTEP_OIDC_ROLE": "none",
}


_BUCKET: Final = re.compile(r"s3://(?P<name>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<prefix>[\w./-]+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID Connect provider, and whom it lets in.

    `domains` are those of the e-mail addresses that may be connected, None for any; `role` what somebody becomes whom no admin
    has added, None to refuse them.
    """

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    name: str
    domains: frozenset[str] | None
    role: Role | None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process. `max_body` and `max_file` in bytes; `database_url` None for the embedded PostgreSQL, `bucket`
    None for a folder of files in the home.
    """

    home: Path
    database_url: str | None = field(repr=False)
    secret_key: str | None = field(repr=False)
    base_url: str
    zone: str
    max_body: int
    max_file: int
    pool_size: int
    oidc: OidcSettings | None = None
    bucket: Bucket | None = None

    def blobs(self, limit: int) -> BlobStore:
        """Where the bytes of uploaded files lie, taking files of up to so many bytes."""
        if self.bucket is None:
            return FolderStore(self.home / "files", limit)
        from keepstep.db.bucket import BucketStore

        return BucketStore(self.bucket, limit)


@dataclass(frozen=True, slots=True)
class Resources:
    """What an entry point opens once and hands down: the database, the key that signs, the time and where ids come from.

    `now` gives an aware time, in the local time of `settings.zone`; `make_id` a new UUIDv7 as text; `make_salt` 16 random bytes.
    """

    engine: AsyncEngine
    settings: Settings
    secret: bytes = field(repr=False)
    now: Callable[[], datetime]
    make_id: Callable[[], str]
    make_salt: Callable[[], bytes]

    @property
    def blobs(self) -> BlobStore:
        """Where the bytes of uploaded files lie."""
        return self.settings.blobs(self.settings.max_file)

    def context(self, actor: Actor) -> Context:
        """What an action of this actor gets, as of now."""
        return Context(
            actor=actor, now=self.now(), zone=self.settings.zone, make_id=self.make_id, make_salt=self.make_salt, secret=self.secret
        )


def settings_from(environment: Mapping[str, str]) -> Settings:
    """The settings that an environment names, defaults for the rest. Raises SettingInvalid, naming the variable and the remedy."""
    given = {name: environment.get(name, "").strip() or default for name, default in DEFAULTS.items()}
    return Settings(
        home=Path(given["KEEPSTEP_HOME"] or platformdirs.user_data_dir("keepstep", appauthor=False)).expanduser().absolute(),
        database_url=given["KEEPSTEP_DATABASE_URL"] or None,
        secret_key=_secret_key(given["KEEPSTEP_SECRET_KEY"]),
        base_url=_base_url(given["KEEPSTEP_BASE_URL"]),
        zone=_zone(given["KEEPSTEP_ZONE"]),
        max_body=_whole("KEEPSTEP_MAX_BODY", given["KEEPSTEP_MAX_BODY"], most=1024) * MEGABYTE,
        max_file=_whole("KEEPSTEP_MAX_FILE", given["KEEPSTEP_MAX_FILE"], most=10_240) * MEGABYTE,
        pool_size=_whole("KEEPSTEP_POOL_SIZE", given["KEEPSTEP_POOL_SIZE"], most=1000),
        oidc=_oidc(given),
        bucket=_bucket(given),
    )


def secret_of(settings: Settings) -> bytes:
    """The key that signs cursors and confirm tokens: the one that is set, else the one kept in the home, made on first use."""
    if settings.secret_key:
        return settings.secret_key.encode()
    return secret_in(settings.home)


def secret_in(home: Path) -> bytes:
    """The key kept in a home, readable by its owner alone. Raises SettingInvalid when it cannot be kept or is damaged."""
    path = home / "secret.key"
    try:
        if not path.exists():
            _keep_secret(path)
        kept = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise SettingInvalid(
            f"The secret key cannot be kept in {path}: {error.strerror}. Set KEEPSTEP_HOME to a folder of yours."
        ) from error
    if len(kept) < SECRET_LENGTH:
        raise SettingInvalid(f"{path} is too short for a secret key. Restore it from a backup, or remove it and have a new one made.")
    return kept.encode()


def _keep_secret(path: Path) -> None:
    """Two processes may start at once on a new home: the file gets its name only when it is complete, and the first one stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".secret-{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _secret_key(text: str) -> str | None:
    if text and len(text) < SECRET_LENGTH:
        raise SettingInvalid(f"KEEPSTEP_SECRET_KEY needs at least {SECRET_LENGTH} characters. Leave it unset to have one made and kept.")
    return text or None


def _base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise SettingInvalid("KEEPSTEP_BASE_URL must be the address people use, such as https://forms.example.org.")
    return text.rstrip("/")


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingInvalid(f"KEEPSTEP_ZONE must be the name of a time zone, such as Europe/Berlin; {name!r} is none.") from error
    return name


def _bucket(given: Mapping[str, str]) -> Bucket | None:
    """None without KEEPSTEP_FILES."""
    if not given["KEEPSTEP_FILES"]:
        return None
    found = _BUCKET.fullmatch(given["KEEPSTEP_FILES"].rstrip("/"))
    if found is None or {"", ".", ".."}.intersection((found["prefix"] or "none").split("/")):
        raise SettingInvalid("KEEPSTEP_FILES must be s3://bucket or s3://bucket/prefix; leave it unset to keep files in the home.")
    endpoint, region = given["KEEPSTEP_S3_ENDPOINT"].rstrip("/") or None, given["KEEPSTEP_S3_REGION"] or None
    if endpoint is not None and not is_safe_address(endpoint):
        raise SettingInvalid("KEEPSTEP_S3_ENDPOINT must be the https address of the service; http is for one on this machine alone.")
    key_id, secret = given["KEEPSTEP_S3_KEY_ID"] or None, given["KEEPSTEP_S3_SECRET"] or None
    if (key_id is None) != (secret is None):
        raise SettingInvalid("KEEPSTEP_S3_KEY_ID and KEEPSTEP_S3_SECRET go together: set both, or neither to use the machine's role.")
    return Bucket(found["name"], found["prefix"] or "", endpoint, region, key_id, secret)


def _oidc(given: Mapping[str, str]) -> OidcSettings | None:
    issuer = given["KEEPSTEP_OIDC_ISSUER"]
    if not issuer:
        return None
    if not is_safe_address(issuer):
        raise SettingInvalid("KEEPSTEP_OIDC_ISSUER must be the https address of the provider, as the provider itself writes it.")
    if not given["KEEPSTEP_OIDC_CLIENT_ID"]:
        raise SettingInvalid("KEEPSTEP_OIDC_CLIENT_ID is missing: the name under which the provider knows this installation.")
    domains = frozenset(part.strip().lower().lstrip("@") for part in given["KEEPSTEP_OIDC_DOMAINS"].split(",") if part.strip())
    role = _oidc_role(given["KEEPSTEP_OIDC_ROLE"])
    if role is not None and not domains:
        # With a provider that gives everybody an account, everybody would get one here.
        raise SettingInvalid("KEEPSTEP_OIDC_ROLE lets in people whom nobody added: say of which KEEPSTEP_OIDC_DOMAINS, or * for all.")
    return OidcSettings(
        issuer=issuer,
        client_id=given["KEEPSTEP_OIDC_CLIENT_ID"],
        client_secret=given["KEEPSTEP_OIDC_CLIENT_SECRET"] or None,
        name=given["KEEPSTEP_OIDC_NAME"],
        domains=None if not domains or "*" in domains else domains,
        role=role,
    )


def is_safe_address(address: str) -> bool:
    """Whether secrets may be sent there: by https, or without leaving this machine."""
    parts = urlsplit(address)
    if not parts.hostname or parts.fragment or parts.username:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})


def _oidc_role(text: str) -> Role | None:
    match text:
        case "none":
            return None
        case "analyst" | "editor":
            return text
        case _:
            raise SettingInvalid("KEEPSTEP_OIDC_ROLE must be none, analyst or editor. Admins are made by admins.")


def _whole(name: str, text: str, *, most: int) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
        raise SettingInvalid(f"{name} must be a whole number from 1 to {most}; {text!r} is not.")
    return int(text)
