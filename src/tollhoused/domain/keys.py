"""API keys: how they are written, what they allow, and when they stop (requirements I3, I4).

A key is an id that anybody may see and a 256-bit secret of which only the SHA-256 is kept: a random secret of that
size needs no slow hash. Its text ends with a checksum, so that a damaged one is told from a wrong one without a
look-up.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tollhoused.errors import KeyExpired, KeyInvalid, KeyOfOtherEnvironment, KeyRevoked

PREFIX = "tollhouse"
SECRET_BYTES = 32


class Scope(StrEnum):
    """What a key may do. ADMIN includes the others."""

    ENTITLEMENTS_READ = "entitlements.read"
    USAGE_WRITE = "usage.write"
    CREDITS_WRITE = "credits.write"
    ADMIN = "admin"


class Environment(StrEnum):
    """One deployment serves one environment."""

    TEST = "test"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls: the owner of API keys and of idempotency keys."""

    id: str
    name: str
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A stored key. No products: any product. `may_create` lets it ask for accounts to be made."""

    id: str
    client: str
    secret_sha256: str
    scopes: frozenset[Scope]
    products: frozenset[str]
    environment: Environment
    may_create: bool
    created_us: int
    expires_us: int | None
    revoked_us: int | None
    last_used_us: int | None = None

    def live(self, now_us: int) -> bool:
        """Whether the key opens doors now."""
        return self.revoked_us is None and (self.expires_us is None or now_us < self.expires_us)

    def allows(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


class KeyText(NamedTuple):
    """The parts of a key's text."""

    environment: str
    id: str
    secret: str


def write_key(environment: Environment, key_id: str, secret: bytes) -> str:
    """The text that the owner keeps: `tollhouse_<environment>_<id>_<secret>_<checksum>`."""
    secret_text = base64.b32encode(secret).decode().rstrip("=").lower()
    body = f"{PREFIX}_{environment.value}_{key_id.removeprefix('key_')}_{secret_text}"
    return f"{body}_{_checksum(body)}"


def read_key(text: str) -> KeyText:
    """The parts of a key's text. Raises KeyInvalid, with one answer for every way to be wrong."""
    body, _, checksum = text.rpartition("_")
    parts = body.split("_")
    if len(parts) != 4 or parts[0] != PREFIX or not text.isascii() or checksum != _checksum(body):
        raise KeyInvalid("the API key is not valid")
    return KeyText(parts[1], f"key_{parts[2]}", parts[3])


def secret_sha256(secret: bytes) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(base64.b32encode(secret).rstrip(b"=").lower()).hexdigest()


def check_key(text: KeyText, key: Key | None, environment: Environment, now_us: int) -> Key:
    """The key, if the text is its own and it opens this deployment now.

    An unknown id costs as much as a wrong secret and is answered alike. Raises KeyInvalid, KeyOfOtherEnvironment,
    KeyRevoked or KeyExpired; the last three only to who holds the secret.
    """
    given = hashlib.sha256(text.secret.encode()).hexdigest()
    if not hmac.compare_digest(given, key.secret_sha256 if key else "0" * 64) or key is None:
        raise KeyInvalid("the API key is not valid")
    if key.environment is not environment or text.environment != key.environment.value:
        raise KeyOfOtherEnvironment(f"this deployment serves the environment {environment.value}")
    if key.revoked_us is not None:
        raise KeyRevoked("the API key was revoked")
    if not key.live(now_us):
        raise KeyExpired("the API key has expired")
    return key


def _checksum(body: str) -> str:
    try:
        return binascii.hexlify(zlib.crc32(body.encode("ascii")).to_bytes(4, "big")).decode()
    except UnicodeEncodeError:
        return ""
