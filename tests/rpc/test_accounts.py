"""Accounts and who they are found by, through the door."""

from typing import Any

from tollhouse.v1 import account_service_pb2 as pb
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tests.support.door import TIMEOUT_SECONDS, Door, at, micros, refusal, usage
from tests.support.house import DAY_US, START_US, Clock


def _user(door: Door, key: str, **fields: Any) -> pb.UpsertUserResponse:
    request = pb.UpsertUserRequest(idempotency_key=key, **fields)
    return door.accounts.UpsertUser(request, timeout=TIMEOUT_SECONDS)


def _organization(door: Door, key: str, **fields: Any) -> pb.UpsertOrganizationResponse:
    request = pb.UpsertOrganizationRequest(idempotency_key=key, **fields)
    return door.accounts.UpsertOrganization(request, timeout=TIMEOUT_SECONDS)


def _account(door: Door, **subject: str) -> pb.GetAccountResponse:
    request = pb.GetAccountRequest(subject=common.Subject(**subject))
    return door.accounts.GetAccount(request, timeout=TIMEOUT_SECONDS)


def test_a_user_gets_an_account_of_their_own(door: Door) -> None:
    made = _user(door, "1", user_id="anna", email=" Anna@Example.test", zone="Europe/Berlin")

    assert made.created
    assert (made.account.kind, made.account.currency) == (pb.ACCOUNT_KIND_PERSONAL, "usd")
    assert (made.account.zone, micros(made.account.anchor_time)) == ("Europe/Berlin", START_US)
    assert made.identity == pb.Identity(user_id="anna", email="anna@example.test")


def test_an_organization_gets_an_account_of_its_own(door: Door) -> None:
    made = _organization(door, "1", org_id="acme")
    found = _organization(door, "2", org_id="acme", zone="Europe/Berlin")

    assert (made.created, found.created) == (True, False)
    assert made.account == found.account
    assert (made.account.kind, made.account.zone) == (pb.ACCOUNT_KIND_ORGANIZATION, "UTC")
    assert _account(door, org_id="acme").matched_by == common.MATCHED_BY_ORG_ID


def test_a_person_who_is_known_by_email_is_completed(door: Door) -> None:
    made = _user(door, "1", email="anna@example.test")
    completed = _user(door, "2", user_id="anna", email="anna@example.test")

    assert (completed.created, completed.account) == (False, made.account)
    assert list(_account(door, user_id="anna").identities) == [pb.Identity(user_id="anna", email="anna@example.test")]


def test_a_repeated_upsert_gets_its_first_answer(door: Door) -> None:
    first = _user(door, "1", user_id="anna")
    _user(door, "2", user_id="anna", email="anna@example.test")

    again = _user(door, "1", user_id="anna")

    assert again.replayed
    assert (again.created, again.identity) == (True, first.identity)
    other = refusal(door.accounts.UpsertUser, pb.UpsertUserRequest(user_id="bert", idempotency_key="1"))
    assert (other.code, other.metadata) == ("ALREADY_EXISTS", {"field": "user_id"})


def test_an_upsert_that_is_only_validated_makes_nobody(door: Door) -> None:
    assert _user(door, "1", user_id="anna", validate_only=True).created
    assert _organization(door, "2", org_id="acme", validate_only=True).created

    for subject in (common.Subject(user_id="anna"), common.Subject(org_id="acme")):
        assert refusal(door.accounts.GetAccount, pb.GetAccountRequest(subject=subject)).reason == "SUBJECT_NOT_FOUND"


def test_a_user_who_is_badly_described_is_refused_naming_the_field(sqlite_door: Door) -> None:
    bad: list[tuple[str, dict[str, Any]]] = [
        ("user_id", {}),
        ("user_id", {"user_id": "x" * 256}),
        ("user_id", {"user_id": "a\0b"}),
        ("email", {"email": "not an address"}),
        ("email", {"email": f"{'x' * 320}@example.test"}),
        ("zone", {"user_id": "anna", "zone": "Mars/Olympus"}),
        ("zone", {"user_id": "anna", "zone": "../../etc/passwd"}),
        ("idempotency_key", {"user_id": "anna", "idempotency_key": ""}),
    ]
    for named, fields in bad:
        request = pb.UpsertUserRequest(**{"idempotency_key": "1", **fields})
        found = refusal(sqlite_door.accounts.UpsertUser, request)
        assert (found.code, found.reason, list(found.violations)) == ("INVALID_ARGUMENT", "INVALID_FIELD", [named])


def test_an_account_shows_its_subscriptions_newest_first_and_the_overrides_that_count(door: Door, clock: Clock) -> None:
    door.make_user("anna")
    anna = common.Subject(user_id="anna")
    made = []
    for number, plan in enumerate(["pro", "team", "early_adopter"]):
        clock.now_us += DAY_US
        request = subscription_pb.AssignPlanRequest(subject=anna, plan=plan, idempotency_key=f"plan-{number}")
        made.append(door.subscriptions.AssignPlan(request, timeout=TIMEOUT_SECONDS).subscription)
    ended = subscription_pb.UnassignPlanRequest(
        subject=anna, subscription_id=made[0].subscription_id, idempotency_key="end"
    )
    door.subscriptions.UnassignPlan(ended, timeout=TIMEOUT_SECONDS)
    removed = _override(door, "removed", start_time=at(clock.now_us + 9 * DAY_US))
    coming = _override(door, "coming", start_time=at(clock.now_us + 5 * DAY_US))
    current = _override(door, "current")
    gone = subscription_pb.RemoveOverrideRequest(subject=anna, override_id=removed, idempotency_key="gone")
    door.subscriptions.RemoveOverride(gone, timeout=TIMEOUT_SECONDS)

    found = _account(door, user_id="anna")

    assert [(item.plan, item.counts) for item in found.subscriptions] == [
        ("early_adopter", False),
        ("team", True),
        ("pro", False),
    ]
    assert micros(found.subscriptions[2].end_time) == clock.now_us
    assert [item.override_id for item in found.overrides] == [current, coming]
    assert found.account.account_id


def _override(door: Door, key: str, **more: Any) -> str:
    request = subscription_pb.SetOverrideRequest(
        subject=common.Subject(user_id="anna"),
        meter="voice_minutes",
        included=5,
        idempotency_key=key,
        **more,
    )
    return door.subscriptions.SetOverride(request, timeout=TIMEOUT_SECONDS).override.override_id


def _join(door: Door, key: str, **fields: Any) -> pb.AddMemberResponse:
    return door.accounts.AddMember(pb.AddMemberRequest(idempotency_key=key, **fields), timeout=TIMEOUT_SECONDS)


def _members(door: Door, org_id: str, **page: Any) -> pb.ListMembersResponse:
    return door.accounts.ListMembers(pb.ListMembersRequest(org_id=org_id, **page), timeout=TIMEOUT_SECONDS)


def test_a_member_counts_on_the_organization(door: Door) -> None:
    own = _user(door, "1", user_id="anna", email="anna@example.test").account
    acme = _organization(door, "2", org_id="acme").account
    joined = _join(door, "3", email="Anna@example.test", org_id="acme", is_primary=True)

    membership = pb.Membership(account_id=acme.account_id, org_id="acme", is_primary=True)
    assert (joined.membership, joined.matched_by) == (membership, common.MATCHED_BY_EMAIL)
    alone, selected = _account(door, user_id="anna"), _account(door, user_id="anna", org_id="acme")
    assert alone.account == selected.account == acme
    assert alone.matched_by == selected.matched_by == common.MATCHED_BY_USER_ID
    assert (list(alone.memberships), list(alone.identities)) == ([], [pb.Identity(org_id="acme")])
    assert door.record(usage("anna", "k")).account_id == acme.account_id

    left = door.accounts.RemoveMember(
        pb.RemoveMemberRequest(user_id="anna", org_id="acme", idempotency_key="4"), timeout=TIMEOUT_SECONDS
    )
    assert left.membership == membership
    assert _account(door, user_id="anna").account == own
    gone = refusal(
        door.accounts.GetAccount, pb.GetAccountRequest(subject=common.Subject(user_id="anna", org_id="acme"))
    )
    assert (gone.code, gone.reason) == ("PERMISSION_DENIED", "NOT_A_MEMBER")


def test_an_account_shows_what_its_person_is_a_member_of(door: Door) -> None:
    _user(door, "user", user_id="anna")
    for org_id in ("acme", "bolt"):
        _organization(door, org_id, org_id=org_id)
        _join(door, f"join {org_id}", user_id="anna", org_id=org_id)

    found = _account(door, user_id="anna").memberships

    assert [(item.org_id, item.is_primary) for item in found] == [("acme", False), ("bolt", False)]


def test_members_are_listed_page_by_page(door: Door) -> None:
    acme = _organization(door, "acme", org_id="acme").account
    for number in range(5):
        _user(door, f"user {number}", user_id=f"user-{number}")
        _join(door, f"join {number}", user_id=f"user-{number}", org_id="acme", is_primary=number == 2)

    pages = [_members(door, "acme", page_size=2)]
    while pages[-1].next_page_token:
        pages.append(_members(door, "acme", page_size=2, page_token=pages[-1].next_page_token))

    assert {page.account_id for page in pages} == {acme.account_id}
    found = [(member.identity.user_id, member.is_primary) for page in pages for member in page.members]
    assert found == [(f"user-{number}", number == 2) for number in range(5)]
    assert len(pages) == 3
    unknown = refusal(door.accounts.ListMembers, pb.ListMembersRequest(org_id="bolt"))
    assert unknown.reason == "SUBJECT_NOT_FOUND"
    bad = refusal(door.accounts.ListMembers, pb.ListMembersRequest(org_id="acme", page_token="x"))
    assert list(bad.violations) == ["page_token"]


def test_a_membership_that_is_only_validated_changes_nothing(door: Door) -> None:
    _user(door, "user", user_id="anna")
    _organization(door, "acme", org_id="acme")

    assert _join(door, "k", user_id="anna", org_id="acme", is_primary=True, validate_only=True).membership.is_primary
    assert _members(door, "acme").members == []


def test_operations_of_accounts_can_be_looked_up(door: Door) -> None:
    user = _user(door, "user", user_id="anna")
    organization = _organization(door, "organization", org_id="acme")
    joined = _join(door, "join", user_id="anna", org_id="acme")

    found = [
        door.usage.GetOperation(usage_pb.GetOperationRequest(idempotency_key=key), timeout=TIMEOUT_SECONDS).operation
        for key in ("user", "organization", "join")
    ]

    answers = (found[0].upsert_user, found[1].upsert_organization, found[2].add_member)
    assert answers == (user, organization, joined)
    assert [operation.kind for operation in found] == [
        usage_pb.OPERATION_KIND_UPSERT_USER,
        usage_pb.OPERATION_KIND_UPSERT_ORGANIZATION,
        usage_pb.OPERATION_KIND_ADD_MEMBER,
    ]
