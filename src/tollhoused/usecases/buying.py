"""Plans that a provider sells: buying one, changing it, ending it, and what there is to choose from (S2 to S5)."""

from enum import StrEnum
from typing import Any, NamedTuple

from tollhoused.domain.account import Account
from tollhoused.domain.answers import IntentAnswer
from tollhoused.domain.catalogue import Interval, Plan
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.intent import Intent, IntentKind
from tollhoused.domain.intents import (
    CancelBoughtPlanChange,
    CancelSubscription,
    ChangePlan,
    CreatePortalSession,
    OpenIntent,
    ResumeSubscription,
    StartCheckout,
    fingerprints,
)
from tollhoused.domain.payments import NANOS_PER_MINOR, PlanPreview
from tollhoused.domain.stored_answers import answer_from_json
from tollhoused.domain.subscription import Subscription
from tollhoused.errors import AlreadySubscribed, NoPendingPlanChange, NoSubscription, NotSold
from tollhoused.providers.provider import ProviderFailure
from tollhoused.usecases import desk as desks
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, View, reading
from tollhoused.usecases.desk import Desk
from tollhoused.usecases.offers import Offer, bought_by, is_lesser, offer_of, page_order, sent_of
from tollhoused.usecases.orders import Placed, place, the_desk
from tollhoused.usecases.urls import return_url

HISTORY_MAX = 100


class Outcome(StrEnum):
    """What a change of plan comes to."""

    APPLIED = "applied"
    SCHEDULED = "scheduled"
    CHECKOUT_REQUIRED = "checkout_required"


class Change(NamedTuple):
    """A change of plan that was asked for, and the bought subscription as it is after it, where there is one."""

    placed: Placed
    outcome: Outcome
    subscription: Subscription | None


class Preview(NamedTuple):
    """What a change of plan would come to, and cost in nanos: now, and with the next renewal (None: no renewal)."""

    match: Match
    outcome: Outcome
    currency: str
    due_now_nanos: int
    next_nanos: int | None
    next_us: int | None


class Spell(NamedTuple):
    """A stretch of time under one plan; open while `end_us` is None."""

    plan: str
    plan_version: int
    start_us: int
    end_us: int | None


class PlanState(NamedTuple):
    """What an account is on, has been on, newest first, and could be on. `end_us` is when its plan ends, if it does."""

    view: View
    subscription: Subscription | None
    end_us: int | None
    history: list[Spell]
    available: list[Plan]


def get_plan_state(core: Core, subject: Subject) -> PlanState:
    """The plan in force with its end and what comes after it, the plans before, and those to choose from."""
    view = core.view(subject)
    account = view.account
    counting = account.subscriptions.get(account.segment.subscription_id or "")
    spells: list[Spell] = []
    with reading():
        segments = core.store.segments(account.id, HISTORY_MAX)
    for segment in [item for item in segments if item.start_us < account.segment.start_us] + [account.segment]:
        terms = segment.terms
        if spells and (spells[-1].plan, spells[-1].plan_version) == (terms.plan, terms.plan_version):
            spells[-1] = spells[-1]._replace(end_us=segment.end_us)
        else:
            if spells:
                spells[-1] = spells[-1]._replace(end_us=segment.start_us)
            spells.append(Spell(terms.plan, terms.plan_version, segment.start_us, segment.end_us))
    plans = sorted(core.catalogue.plans.values(), key=lambda plan: plan.rank)
    return PlanState(
        view,
        counting,
        counting.end_us if counting else None,
        spells[::-1],
        [plan for plan in plans if plan.code != account.segment.terms.plan],
    )


def start_checkout(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    plan: str,
    interval: Interval | None,
    success_url: str,
    cancel_url: str,
    idempotency_key: str,
    validate_only: bool,
) -> Placed:
    """Opens a page on which a plan is bought. Raises AlreadySubscribed where one is bought already."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    offer = offer_of(core, desk, plan, interval)
    if offer.is_free:
        raise NotSold(f"{plan} is free: nothing has to be bought", plan=plan)
    match = core.match(subject)
    command = StartCheckout(
        **_aim(core, call, desk, subject, match, idempotency_key),
        asks=IntentKind.PLAN_CHECKOUT,
        order=page_order(desk, offer, success_url, cancel_url),
        sent=sent_of(plan, interval, success_url, cancel_url),
    )
    if not _known_intent(core, call, idempotency_key) and (found := bought_by(core.view(subject).account)):
        message = "a plan is bought already: change that instead"
        raise AlreadySubscribed(message, subscription_id=found.id, plan=found.plan)
    return place(core, call, command, validate_only)


def change_plan(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    plan: str,
    interval: Interval | None,
    success_url: str,
    cancel_url: str,
    idempotency_key: str,
    validate_only: bool,
) -> Change:
    """Gives an account another plan: a better one at once, a lesser one when the paid stretch is over."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    offer = offer_of(core, desk, plan, interval)
    view = core.view(subject)
    known = _known_intent(core, call, idempotency_key)
    outcome, asks, order = _way(core, desk, view.account, offer, known)
    if outcome is Outcome.CHECKOUT_REQUIRED:
        order = page_order(desk, offer, success_url, cancel_url)
    command = ChangePlan(
        **_aim(core, call, desk, subject, view.match, idempotency_key),
        asks=asks,
        order=order,
        sent=sent_of(plan, interval, success_url, cancel_url),
    )
    placed = place(core, call, command, validate_only)
    return Change(placed, outcome, bought_by(core.view(subject).account))


def cancel_subscription(
    core: Core, call: Call, *, subject: Subject, at_once: bool, idempotency_key: str, validate_only: bool
) -> tuple[Placed, Subscription | None]:
    """Ends the bought subscription, now or where it would renew next."""
    forms.idempotency_key(idempotency_key)
    return _act(
        core,
        call,
        CancelSubscription,
        IntentKind.CANCELLATION,
        subject,
        idempotency_key,
        validate_only,
        more={"at_renewal": not at_once},
        sent={"at_once": at_once},
    )


def resume_subscription(
    core: Core, call: Call, *, subject: Subject, idempotency_key: str, validate_only: bool
) -> tuple[Placed, Subscription | None]:
    """Takes back the end of the bought subscription, or its pause."""
    forms.idempotency_key(idempotency_key)
    return _act(core, call, ResumeSubscription, IntentKind.RESUMPTION, subject, idempotency_key, validate_only)


def cancel_bought_change(
    core: Core, call: Call, *, subject: Subject, subscription_id: str, idempotency_key: str, validate_only: bool
) -> tuple[Placed, Subscription | None]:
    """Takes back the change that is scheduled for the bought subscription. Raises NoPendingPlanChange."""
    forms.idempotency_key(idempotency_key)
    if not _known_intent(core, call, idempotency_key):
        found = core.view(subject).account.subscriptions.get(subscription_id)
        if found is None or found.pending is None:
            message = "no change of plan is pending for this subscription"
            raise NoPendingPlanChange(message, subscription_id=subscription_id)
    return _act(
        core,
        call,
        CancelBoughtPlanChange,
        IntentKind.CHANGE_CANCELLATION,
        subject,
        idempotency_key,
        validate_only,
        sent={"subscription_id": subscription_id},
    )


def preview_plan_change(core: Core, *, subject: Subject, plan: str, interval: Interval | None) -> Preview:
    """What a change would come to and cost, asked of the provider. Writes nothing."""
    desk = the_desk(core)
    offer = offer_of(core, desk, plan, interval)
    view = core.view(subject)
    outcome, _, order = _way(core, desk, view.account, offer, None)
    currency = view.account.currency
    bought = bought_by(view.account)
    if outcome is Outcome.CHECKOUT_REQUIRED:
        nanos = offer.price.amount_nanos
        return Preview(view.match, outcome, currency, nanos, nanos, None)
    if outcome is Outcome.SCHEDULED or bought is None:
        next_nanos = None if offer.is_free else offer.price.amount_nanos
        return Preview(view.match, outcome, currency, 0, next_nanos, bought.billing_end_us if bought else None)
    try:
        found: PlanPreview = desk.ask(
            "preview_change", lambda provider: provider.preview_change(order["subscription"], order["price_id"])
        )
    except ProviderFailure as failure:
        raise desks.told(failure) from failure
    due_nanos, next_nanos = found.due_now_minor * NANOS_PER_MINOR, found.next_minor * NANOS_PER_MINOR
    return Preview(view.match, outcome, found.currency, due_nanos, next_nanos, found.next_us)


def create_portal_session(
    core: Core, call: Call, *, subject: Subject, back_to: str, idempotency_key: str, validate_only: bool
) -> Placed:
    """Opens the provider's page on which a customer keeps cards and invoices."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    url = return_url("return_url", back_to, desk.return_origins)
    command = CreatePortalSession(
        **_aim(core, call, desk, subject, core.match(subject), idempotency_key),
        asks=IntentKind.PORTAL,
        order={"return_url": url},
        sent=fingerprints({"return_url": url}, "return_url"),
    )
    return place(core, call, command, validate_only)


def _act(
    core: Core,
    call: Call,
    kind: type[OpenIntent],
    asks: IntentKind,
    subject: Subject,
    idempotency_key: str,
    validate_only: bool,
    more: dict[str, Any] | None = None,
    sent: dict[str, object] | None = None,
) -> tuple[Placed, Subscription | None]:
    """Something that is done to the bought subscription."""
    desk = the_desk(core)
    view = core.view(subject)
    found, known = bought_by(view.account), _known_intent(core, call, idempotency_key)
    if found is None and known is None:
        raise NoSubscription("no plan is bought that could be changed")
    order = {"subscription": found.provider_id if found else "", **(more or {})}
    command = kind(
        **_aim(core, call, desk, subject, view.match, idempotency_key), asks=asks, order=order, sent=sent or {}
    )
    placed = place(core, call, command, validate_only)
    with reading():
        after = core.store.providers.subscription(found.id) if found else None
    return placed, after[1] if after else found


def _way(
    core: Core, desk: Desk, account: Account, offer: Offer, known: Intent | None
) -> tuple[Outcome, IntentKind, dict[str, Any]]:
    """How an account comes to a plan: what that is called, what the provider is asked for, and how exactly.

    A repeated call goes the way that its first one went.
    """
    if known:
        scheduled = bool(known.order.get("at_renewal"))
        outcome = Outcome.SCHEDULED if scheduled else Outcome.APPLIED
        if known.kind is IntentKind.PLAN_CHECKOUT:
            outcome = Outcome.CHECKOUT_REQUIRED
        return outcome, known.kind, known.order
    bought = bought_by(account)
    if bought is None:
        if offer.is_free:
            if account.segment.terms.plan == offer.plan.code:
                return Outcome.APPLIED, IntentKind.PLAN_CHANGE, {"subscription": ""}
            raise NotSold(f"{offer.plan.code} is free and not what accounts without a subscription are on")
        return Outcome.CHECKOUT_REQUIRED, IntentKind.PLAN_CHECKOUT, {}
    if offer.is_free:
        order = {"subscription": bought.provider_id, "at_renewal": True}
        return Outcome.SCHEDULED, IntentKind.CANCELLATION, order
    at_renewal = is_lesser(core, desk, bought, offer)
    order = {
        "subscription": bought.provider_id,
        "price_id": offer.price_id,
        "plan_version": offer.version,
        "at_renewal": at_renewal,
    }
    return (Outcome.SCHEDULED if at_renewal else Outcome.APPLIED), IntentKind.PLAN_CHANGE, order


def _aim(core: Core, call: Call, desk: Desk, subject: Subject, match: Match, idempotency_key: str) -> dict[str, Any]:
    return {
        "client": call.client,
        "idempotency_key": idempotency_key,
        "subject": subject,
        "account_id": match.account_id,
        "matched_by": match.matched_by,
        "intent_id": core.new_id("int"),
        "provider": desk.name,
    }


def _known_intent(core: Core, call: Call, idempotency_key: str) -> Intent | None:
    """What a call of this key began before."""
    with reading():
        stored = core.store.operation(idempotency_key, call.client)
        answer = answer_from_json(stored.kind, stored.answer) if stored else None
        found = core.store.providers.intent(answer.intent_id) if isinstance(answer, IntentAnswer) else None
    return found[1] if found else None
