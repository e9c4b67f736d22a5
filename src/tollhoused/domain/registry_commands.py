"""Commands on clients and their keys, which belong to no account."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from tollhoused.domain.commands import NOBODY, Command
from tollhoused.domain.identity import MatchedBy, Subject
from tollhoused.domain.keys import Environment, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryCommand(Command):
    """What clients and keys share: they belong to no account. `owner` is the client that the command is about."""

    subject: Subject = NOBODY
    account_id: str = ""
    matched_by: MatchedBy = MatchedBy.USER_ID

    def named(self) -> dict[str, object]:
        return {}

    @abstractmethod
    def names(self) -> list[str]:
        """The ids of the clients and keys that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateClient(RegistryCommand):
    """Makes a client under an id of the operator's choice."""

    kind = "create_client"
    owner: str
    name: str

    def names(self) -> list[str]:
        return [self.owner]

    def content(self) -> dict[str, object]:
        return {"client_id": self.owner, "name": self.name}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateKey(RegistryCommand):
    """Makes a key; of its secret only the hash is known here. No products: any product."""

    kind = "create_key"
    owner: str
    key_id: str
    secret_sha256: str
    scopes: frozenset[Scope]
    products: frozenset[str]
    environment: Environment
    may_create: bool
    expires_us: int | None

    def names(self) -> list[str]:
        return [self.owner]

    def content(self) -> dict[str, object]:
        return {
            "client_id": self.owner,
            "scopes": sorted(self.scopes),
            "products": sorted(self.products),
            "may_create": self.may_create,
            "expire_time": self.expires_us,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateKey(RegistryCommand):
    """Makes a second key with the same rights and ends the old one after `overlap_us`."""

    kind = "rotate_key"
    key_id: str
    new_key_id: str
    secret_sha256: str
    overlap_us: int

    def names(self) -> list[str]:
        return [self.key_id]

    def content(self) -> dict[str, object]:
        return {"key_id": self.key_id, "overlap": self.overlap_us}


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeKey(RegistryCommand):
    """Ends a key at once."""

    kind = "revoke_key"
    key_id: str

    def names(self) -> list[str]:
        return [self.key_id]

    def content(self) -> dict[str, object]:
        return {"key_id": self.key_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchKeys(RegistryCommand):
    """Notes when keys were used last (id -> instant). It is no operation and is stored nowhere."""

    kind = "touch_keys"
    audited = False
    used_us: Mapping[str, int]

    def names(self) -> list[str]:
        return list(self.used_us)

    def content(self) -> dict[str, object]:
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceTestClock(RegistryCommand):
    """Moves the test clock forward, to an instant or by a span; one of the two is None.

    `seen_offset_us` is how far the clock of this process is ahead of the wall clock: of use only while it is the
    stored one.
    """

    kind = "advance_test_clock"
    to_us: int | None
    by_us: int | None
    seen_offset_us: int

    def names(self) -> list[str]:
        return []

    def content(self) -> dict[str, object]:
        return {"to_time": self.to_us, "by": self.by_us}
