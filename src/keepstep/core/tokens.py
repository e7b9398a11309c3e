"""Signed values: what was handed out and must come back unchanged. Readable by whoever holds them, not forgeable."""

import base64
import binascii
import hmac
import re
from typing import Any, Final
from uuid import UUID

from keepstep.core.jsonvalue import canonical_bytes, loads
from keepstep.errors import MalformedJson

# 128 bits: nobody guesses them, and the token still fits into an address.
_SIGNATURE: Final = 16


def sign(secret: bytes, purpose: str, value: Any) -> str:
    """A token that holds this JSON value. Tokens of one purpose never pass for another."""
    content = canonical_bytes(value)
    return base64.urlsafe_b64encode(_signature(secret, purpose, content) + content).rstrip(b"=").decode()


def verified(secret: bytes, purpose: str, token: str) -> Any | None:
    """The value that was signed; None for anything that `sign` did not give for this purpose with this secret."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, content = raw[:_SIGNATURE], raw[_SIGNATURE:]
    if not hmac.compare_digest(signature, _signature(secret, purpose, content)):
        return None
    try:
        return loads(content)
    except MalformedJson:
        # Cannot be: it was signed here. A secret that leaked must not become a way to an unexpected error.
        return None


def run_token(secret: bytes, run_id: str, nonce: bytes) -> str:
    """What opens a run in the player: the run's id and 192 bits that nobody without the secret can make. The nonce changes them."""
    run = UUID(run_id).bytes
    proof = hmac.digest(secret, b"passage\n" + run + nonce, "sha256")[:24]
    return base64.urlsafe_b64encode(run + proof).rstrip(b"=").decode()


_RUN_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{54}")


def run_of_token(token: str) -> str | None:
    """The id of the run that a token names; None for what is no such token. Says nothing about whether it opens it."""
    if not _RUN_TOKEN.fullmatch(token):
        return None
    return str(UUID(bytes=base64.urlsafe_b64decode(token + "==")[:16]))


def keyed(secret: bytes, purpose: str, text: str) -> str:
    """A short fingerprint that says nothing about the text to whoever lacks the secret."""
    return hmac.digest(secret, f"{purpose}\n{text}".encode(), "sha256").hex()[:_SIGNATURE]


def _signature(secret: bytes, purpose: str, content: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b"\n" + content, "sha256")[:_SIGNATURE]
