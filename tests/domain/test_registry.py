"""Clients and keys within one batch: who is made, what is rotated, what is revoked, and never more than two live."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.domain.builders import START_US
from tollhoused.domain.answers import ClientAnswer, KeyAnswer, TickAnswer
from tollhoused.domain.keys import Environment, Key, Scope
from tollhoused.domain.registry import LIVE_KEYS_MAX, Registry
from tollhoused.domain.registry_commands import CreateClient, CreateKey, RevokeKey, RotateKey, TouchKeys
from tollhoused.domain.sent import first_difference, sent_json
from tollhoused.errors import ClientExists, ClientNotFound, InvalidField, KeyNotFound, TooManyKeys

DAY_US = 86_400_000_000


@dataclass
class Office:
    """A registry and its clock."""

    registry: Registry
    now_us: int = START_US

    def client(self, owner: str = "talk", name: str = "Talk") -> ClientAnswer:
        answer = self.registry.carry_out(_create_client(owner, name), self.now_us)
        assert isinstance(answer, ClientAnswer)
        return answer

    def key(self, key_id: str, owner: str = "talk", **more: Any) -> KeyAnswer:
        return self._key(_create_key(key_id, owner, **more))

    def rotate(self, key_id: str, new_key_id: str, overlap_us: int = DAY_US) -> KeyAnswer:
        return self._key(_rotate(key_id, new_key_id, overlap_us))

    def revoke(self, key_id: str) -> KeyAnswer:
        return self._key(RevokeKey(client="cli", idempotency_key="k", key_id=key_id))

    def touch(self, **used_us: int) -> None:
        command = TouchKeys(client="", idempotency_key="", used_us=used_us)
        assert self.registry.carry_out(command, self.now_us) == TickAnswer("")

    def live(self) -> set[str]:
        return {key.id for key in self.registry.keys.values() if key.live(self.now_us)}

    def __getitem__(self, key_id: str) -> Key:
        return self.registry.keys[key_id]

    def _key(self, command: CreateKey | RotateKey | RevokeKey) -> KeyAnswer:
        answer = self.registry.carry_out(command, self.now_us)
        assert isinstance(answer, KeyAnswer)
        return answer


def _create_client(owner: str, name: str) -> CreateClient:
    return CreateClient(client="cli", idempotency_key="k", owner=owner, name=name)


def _create_key(key_id: str, owner: str = "talk", **more: Any) -> CreateKey:
    rights: dict[str, Any] = {
        "scopes": frozenset({Scope.USAGE_WRITE, Scope.ENTITLEMENTS_READ}),
        "products": frozenset({"talk", "doc"}),
        "environment": Environment.TEST,
        "may_create": False,
        "expires_us": None,
    }
    return CreateKey(
        client="cli", idempotency_key="k", owner=owner, key_id=key_id, secret_sha256=f"of {key_id}", **rights | more
    )


def _rotate(key_id: str, new_key_id: str, overlap_us: int) -> RotateKey:
    return RotateKey(
        client="cli",
        idempotency_key="k",
        key_id=key_id,
        new_key_id=new_key_id,
        secret_sha256=f"of {new_key_id}",
        overlap_us=overlap_us,
    )


@pytest.fixture
def office() -> Office:
    office = Office(Registry())
    office.client()
    return office


def test_a_client_is_made_once(office: Office) -> None:
    with pytest.raises(ClientExists) as refused:
        office.client(name="Another")

    assert refused.value.metadata == {"client_id": "talk"}
    assert [client.name for client in office.registry.new_clients] == ["Talk"]


def test_a_key_says_everything_but_its_secret(office: Office) -> None:
    answer = office.key("a", may_create=True, expires_us=START_US + 1)

    assert answer == KeyAnswer(
        key_id="a",
        client_id="talk",
        scopes=("entitlements.read", "usage.write"),
        products=("doc", "talk"),
        environment="test",
        may_create=True,
        created_us=START_US,
        expires_us=START_US + 1,
        revoked_us=None,
    )
    assert office["a"].secret_sha256 == "of a"


def test_a_key_needs_its_client_and_a_future(office: Office) -> None:
    with pytest.raises(ClientNotFound):
        office.key("a", owner="nobody")
    with pytest.raises(InvalidField, match="expire_time: must be later than now"):
        office.key("a", expires_us=START_US)
    assert not office.registry.changed_keys


def test_two_keys_live_at_once_and_a_third_waits_until_one_has_ended(office: Office) -> None:
    office.client("send")
    office.key("a", expires_us=START_US + 10)
    office.key("b")
    office.key("elsewhere", owner="send")

    with pytest.raises(TooManyKeys) as refused:
        office.key("c")
    assert refused.value.metadata == {"client_id": "talk"}
    with pytest.raises(TooManyKeys):
        office.rotate("a", "c")
    assert len(office.live()) == LIVE_KEYS_MAX + 1

    office.now_us += 10
    office.key("c")
    office.revoke("b")
    office.key("d")

    assert office.live() == {"c", "d", "elsewhere"}


def test_a_rotation_keeps_the_rights_and_ends_the_old_key_after_the_overlap(office: Office) -> None:
    office.key("a", may_create=True)
    office.touch(a=START_US)
    office.now_us += 5

    answer = office.rotate("a", "b")

    assert (answer.key_id, answer.expires_us, answer.created_us) == ("b", None, START_US + 5)
    old, new = office["a"], office["b"]
    assert (old.scopes, old.products, old.may_create) == (new.scopes, new.products, new.may_create)
    assert (old.secret_sha256, new.secret_sha256) == ("of a", "of b")
    assert new.last_used_us is None
    assert old.ends_us == START_US + 5 + DAY_US
    office.now_us = START_US + 5 + DAY_US
    assert office.live() == {"b"}


def test_a_rotation_without_overlap_ends_the_old_key_at_once_also_beside_another(office: Office) -> None:
    office.key("a")
    office.key("other")

    office.rotate("a", "b", overlap_us=0)

    assert office.live() == {"other", "b"}


def test_the_end_that_an_owner_chose_outlives_rotations(office: Office) -> None:
    end_us = START_US + 90 * DAY_US
    office.key("a", expires_us=end_us)

    assert office.rotate("a", "b", overlap_us=100 * DAY_US).expires_us == end_us
    assert office["a"].ends_us == end_us


def test_who_lost_the_new_key_may_rotate_the_old_one_again_and_gets_a_lasting_key(office: Office) -> None:
    office.key("a")
    office.rotate("a", "lost", overlap_us=DAY_US)
    office.revoke("lost")
    office.now_us += 1

    answer = office.rotate("a", "b", overlap_us=3 * DAY_US)

    assert answer.expires_us is None
    assert office["a"].ends_us == START_US + DAY_US


@pytest.mark.parametrize("ended", ["never made", "revoked", "expired"])
def test_only_a_live_key_is_rotated(office: Office, ended: str) -> None:
    if ended != "never made":
        office.key("a", expires_us=START_US + 1)
    if ended == "revoked":
        office.revoke("a")
    office.now_us += 1

    with pytest.raises(KeyNotFound) as refused:
        office.rotate("a", "b")
    assert refused.value.metadata == {"key_id": "a"}


def test_a_key_is_revoked_once_and_for_all(office: Office) -> None:
    office.key("a")
    first = office.revoke("a")
    office.now_us += 10

    assert first.revoked_us == START_US
    assert office.revoke("a") == first
    with pytest.raises(KeyNotFound):
        office.revoke("b")


def test_a_use_that_is_noted_late_revives_nothing_and_sets_nothing_back(office: Office) -> None:
    office.key("a")
    office.touch(a=START_US + 5)
    office.revoke("a")

    office.touch(a=START_US + 9, gone=START_US + 9)
    office.touch(a=START_US + 7)

    assert (office["a"].last_used_us, office["a"].revoked_us) == (START_US + 9, START_US)
    assert "gone" not in office.registry.keys


def test_what_is_stored_of_a_request_names_the_fields_that_the_caller_sent() -> None:
    sent = sent_json(_create_key("a"))

    assert first_difference(sent, sent_json(_create_key("b"))) is None
    others: dict[str, Any] = {
        "scopes": frozenset({Scope.ADMIN}),
        "products": frozenset({"send"}),
        "may_create": True,
        "expires_us": 1,
    }
    for field, value in others.items():
        named = {"expires_us": "expire_time"}.get(field, field)
        assert first_difference(sent, sent_json(_create_key("a", **{field: value}))) == named
    assert first_difference(sent, sent_json(_create_key("a", "send"))) == "client_id"
    assert first_difference(sent_json(_rotate("a", "b", 1)), sent_json(_rotate("a", "c", 2))) == "overlap"
    assert first_difference(sent_json(_rotate("a", "b", 1)), sent_json(_rotate("b", "c", 1))) == "key_id"
    client = sent_json(_create_client("talk", "Talk"))
    assert first_difference(client, sent_json(_create_client("talk", "Send"))) == "name"
    assert "of a" not in sent
