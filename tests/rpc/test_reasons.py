"""Every reason for which a call can fail is declared once, documented, and seen on the wire as documented."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1.account_service_pb2 import RemoveMemberRequest, UpsertOrganizationRequest, UpsertUserRequest
from tollhouse.v1.admin_service_pb2 import (
    SCOPE_ADMIN,
    CreateClientRequest,
    CreateKeyRequest,
    DeleteEventEndpointRequest,
    GetTestClockRequest,
    RevokeKeyRequest,
)
from tollhouse.v1.credits_service_pb2 import (
    GRANT_CATEGORY_PAID,
    GetTopUpRequest,
    GrantCreditsRequest,
    ResumeAutoReloadRequest,
    VoidGrantRequest,
)
from tollhouse.v1.error_reason_pb2 import ErrorReason
from tollhouse.v1.reservation_service_pb2 import (
    OVER_COMMIT_REFUSE,
    CommitReservationRequest,
    GetReservationRequest,
    ReleaseReservationRequest,
    ReserveUsageRequest,
)
from tollhouse.v1.subscription_service_pb2 import (
    AssignPlanRequest,
    CancelPendingPlanChangeRequest,
    CancelSubscriptionRequest,
    ChangePlanRequest,
    RemoveOverrideRequest,
    SetOverrideRequest,
    StartCheckoutRequest,
    UnassignPlanRequest,
)
from tollhouse.v1.usage_service_pb2 import (
    GetOperationRequest,
    ListUsageEventsRequest,
    SetUsageRequest,
    VoidUsageRequest,
)

from tests.fakes.stripe.failures import Fault as StripeFault
from tests.support.callers import make_client, make_key, revoke
from tests.support.door import TIMEOUT_SECONDS, Door, Refusal, ServerMaker, at, refusal, until, usage
from tests.support.house import DAY_US, HUB, SECOND_US, START_US, CoreMaker
from tests.support.protoc import PROTOS
from tests.support.storefront import BACK, DONE, Storefront
from tollhoused import errors
from tollhoused.domain.keys import Environment, Scope, write_key
from tollhoused.errors import TollhouseError
from tollhoused.journal.journal import Limits
from tollhoused.rpc.guard import Deadlines
from tollhoused.rpc.status import code_of
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.usecases.core import Core
from tollhoused.usecases.keyring import Keyring
from tollhoused.usecases.registry import NewKey
from tollhoused.usecases.throttle import Throttle

PREFIX = "ERROR_REASON_"
ANNA = common.Subject(user_id="anna")
WITH_FAXES = """
[meters.faxes]
kind = "counter"
unit = "fax"
max_quantity = 10
on_unavailable = "deny"
"""


def _leaves(kind: type[TollhouseError] = TollhouseError) -> Iterator[type[TollhouseError]]:
    for below in kind.__subclasses__():
        yield from _leaves(below) if "reason" not in vars(below) else [below]


@dataclass(frozen=True)
class Documented:
    """What the comment above a reason says: its status, and the keys of its metadata."""

    code: str
    keys: set[str]


def _documented() -> dict[str, Documented]:
    text = (PROTOS / "tollhouse/v1/error_reason.proto").read_text(encoding="utf-8")
    found = {}
    for comment, name in re.findall(rf"((?: +//.*\n)+) +{PREFIX}(\w+) = [1-9]", text):
        words = " ".join(line.strip(" /") for line in comment.splitlines())
        about, _, metadata = words.partition("Metadata:")
        found[name] = Documented(about.partition(":")[0], set(re.findall(r"`(\w+)`", metadata)))
    return found


DOCUMENTED = _documented()


def test_every_reason_of_the_contract_has_its_error_and_every_error_its_reason() -> None:
    declared = {name.removeprefix(PREFIX) for name, number in ErrorReason.items() if number}
    leaves = [leaf.reason for leaf in _leaves()]

    assert sorted(leaves) == sorted(declared)
    assert {leaf for leaf in vars(errors).values() if isinstance(leaf, type) and "reason" in vars(leaf)} == set(
        _leaves()
    )


def test_every_error_has_the_status_that_the_contract_documents() -> None:
    assert set(DOCUMENTED) == {leaf.reason for leaf in _leaves()}
    for leaf in _leaves():
        error = leaf("field", "text") if leaf is errors.InvalidField else leaf("text")
        assert code_of(error).name == DOCUMENTED[leaf.reason].code, leaf


def _anna(door: Door) -> None:
    door.make_user("anna")


def _bad_quantity(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", 0))


def _nobody(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("nobody", "k"))


def _no_operation(door: Door) -> Refusal:
    return refusal(door.usage.GetOperation, GetOperationRequest(idempotency_key="k"))


def _no_subscription(door: Door) -> Refusal:
    request = UnassignPlanRequest(subject=ANNA, subscription_id="sub_1", idempotency_key="k")
    return refusal(door.subscriptions.UnassignPlan, request)


def _no_override(door: Door) -> Refusal:
    request = RemoveOverrideRequest(subject=ANNA, override_id="ovr_1", idempotency_key="k")
    return refusal(door.subscriptions.RemoveOverride, request)


def _no_member(door: Door) -> Refusal:
    organization = UpsertOrganizationRequest(org_id="acme", idempotency_key="acme")
    door.accounts.UpsertOrganization(organization, timeout=TIMEOUT_SECONDS)
    return refusal(door.usage.RecordUsage, usage("anna", "k", subject=common.Subject(user_id="anna", org_id="acme")))


def _no_membership(door: Door) -> Refusal:
    organization = UpsertOrganizationRequest(org_id="acme", idempotency_key="acme")
    door.accounts.UpsertOrganization(organization, timeout=TIMEOUT_SECONDS)
    return refusal(door.accounts.RemoveMember, RemoveMemberRequest(user_id="anna", org_id="acme", idempotency_key="k"))


def _reused_key(door: Door) -> Refusal:
    door.record(usage("anna", "reused", 1))
    return refusal(door.usage.RecordUsage, usage("anna", "reused", 2))


def _below_zero(door: Door) -> Refusal:
    request = SetUsageRequest(subject=ANNA, product="talk", meter="storage_mb", delta=-1, idempotency_key="k")
    return refusal(door.usage.SetUsage, request)


def _nothing_pending(door: Door) -> Refusal:
    assign = AssignPlanRequest(subject=ANNA, plan="pro", idempotency_key="nothing pending")
    made = door.subscriptions.AssignPlan(assign, timeout=TIMEOUT_SECONDS).subscription
    request = CancelPendingPlanChangeRequest(
        subject=ANNA, subscription_id=made.subscription_id, idempotency_key="nothing to cancel"
    )
    found = refusal(door.subscriptions.CancelPendingPlanChange, request)
    end = UnassignPlanRequest(subject=ANNA, subscription_id=made.subscription_id, idempotency_key="as before")
    door.subscriptions.UnassignPlan(end, timeout=TIMEOUT_SECONDS)
    return found


def _voided_twice(door: Door) -> Refusal:
    door.record(usage("anna", "undone"))
    door.usage.VoidUsage(VoidUsageRequest(voided_key="undone", idempotency_key="undo"), timeout=TIMEOUT_SECONDS)
    return refusal(door.usage.VoidUsage, VoidUsageRequest(voided_key="undone", idempotency_key="undo again"))


def _conflicting_subject(door: Door) -> Refusal:
    door.make_user("bert", "bert@example.test")
    request = UpsertUserRequest(user_id="anna", email="bert@example.test", idempotency_key="k")
    return refusal(door.accounts.UpsertUser, request)


def _poor(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", 99))


def _other_product(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", product="doc"))


def _meter_outside_the_plan(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", meter="faxes"))


def _too_old(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", event_time=at(START_US - 36 * DAY_US)))


def _too_early(door: Door) -> Refusal:
    return refusal(door.usage.RecordUsage, usage("anna", "k", event_time=at(START_US + 301 * SECOND_US)))


def _too_much(door: Door) -> Refusal:
    door.make_user("rich")
    requests = [
        GrantCreditsRequest(
            subject=common.Subject(user_id="rich"),
            amount_nanos=2**62,
            currency="usd",
            category=GRANT_CATEGORY_PAID,
            idempotency_key=f"rich-{number}",
        )
        for number in range(2)
    ]
    door.credits.GrantCredits(requests[0], timeout=TIMEOUT_SECONDS)
    return refusal(door.credits.GrantCredits, requests[1])


def _over_quota(door: Door) -> Refusal:
    override = SetOverrideRequest(
        subject=ANNA, meter="api_calls", policy=common.POLICY_HARD_LIMIT, idempotency_key="limit"
    )
    door.subscriptions.SetOverride(override, timeout=TIMEOUT_SECONDS)
    return refusal(door.usage.RecordUsage, usage("anna", "k", 1_001, meter="api_calls"))


def _client_request(client_id: str = "talk-backend") -> CreateClientRequest:
    return CreateClientRequest(client_id=client_id, idempotency_key=f"another {client_id}")


def _key_request(client_id: str, key: str) -> CreateKeyRequest:
    return CreateKeyRequest(client_id=client_id, scopes=[SCOPE_ADMIN], idempotency_key=key)


def _client_twice(door: Door) -> Refusal:
    door.admin.CreateClient(_client_request(), timeout=TIMEOUT_SECONDS)
    request = _client_request()
    request.idempotency_key = "k"
    return refusal(door.admin.CreateClient, request)


def _no_client(door: Door) -> Refusal:
    return refusal(door.admin.CreateKey, _key_request("nobody", "k"))


def _no_key(door: Door) -> Refusal:
    return refusal(door.admin.RevokeKey, RevokeKeyRequest(key_id="key_1", idempotency_key="k"))


def _no_endpoint(door: Door) -> Refusal:
    return refusal(
        door.admin.DeleteEventEndpoint, DeleteEventEndpointRequest(endpoint_id="endpoint_1", idempotency_key="k")
    )


def _third_key(door: Door) -> Refusal:
    door.admin.CreateClient(_client_request("keyed"), timeout=TIMEOUT_SECONDS)
    for number in range(2):
        door.admin.CreateKey(_key_request("keyed", f"key {number}"), timeout=TIMEOUT_SECONDS)
    return refusal(door.admin.CreateKey, _key_request("keyed", "k"))


def _no_reservation(door: Door) -> Refusal:
    return refusal(door.reservations.GetReservation, GetReservationRequest(reservation_id="rsv_1"))


def _no_grant(door: Door) -> Refusal:
    request = VoidGrantRequest(subject=ANNA, grant_id="grant_1", idempotency_key="k")
    return refusal(door.credits.VoidGrant, request)


def _reserved(door: Door, key: str) -> str:
    """A reservation of one call, which must not be exceeded."""
    request = ReserveUsageRequest(
        subject=ANNA,
        product="talk",
        meter="api_calls",
        quantity=1,
        over_commit=OVER_COMMIT_REFUSE,
        idempotency_key=key,
    )
    return door.reservations.ReserveUsage(request, timeout=TIMEOUT_SECONDS).reservation.reservation_id


def _ended(door: Door) -> Refusal:
    reservation_id = _reserved(door, "ended")
    done = ReleaseReservationRequest(reservation_id=reservation_id, idempotency_key="release")
    door.reservations.ReleaseReservation(done, timeout=TIMEOUT_SECONDS)
    request = CommitReservationRequest(reservation_id=reservation_id, quantity=1, idempotency_key="k")
    return refusal(door.reservations.CommitReservation, request)


def _exceeded(door: Door) -> Refusal:
    reservation_id = _reserved(door, "exceeded")
    request = CommitReservationRequest(reservation_id=reservation_id, quantity=2, idempotency_key="k")
    return refusal(door.reservations.CommitReservation, request)


BY_STATE: dict[str, Callable[[Door], Refusal]] = {
    "INVALID_FIELD": _bad_quantity,
    "SUBJECT_NOT_FOUND": _nobody,
    "OPERATION_NOT_FOUND": _no_operation,
    "SUBSCRIPTION_NOT_FOUND": _no_subscription,
    "OVERRIDE_NOT_FOUND": _no_override,
    "NOT_A_MEMBER": _no_member,
    "MEMBERSHIP_NOT_FOUND": _no_membership,
    "IDEMPOTENCY_KEY_REUSED": _reused_key,
    "SUBJECT_CONFLICT": _conflicting_subject,
    "INSUFFICIENT_CREDITS": _poor,
    "SUBSCRIPTION_REQUIRED": _other_product,
    "METER_NOT_IN_PLAN": _meter_outside_the_plan,
    "EVENT_TOO_OLD": _too_old,
    "EVENT_IN_FUTURE": _too_early,
    "AMOUNT_OUT_OF_RANGE": _too_much,
    "QUOTA_EXCEEDED": _over_quota,
    "CLIENT_EXISTS": _client_twice,
    "CLIENT_NOT_FOUND": _no_client,
    "KEY_NOT_FOUND": _no_key,
    "ENDPOINT_NOT_FOUND": _no_endpoint,
    "RESERVATION_NOT_FOUND": _no_reservation,
    "GRANT_NOT_FOUND": _no_grant,
    "RESERVATION_FINAL": _ended,
    "RESERVATION_EXCEEDED": _exceeded,
    "ALREADY_VOIDED": _voided_twice,
    "LEVEL_BELOW_ZERO": _below_zero,
    "NO_PENDING_PLAN_CHANGE": _nothing_pending,
    "TOO_MANY_KEYS": _third_key,
}


def test_what_the_state_forbids_is_refused_as_documented(core: Core, door: Door) -> None:
    core.shelf.apply(HUB + WITH_FAXES, START_US)
    _anna(door)
    for reason, provoke in BY_STATE.items():
        found = provoke(door)
        assert (found.reason, found.domain, found.code) == (reason, "tollhouse", DOCUMENTED[reason].code)
        assert set(found.metadata) <= DOCUMENTED[reason].keys, reason
        assert found.metadata or not DOCUMENTED[reason].keys, reason
        assert (bool(found.violations), bool(found.quotas)) == (reason == "INVALID_FIELD", reason == "QUOTA_EXCEEDED")
        assert found.retry_seconds is None


def test_a_refusal_tells_programs_what_they_need(sqlite_door: Door) -> None:
    _anna(sqlite_door)

    assert _poor(sqlite_door).metadata == {
        "balance_nanos": "0",
        "required_nanos": "3560000000",
        "missing_nanos": "3560000000",
        "currency": "usd",
    }
    assert _over_quota(sqlite_door).metadata == {
        "meter": "api_calls",
        "limit": "1000",
        "used": "0",
        "held": "0",
        "requested": "1001",
        "reset_time": "2027-02-15T08:00:00Z",
    }
    bad = _bad_quantity(sqlite_door)
    assert bad.violations == {"quantity": "must be from 1 to 100000 for voice_minutes"}
    assert bad.metadata == {"field": "quantity"}


@dataclass
class Stage:
    """What a failure is provoked on: a Core on SQLite, and a way to open a door over it."""

    url: str
    make_core: CoreMaker
    serve: ServerMaker
    monkeypatch: pytest.MonkeyPatch

    def open(self, *, limits: Limits | None = None, deadlines: Deadlines | None = None) -> tuple[Core, Door]:
        """A Core, and its door, with a customer."""
        core = self.make_core(self.url, limits=limits)
        _, door = self.serve(core, deadlines=deadlines)
        _anna(door)
        return core, door

    @contextmanager
    def stalled(self, core: Core) -> Iterator[threading.Event]:
        """The journal's next transaction begins only after this; the event says that one wants to."""
        wanted, allowed, batch = threading.Event(), threading.Event(), core.store.batch

        def stall() -> Any:
            wanted.set()
            allowed.wait(TIMEOUT_SECONDS)
            return batch()

        self.monkeypatch.setattr(core.store, "batch", stall)
        try:
            yield wanted
        finally:
            allowed.set()


@pytest.fixture
def stage(sqlite_url: str, make_core: CoreMaker, serve: ServerMaker, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(sqlite_url, make_core, serve, monkeypatch)


def _undecodable(stage: Stage) -> Refusal:
    _, door = stage.open()
    return refusal(door.raw("/tollhouse.v1.UsageService/RecordUsage"), b"\xff")


def _overloaded(stage: Stage) -> Refusal:
    core, door = stage.open(limits=Limits(queue_max=1, batch_max=1))
    with stage.stalled(core) as wanted:
        first = door.usage.RecordUsage.future(usage("anna", "written"), timeout=TIMEOUT_SECONDS)
        assert wanted.wait(TIMEOUT_SECONDS)
        others = [
            door.usage.RecordUsage.future(usage("anna", f"other-{number}"), timeout=TIMEOUT_SECONDS)
            for number in range(2)
        ]
        until(lambda: any(other.done() for other in others), "one of two is refused")
        (refused,) = [other for other in others if other.done()]
        found = refusal(lambda *_, **__: refused.result(), b"")
    assert first.result().new_usage == 1
    return found


def _too_fast(stage: Stage) -> Refusal:
    core = stage.make_core(stage.url)
    _, door = stage.serve(core, throttle=Throttle(1))
    for number in range(1_000):
        refusal(door.usage.GetOperation, GetOperationRequest(idempotency_key=f"k{number}"))
    return refusal(door.usage.GetOperation, GetOperationRequest(idempotency_key="k"))


def _away(stage: Stage) -> Refusal:
    core, door = stage.open()
    stage.monkeypatch.setattr(core.store, "batch", lambda: _raise(StoreFault(Fault.AWAY, "gone")))
    return refusal(door.usage.RecordUsage, usage("anna", "k"))


def _closing(stage: Stage) -> Refusal:
    core, door = stage.open()
    core.journal.close()
    return refusal(door.usage.RecordUsage, usage("anna", "k"))


def _contended(stage: Stage) -> Refusal:
    core, door = stage.open()
    stage.monkeypatch.setattr(core.store, "batch", lambda: _raise(StoreFault(Fault.COLLISION, "again")))
    return refusal(door.usage.RecordUsage, usage("anna", "k"))


def _late(stage: Stage) -> Refusal:
    core, door = stage.open(deadlines=Deadlines(default_seconds=0.2))
    with stage.stalled(core):
        return refusal(door.usage.RecordUsage, usage("anna", "k"), timeout=None)


def _live(stage: Stage) -> Refusal:
    core, door = stage.open()
    core.environment = Environment.LIVE
    return refusal(door.admin.GetTestClock, GetTestClockRequest())


def _defect(stage: Stage) -> Refusal:
    core, door = stage.open()
    stage.monkeypatch.setattr(core.store, "directory", lambda _: _raise(RuntimeError("a secret")))
    return refusal(door.usage.RecordUsage, usage("nobody", "k"))


def _raise(error: Exception) -> NoReturn:
    raise error


BY_FAILURE: dict[str, Callable[[Stage], Refusal]] = {
    "UNDECODABLE_REQUEST": _undecodable,
    "RATE_LIMITED": _too_fast,
    "OVERLOADED": _overloaded,
    "STORE_UNAVAILABLE": _away,
    "SHUTTING_DOWN": _closing,
    "CONTENTION": _contended,
    "DEADLINE_EXCEEDED": _late,
    "INTERNAL": _defect,
    "TEST_CLOCK_DISABLED": _live,
}


@pytest.mark.parametrize("reason", BY_FAILURE)
def test_what_goes_wrong_is_answered_as_documented(stage: Stage, reason: str) -> None:
    found = BY_FAILURE[reason](stage)

    assert (found.reason, found.domain, found.code) == (reason, "tollhouse", DOCUMENTED[reason].code)
    assert set(found.metadata) == DOCUMENTED[reason].keys
    assert (found.retry_seconds is not None) == (found.code == "UNAVAILABLE" or reason == "RATE_LIMITED")


def _nothing_bought(shop: Storefront) -> Refusal:
    return refusal(shop.door.subscriptions.CancelSubscription, CancelSubscriptionRequest(subject=ANNA, **KEY))


def _no_price(shop: Storefront) -> Refusal:
    return refusal(shop.door.subscriptions.StartCheckout, _checkout("enterprise"))


def _bought_twice(shop: Storefront) -> Refusal:
    shop.buy("anna")
    return refusal(shop.door.subscriptions.StartCheckout, _checkout("team"))


def _not_theirs(shop: Storefront) -> Refusal:
    shop.buy("anna")
    shop.fake.failures.add(StripeFault.DECLINED, method="POST", path="/v1/subscriptions")
    request = ChangePlanRequest(subject=ANNA, plan="team", **KEY)
    return refusal(shop.door.subscriptions.ChangePlan, request)


def _hung_up(shop: Storefront) -> Refusal:
    shop.fake.failures.add(StripeFault.LOST_BEFORE, method="POST", path="/v1/customers")
    return refusal(shop.door.subscriptions.StartCheckout, _checkout("pro"))


def _no_order(shop: Storefront) -> Refusal:
    return refusal(shop.door.credits.GetTopUp, GetTopUpRequest(order_id="int_1"))


def _never_set(shop: Storefront) -> Refusal:
    return refusal(shop.door.credits.ResumeAutoReload, ResumeAutoReloadRequest(subject=ANNA, **KEY))


def _no_desk(shop: Storefront) -> Refusal:
    shop.core.desk = None
    return refusal(shop.door.subscriptions.StartCheckout, _checkout("pro"))


def _checkout(plan: str) -> StartCheckoutRequest:
    return StartCheckoutRequest(subject=ANNA, plan=plan, success_url=DONE, cancel_url=BACK, **KEY)


KEY: dict[str, Any] = {"idempotency_key": "k"}
BY_SHOP: dict[str, Callable[[Storefront], Refusal]] = {
    "NO_SUBSCRIPTION": _nothing_bought,
    "NOT_SOLD": _no_price,
    "ALREADY_SUBSCRIBED": _bought_twice,
    "PROVIDER_REFUSED": _not_theirs,
    "PROVIDER_UNAVAILABLE": _hung_up,
    "ORDER_NOT_FOUND": _no_order,
    "AUTO_RELOAD_NOT_SET": _never_set,
    "NO_PROVIDER": _no_desk,
}


@pytest.mark.parametrize("reason", BY_SHOP)
def test_what_cannot_be_bought_is_told_as_documented(storefront: Storefront, reason: str) -> None:
    storefront.door.make_user("anna")

    found = BY_SHOP[reason](storefront)

    assert (found.reason, found.domain, found.code) == (reason, "tollhouse", DOCUMENTED[reason].code)
    assert set(found.metadata) == DOCUMENTED[reason].keys
    assert (found.retry_seconds is not None) == (found.code == "UNAVAILABLE")


@dataclass
class Gate:
    """A door that asks for keys; `text` makes one whose owner may read what concerns the product talk."""

    core: Core
    door: Door
    keyring: Keyring

    def made(self, **more: Any) -> NewKey:
        return make_key(self.core, "talk-backend", [Scope.ENTITLEMENTS_READ], ["talk"], **more)

    def text(self, **more: Any) -> str:
        return self.made(**more).text

    def refusal(self, text: str, product: str = "talk") -> Refusal:
        self.keyring.refresh()
        metadata = [("x-api-key", text)] if text else []
        request = ListUsageEventsRequest(subject=ANNA, product=product)
        return refusal(self.door.usage.ListUsageEvents, request, metadata=metadata)


def _revoked_key(gate: Gate) -> Refusal:
    made = gate.made()
    revoke(gate.core, made.answer.key_id)
    return gate.refusal(made.text)


def _missing_scope(gate: Gate) -> Refusal:
    text = gate.text()
    gate.keyring.refresh()
    return refusal(gate.door.usage.RecordUsage, usage("anna", "k"), metadata=[("x-api-key", text)])


def _newcomer(gate: Gate) -> Refusal:
    text = make_key(gate.core, "talk-backend", [Scope.USAGE_WRITE]).text
    gate.keyring.refresh()
    request = usage("nobody", "k", create_if_missing=True)
    return refusal(gate.door.usage.RecordUsage, request, metadata=[("x-api-key", text)])


BY_KEY: dict[str, Callable[[Gate], Refusal]] = {
    "KEY_MISSING": lambda gate: gate.refusal(""),
    "KEY_INVALID": lambda gate: gate.refusal("garbage"),
    "KEY_EXPIRED": lambda gate: gate.refusal(gate.text(expires_us=START_US + 1)),
    "KEY_REVOKED": _revoked_key,
    "KEY_OF_OTHER_ENVIRONMENT": lambda gate: gate.refusal(write_key(Environment.LIVE, "key_1", b"secret")),
    "SCOPE_MISSING": _missing_scope,
    "CREATION_NOT_ALLOWED": _newcomer,
    "PRODUCT_NOT_ALLOWED": lambda gate: gate.refusal(gate.text(), product="send"),
}


@pytest.mark.parametrize("reason", BY_KEY)
def test_who_may_not_call_is_told_as_documented(
    sqlite_url: str, make_core: CoreMaker, serve: ServerMaker, reason: str
) -> None:
    core = make_core(sqlite_url)
    make_client(core, "talk-backend")
    keyring = Keyring(core.store, Environment.TEST, lambda: START_US + 1, stale_seconds=3_600)
    _, door = serve(core, keyring=keyring)

    found = BY_KEY[reason](Gate(core, door, keyring))

    assert (found.reason, found.domain, found.code) == (reason, "tollhouse", DOCUMENTED[reason].code)
    assert set(found.metadata) == DOCUMENTED[reason].keys
    assert found.retry_seconds is None


def test_every_reason_is_seen_here() -> None:
    assert BY_STATE.keys() | BY_FAILURE.keys() | BY_SHOP.keys() | BY_KEY.keys() == DOCUMENTED.keys()
