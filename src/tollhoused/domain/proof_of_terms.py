"""Proof of an account's time and terms: its segments lie without gap in the right periods, under the right plan."""

from collections.abc import Iterator
from itertools import pairwise

from tollhoused.domain.account import Account, Segment
from tollhoused.domain.advance import counting_subscription
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.periods import period_of
from tollhoused.domain.proof import Evidence, Finding
from tollhoused.domain.subscription import Subscription
from tollhoused.domain.terms import resolve_terms


def prove_terms(evidence: Evidence, history: CatalogueHistory) -> Iterator[Finding]:
    """V4 for the account's time, V6 for what its segments refer to."""
    yield from _names(evidence)
    account = evidence.account
    if account.currency != history.newest.currency:
        yield evidence.finding("V6", f"its currency is {account.currency}, the catalogue's {history.newest.currency}")
    if evidence.last_event_version > account.version:
        what = f"an outgoing event tells of version {evidence.last_event_version}, it has come to {account.version}"
        yield evidence.finding("V6", what)
    if not account.segments:
        yield evidence.finding("V4", "it has no segment")
        return
    yield from _tiles(evidence)
    for segment, plan in zip(account.segments, evidence.plans, strict=True):
        yield from _period(evidence, segment)
        yield from _terms(evidence, segment, plan, history)
    yield from _now(evidence, history)


def _names(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.names:
        yield evidence.finding("V6", "no user and no organization leads to it")
    for kind in sorted(evidence.names - {evidence.account.kind.value}):
        yield evidence.finding("V6", f"it is {evidence.account.kind.value}, but a name of kind {kind} leads to it")
    for member in evidence.members:
        if member.known_user is None:
            yield evidence.finding("V6", f"its member {member.user} is not there")
        if member.owner != evidence.account.id:
            what = f"its member {member.user} is one of organization {member.org_id}, whose account is {member.owner}"
            yield evidence.finding("V6", what)
        if member.primaries > 1:
            yield evidence.finding("V6", f"its member {member.user} has {member.primaries} primary memberships")


def _tiles(evidence: Evidence) -> Iterator[Finding]:
    """From the account's beginning on each segment begins where the one before ended, and only the last is open."""
    segments = evidence.account.segments
    if segments[0].start_us != evidence.account.anchor_us:
        what = f"its first segment begins at {segments[0].start_us}, the account at {evidence.account.anchor_us}"
        yield evidence.finding("V4", what)
    for before, segment in pairwise(segments):
        if before.end_us != segment.start_us:
            what = f"segment {before.start_us} ends at {before.end_us}, the next begins at {segment.start_us}"
            yield evidence.finding("V4", what)
        if same_period(before, segment):
            kept = (before.period_end_us, before.subscription_id) == (segment.period_end_us, segment.subscription_id)
        else:
            turned_early = segment.start_us < before.period_end_us
            changed = before.subscription_id != segment.subscription_id
            kept = segment.start_us <= before.period_end_us and (changed or not turned_early)
        if not kept:
            yield evidence.finding("V4", f"segment {segment.start_us} does not continue the usage period before it")
    if segments[-1].end_us is not None:
        yield evidence.finding("V4", f"no segment is open, the last ends at {segments[-1].end_us}")


def same_period(before: Segment, segment: Segment) -> bool:
    """Whether a segment carries on the usage period of the segment before it."""
    return before.period_start_us == segment.period_start_us


def _period(evidence: Evidence, segment: Segment) -> Iterator[Finding]:
    """A usage period ends at the next monthly boundary of the anchor that counts."""
    account = evidence.account
    anchor_us = account.anchor_us
    if segment.subscription_id is not None:
        subscription = account.subscriptions.get(segment.subscription_id)
        if subscription is None:
            what = f"segment {segment.start_us} names subscription {segment.subscription_id}, which is not there"
            yield evidence.finding("V6", what)
            return
        anchor_us = subscription.anchor_us
    end_us = period_of(anchor_us, account.zone, segment.period_start_us).end_us
    if segment.period_end_us != end_us or not segment.period_start_us <= segment.start_us < end_us:
        found = f"{segment.period_start_us} to {segment.period_end_us}"
        what = f"segment {segment.start_us} has the usage period {found}, by its anchor it ends at {end_us}"
        yield evidence.finding("V4", what)


def _terms(
    evidence: Evidence, segment: Segment, columns: tuple[str, int], history: CatalogueHistory
) -> Iterator[Finding]:
    """A segment's terms are its plan's with the overrides that were in force when it opened."""
    terms = segment.terms
    if columns != (terms.plan, terms.plan_version):
        what = f"segment {segment.start_us} is of plan {columns}, its terms of {(terms.plan, terms.plan_version)}"
        yield evidence.finding("V6", what)
    catalogue = history.versions.get(terms.plan_version)
    plan = catalogue.plans.get(terms.plan) if catalogue else None
    if catalogue is None or plan is None:
        what = f"segment {segment.start_us}: plan {terms.plan} is not in catalogue version {terms.plan_version}"
        yield evidence.finding("V6", what)
        return
    if segment.subscription_id is None and plan.code != catalogue.default_plan:
        what = f"segment {segment.start_us} has plan {plan.code} without a subscription"
        yield evidence.finding("V6", what)
    overrides = list(evidence.account.overrides.values())
    if terms != resolve_terms(plan, terms.plan_version, overrides, segment.start_us):
        what = f"the terms of segment {segment.start_us} are not those of plan {plan.code} and the overrides then"
        yield evidence.finding("V6", what)


def _now(evidence: Evidence, history: CatalogueHistory) -> Iterator[Finding]:
    """The open segment is the one that must be open, and the account will be looked at when that changes."""
    account = evidence.account
    if not account.as_of_us < account.due_us <= _next_instant(account):
        what = (
            f"as_of_us is {account.as_of_us} and due_us {account.due_us}, but the next instant at which it changes"
            f" is {_next_instant(account)}"
        )
        yield evidence.finding("V4", what)
    for subscription in account.subscriptions.values():
        if subscription.changed(account.as_of_us) is not subscription and subscription.runs(account.as_of_us):
            yield evidence.finding("V6", f"{_named(subscription)} has a change of plan that should have happened")
    counting = counting_subscription(account, account.as_of_us, history)
    if account.segment.subscription_id != (counting.id if counting else None):
        what = f"its open segment is of subscription {account.segment.subscription_id}, but {_named(counting)} counts"
        yield evidence.finding("V6", what)
    elif counting and (counting.plan, counting.plan_version) != evidence.plans[-1]:
        yield evidence.finding("V6", f"its open segment is of plan {evidence.plans[-1]}, but {_named(counting)} counts")


def _next_instant(account: Account) -> int:
    """The first instant after the last booking at which time alone changes the account, at the latest its period's
    end.
    """
    candidates: list[int | None] = []
    for grant in account.grants.values():
        if grant.remaining_nanos > 0:
            candidates += [grant.effective_us, grant.expires_us]
    for subscription in account.subscriptions.values():
        candidates += subscription.instants()
    for override in account.overrides.values():
        candidates += [override.from_us, override.until_us]
    coming = [at_us for at_us in candidates if at_us is not None and at_us > account.as_of_us]
    return min([account.segment.period_end_us, *coming])


def _named(subscription: Subscription | None) -> str:
    if subscription is None:
        return "none"
    return f"{subscription.id} ({subscription.plan}, {subscription.plan_version})"
