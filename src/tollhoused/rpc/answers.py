"""From the answers that are stored beside operations to the responses of the contract, one function per mutation.

The functions are named like the kinds of commands and the fields of `Operation.answer`.
"""

from collections.abc import Callable, Mapping

from google.protobuf.message import Message
from tollhouse.v1 import account_service_pb2 as account_pb
from tollhouse.v1 import admin_service_pb2 as admin_pb
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import subscription_service_pb2 as subscription_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tollhoused.domain.account import AccountKind
from tollhoused.domain.answers import (
    AccountAnswer,
    Answer,
    ClientAnswer,
    CreditsAnswer,
    EndpointAnswer,
    ErasureAnswer,
    KeyAnswer,
    MemberAnswer,
    OverrideAnswer,
    SubscriptionAnswer,
    UsageAnswer,
)
from tollhoused.domain.keys import Environment, Key, Scope
from tollhoused.domain.rates import rate_from_json
from tollhoused.domain.registry import key_answer
from tollhoused.rpc import encode
from tollhoused.rpc.encode import MATCHED_BY, REASONS
from tollhoused.rpc.reservation_answers import (
    commit_reservation,
    extend_reservation,
    release_reservation,
    reserve_usage,
)

ACCOUNT_KINDS: Mapping[str, account_pb.AccountKind] = {
    AccountKind.PERSONAL.value: account_pb.ACCOUNT_KIND_PERSONAL,
    AccountKind.ORGANIZATION.value: account_pb.ACCOUNT_KIND_ORGANIZATION,
}

SCOPES: Mapping[str, admin_pb.Scope] = {
    Scope.ENTITLEMENTS_READ.value: admin_pb.SCOPE_ENTITLEMENTS_READ,
    Scope.USAGE_WRITE.value: admin_pb.SCOPE_USAGE_WRITE,
    Scope.CREDITS_WRITE.value: admin_pb.SCOPE_CREDITS_WRITE,
    Scope.ADMIN.value: admin_pb.SCOPE_ADMIN,
}
ENVIRONMENTS: Mapping[str, admin_pb.Environment] = {
    Environment.TEST.value: admin_pb.ENVIRONMENT_TEST,
    Environment.LIVE.value: admin_pb.ENVIRONMENT_LIVE,
}


def record_usage(answer: Answer, replayed: bool) -> usage_pb.RecordUsageResponse:
    """What became of one usage event."""
    response = usage_pb.RecordUsageResponse()
    fill_usage(response, answer, replayed)
    return response


def fill_usage(response: usage_pb.RecordUsageResponse, answer: Answer, replayed: bool) -> None:
    """The same into an empty response, which may be part of another message.

    Setting fields in place takes a third of the time that making parts and copying them into each other takes.
    """
    assert isinstance(answer, UsageAnswer)
    response.account_id = answer.account_id
    response.meter = answer.meter
    response.quantity = answer.quantity
    response.new_usage = answer.new_usage
    if answer.limit is not None:
        response.limit = answer.limit
    if answer.remaining is not None:
        response.remaining = answer.remaining
    if answer.overage_quantity:
        response.is_overage = True
        response.overage_quantity = answer.overage_quantity
    if answer.charged_nanos:
        response.charged_nanos = answer.charged_nanos
        response.debt_nanos = answer.debt_nanos
        for grant_id, amount_nanos in answer.debits:
            response.debits.add(grant_id=grant_id, amount_nanos=amount_nanos)
    response.currency = answer.currency
    response.balance_after_nanos = answer.balance_after_nanos
    response.replayed = replayed
    if answer.lifted:
        response.lifted.extend(sorted([REASONS[reason] for reason in answer.lifted]))
    response.plan = answer.plan
    response.plan_version = answer.plan_version
    response.matched_by = MATCHED_BY[answer.matched_by]
    encode.put_instant(response.event_time, answer.event_us)
    encode.put_instant(response.record_time, answer.recorded_us)
    encode.put_instant(response.usage_period.start_time, answer.period_start_us)
    encode.put_instant(response.usage_period.end_time, answer.period_end_us)


def grant_credits(answer: Answer, replayed: bool) -> credits_pb.GrantCreditsResponse:
    """What became of a grant."""
    assert isinstance(answer, CreditsAnswer)
    assert answer.grant is not None
    return credits_pb.GrantCreditsResponse(
        account_id=answer.account_id,
        grant=encode.grant(answer.currency, answer.grant),
        settled_nanos=answer.settled_nanos,
        balance=encode.balance(answer.currency, answer.balance),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def adjust_credits(answer: Answer, replayed: bool) -> credits_pb.AdjustCreditsResponse:
    """What became of a correction."""
    assert isinstance(answer, CreditsAnswer)
    return credits_pb.AdjustCreditsResponse(
        account_id=answer.account_id,
        debits=encode.debits(answer.debits),
        debt_nanos=answer.debt_nanos,
        settled_nanos=answer.settled_nanos,
        grant=encode.grant(answer.currency, answer.grant) if answer.grant else None,
        balance=encode.balance(answer.currency, answer.balance),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def void_grant(answer: Answer, replayed: bool) -> credits_pb.VoidGrantResponse:
    """The grant that ended, and what was taken of it."""
    assert isinstance(answer, CreditsAnswer)
    assert answer.grant is not None
    return credits_pb.VoidGrantResponse(
        account_id=answer.account_id,
        grant=encode.grant(answer.currency, answer.grant),
        voided_nanos=sum(debit.amount_nanos for debit in answer.debits),
        balance=encode.balance(answer.currency, answer.balance),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def upsert_user(answer: Answer, replayed: bool) -> account_pb.UpsertUserResponse:
    """The person and the personal account."""
    account, identity, created = _account(answer)
    return account_pb.UpsertUserResponse(account=account, identity=identity, created=created, replayed=replayed)


def upsert_organization(answer: Answer, replayed: bool) -> account_pb.UpsertOrganizationResponse:
    """The organization and its account."""
    account, identity, created = _account(answer)
    return account_pb.UpsertOrganizationResponse(account=account, identity=identity, created=created, replayed=replayed)


def add_member(answer: Answer, replayed: bool) -> account_pb.AddMemberResponse:
    """The membership as it was made or changed."""
    return account_pb.AddMemberResponse(
        membership=_membership(answer), matched_by=MATCHED_BY[answer.matched_by], replayed=replayed
    )


def remove_member(answer: Answer, replayed: bool) -> account_pb.RemoveMemberResponse:
    """The membership that ended."""
    return account_pb.RemoveMemberResponse(
        membership=_membership(answer), matched_by=MATCHED_BY[answer.matched_by], replayed=replayed
    )


def erase_user(answer: Answer, replayed: bool) -> account_pb.EraseUserResponse:
    """What was left of a person."""
    assert isinstance(answer, ErasureAnswer)
    return account_pb.EraseUserResponse(
        account_id=answer.account_id,
        matched_by=MATCHED_BY[answer.matched_by],
        memberships_ended=answer.memberships,
        replayed=replayed,
    )


def assign_plan(answer: Answer, replayed: bool) -> subscription_pb.AssignPlanResponse:
    """The subscription as it was made or changed."""
    return subscription_pb.AssignPlanResponse(
        account_id=answer.account_id,
        subscription=_subscription(answer),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def unassign_plan(answer: Answer, replayed: bool) -> subscription_pb.UnassignPlanResponse:
    """The subscription as it ended."""
    return subscription_pb.UnassignPlanResponse(
        account_id=answer.account_id,
        subscription=_subscription(answer),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def set_override(answer: Answer, replayed: bool) -> subscription_pb.SetOverrideResponse:
    """The override as it was made."""
    return subscription_pb.SetOverrideResponse(
        account_id=answer.account_id,
        override=_override(answer),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def remove_override(answer: Answer, replayed: bool) -> subscription_pb.RemoveOverrideResponse:
    """The override as it ended."""
    return subscription_pb.RemoveOverrideResponse(
        account_id=answer.account_id,
        override=_override(answer),
        matched_by=MATCHED_BY[answer.matched_by],
        replayed=replayed,
    )


def create_client(answer: Answer, replayed: bool) -> admin_pb.CreateClientResponse:
    """The client that was made."""
    assert isinstance(answer, ClientAnswer)
    made = client(answer.client_id, answer.name, answer.created_us)
    return admin_pb.CreateClientResponse(client=made, replayed=replayed)


def create_key(answer: Answer, replayed: bool) -> admin_pb.CreateKeyResponse:
    """The key that was made, without its text."""
    return admin_pb.CreateKeyResponse(key=_key(answer), replayed=replayed)


def rotate_key(answer: Answer, replayed: bool) -> admin_pb.RotateKeyResponse:
    """The key that follows another, without its text."""
    return admin_pb.RotateKeyResponse(key=_key(answer), replayed=replayed)


def revoke_key(answer: Answer, replayed: bool) -> admin_pb.RevokeKeyResponse:
    """The key that ended."""
    return admin_pb.RevokeKeyResponse(key=_key(answer), replayed=replayed)


def event_endpoint(answer: Answer) -> admin_pb.EventEndpoint:
    """An endpoint, without its secrets."""
    assert isinstance(answer, EndpointAnswer)
    return admin_pb.EventEndpoint(
        endpoint_id=answer.endpoint_id,
        url=answer.url,
        kinds=answer.kinds,
        create_time=encode.timestamp(answer.created_us),
        delete_time=encode.optional_timestamp(answer.deleted_us),
        previous_secret_end_time=encode.optional_timestamp(answer.previous_until_us),
    )


def create_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.CreateEventEndpointResponse:
    """The endpoint that was made, without its secret."""
    return admin_pb.CreateEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)


def rotate_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.RotateEventEndpointResponse:
    """The endpoint whose secret was replaced, without it."""
    return admin_pb.RotateEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)


def delete_event_endpoint(answer: Answer, replayed: bool) -> admin_pb.DeleteEventEndpointResponse:
    """The endpoint that was deleted."""
    return admin_pb.DeleteEventEndpointResponse(endpoint=event_endpoint(answer), replayed=replayed)


BY_KIND: Mapping[str, Callable[[Answer, bool], Message]] = {
    function.__name__: function
    for function in (
        record_usage,
        grant_credits,
        adjust_credits,
        void_grant,
        reserve_usage,
        extend_reservation,
        release_reservation,
        commit_reservation,
        upsert_user,
        upsert_organization,
        add_member,
        remove_member,
        erase_user,
        assign_plan,
        unassign_plan,
        set_override,
        remove_override,
        create_client,
        create_key,
        rotate_key,
        revoke_key,
        create_event_endpoint,
        rotate_event_endpoint,
        delete_event_endpoint,
    )
}


def client(client_id: str, name: str, created_us: int) -> admin_pb.Client:
    """A program that calls."""
    return admin_pb.Client(client_id=client_id, name=name, create_time=encode.timestamp(created_us))


def listed_key(key: Key) -> admin_pb.Key:
    """A key with the last time it was used."""
    shown = _key(key_answer(key))
    if key.last_used_us is not None:
        shown.last_use_time.CopyFrom(encode.timestamp(key.last_used_us))
    return shown


def _key(answer: Answer) -> admin_pb.Key:
    assert isinstance(answer, KeyAnswer)
    return admin_pb.Key(
        key_id=answer.key_id,
        client_id=answer.client_id,
        scopes=[SCOPES[scope] for scope in answer.scopes],
        products=answer.products,
        environment=ENVIRONMENTS[answer.environment],
        may_create=answer.may_create,
        create_time=encode.timestamp(answer.created_us),
        expire_time=encode.optional_timestamp(answer.expires_us),
        revoke_time=encode.optional_timestamp(answer.revoked_us),
    )


def account(account_id: str, kind: str, currency: str, zone: str, anchor_us: int) -> account_pb.Account:
    """The billable entity."""
    return account_pb.Account(
        account_id=account_id,
        kind=ACCOUNT_KINDS[kind],
        currency=currency,
        zone=zone,
        anchor_time=encode.timestamp(anchor_us),
    )


def membership(account_id: str, org_id: str, is_primary: bool) -> account_pb.Membership:
    """That a person belongs to an organization."""
    return account_pb.Membership(account_id=account_id, org_id=org_id, is_primary=is_primary)


def _membership(answer: Answer) -> account_pb.Membership:
    assert isinstance(answer, MemberAnswer)
    return membership(answer.account_id, answer.org_id, answer.is_primary)


def _account(answer: Answer) -> tuple[account_pb.Account, account_pb.Identity, bool]:
    assert isinstance(answer, AccountAnswer)
    made = account(answer.account_id, answer.kind, answer.currency, answer.zone, answer.anchor_us)
    identity = account_pb.Identity(user_id=answer.user_id, email=answer.email, org_id=answer.org_id)
    return made, identity, answer.created


def _subscription(answer: Answer) -> subscription_pb.Subscription:
    assert isinstance(answer, SubscriptionAnswer)
    return encode.subscription(
        subscription_id=answer.subscription_id,
        provider=answer.provider,
        plan=answer.plan,
        plan_version=answer.plan_version,
        start_us=answer.start_us,
        end_us=answer.end_us,
        anchor_us=answer.anchor_us,
        counts=answer.counts,
    )


def _override(answer: Answer) -> subscription_pb.MeterOverride:
    assert isinstance(answer, OverrideAnswer)
    return encode.override(
        override_id=answer.override_id,
        meter=answer.meter,
        included=answer.included,
        policy=answer.policy,
        price=rate_from_json(answer.rate) if answer.rate else None,
        from_us=answer.from_us,
        until_us=answer.until_us,
    )
