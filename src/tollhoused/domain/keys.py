"""API keys: how they are written, what they allow, and when they stop (requirements I3, I4).

A key is an id that anybody may see and a 256-bit secret of which only the SHA-256 is kept: a random secret of that
size needs no slow hash. Its text ends with a checksum, so that a damaged one is told from a wrong one without a
look-up.
"""

import base64
import hashlib
import hmac
import zlib
from dataclasses import dataclass, field
from enum import StrEnum

from tollhoused.errors import KeyExpired, KeyInvalid, KeyOfOtherEnvironment, KeyRevoked

PREFIX = "tollhouse"
ID_PREFIX = "key_"
SECRET_BYTES = 32
TEXT_LENGTH_MAX = 200
"""Longer than any key: what is longer is not even looked at."""

LOCAL_CLIENT = "local"
"""The owner of every idempotency key while the door is open to this machine without keys."""

CLI_CLIENT = "cli"
"""The client of operations that commands make on the database: their keys do not meet the keys of callers."""

INTERNAL_CLIENT = ""
"""The owner of the server's own acts."""


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


ENVIRONMENTS = {environment.value: environment for environment in Environment}


@dataclass(frozen=True, slots=True)
class Client:
    """A program that calls: the owner of API keys and of idempotency keys."""

    id: str
    name: str
    created_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A stored key. No products: any product. `may_create` lets it ask for accounts to be made.

    `expires_us` is the end that its owner chose, `retires_us` the end that a rotation set; the earlier one counts.
    """

    id: str
    client: str
    secret_sha256: str = field(repr=False)
    scopes: frozenset[Scope]
    products: frozenset[str]
    environment: Environment
    may_create: bool
    created_us: int
    expires_us: int | None
    retires_us: int | None = None
    revoked_us: int | None = None
    last_used_us: int | None = None

    @property
    def ends_us(self) -> int | None:
        """When it ends by itself; None for never."""
        return min((end for end in (self.expires_us, self.retires_us) if end is not None), default=None)

    def live(self, now_us: int) -> bool:
        """Whether the key opens doors now."""
        ends_us = self.ends_us
        return self.revoked_us is None and (ends_us is None or now_us < ends_us)

    def allows(self, scope: Scope) -> bool:
        """Whether the key has a scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class KeyText:
    """The parts of a key's text."""

    environment: Environment
    id: str
    secret: str = field(repr=False)


def write_key(environment: Environment, key_id: str, secret: bytes) -> str:
    """The text that the owner keeps: `tollhouse_<environment>_<id>_<secret>_<checksum>`."""
    body = f"{PREFIX}_{environment.value}_{key_id.removeprefix(ID_PREFIX)}_{_secret_text(secret)}"
    return f"{body}_{_checksum(body)}"


def read_key(text: str) -> KeyText:
    """The parts of a key's text. Raises KeyInvalid, with one answer for every way to be wrong."""
    body, _, checksum = text.rpartition("_")
    parts = body.split("_", 4) if len(text) <= TEXT_LENGTH_MAX and text.isascii() else []
    environment = ENVIRONMENTS.get(parts[1]) if len(parts) == 4 and parts[0] == PREFIX else None
    if environment is None or checksum != _checksum(body):
        raise KeyInvalid("the API key is not valid")
    return KeyText(environment, f"{ID_PREFIX}{parts[2]}", parts[3])


def secret_sha256(secret: bytes) -> str:
    """What is stored of a secret."""
    return _sha256(_secret_text(secret))


def check_key(text: KeyText, key: Key | None, environment: Environment, now_us: int) -> Key:
    """The key, if the text is its own and it opens this deployment now.

    Raises KeyOfOtherEnvironment by what the text says, whether or not such a key exists. An unknown id costs as much as
    a wrong secret and is answered alike, by KeyInvalid. Only who holds the secret hears KeyRevoked or KeyExpired.
    """
    if text.environment is not environment:
        raise KeyOfOtherEnvironment(f"this deployment serves the environment {environment.value}")
    same = hmac.compare_digest(_sha256(text.secret), key.secret_sha256 if key else "0" * 64)
    if key is None or not same or key.environment is not environment:
        raise KeyInvalid("the API key is not valid")
    if key.revoked_us is not None:
        raise KeyRevoked("the API key was revoked")
    if not key.live(now_us):
        raise KeyExpired("the API key has expired")
    return key


def _secret_text(secret: bytes) -> str:
    """Base 32 without padding: no character of it separates the parts of a key."""
    return base64.b32encode(secret).decode().rstrip("=").lower()


def _sha256(secret_text: str) -> str:
    return hashlib.sha256(secret_text.encode()).hexdigest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
