"""What a payment changes: credits come with it, and go with what is given back of it (requirements C5, C7).

The provider shows a payment as a whole, so the same rule settles the answer of a charge, any of its events, and what a
reconciliation finds: the account is brought to what the payment is now. What is there already is not done again.
"""

from dataclasses import dataclass

from tollhoused.domain.account import Account, Cause, CauseKind, Grant, Posting, burn
from tollhoused.domain.advance import debt_settlement
from tollhoused.domain.catalogue import DEFAULT_PRIORITY, GrantCategory
from tollhoused.domain.decision import Decision, Effect, check_balance
from tollhoused.domain.intent import Intent, IntentKind, IntentState
from tollhoused.domain.intents import IntentCommand, found, reported
from tollhoused.domain.payments import PaymentFacts, PaymentStatus
from tollhoused.domain.reload import after_failure, after_success


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservePayment(IntentCommand):
    """Brings an account to what a payment is now; `observed_us` is when the provider was asked.

    The answer asks for the same command again where one step leads to another. `grant_id` is for credits that come.
    """

    kind = "observe_payment"
    payment: PaymentFacts
    observed_us: int
    grant_id: str


def decide_payment(account: Account, command: ObservePayment, now_us: int) -> Decision:
    """One step towards what the payment is now."""
    intent, payment = found(account, command.intent_id), command.payment
    paid, another = payment.status is PaymentStatus.SUCCEEDED, intent.payment_id not in ("", payment.payment_id)
    if another and intent.state is IntentState.SUCCEEDED:
        extra = paid and payment.returned_minor < payment.paid_minor
        problem = f"{payment.payment_id} pays for what {intent.payment_id} has paid for" if extra else ""
        return Decision(Effect(), reported(account, intent, problem=problem))
    if command.observed_us < intent.observed_us and not (another and paid):
        return Decision(Effect(), reported(account, intent))
    payment_id = payment.payment_id or intent.payment_id
    seen = intent._replace(payment_id=payment_id, observed_us=command.observed_us)
    if intent.state is IntentState.SUCCEEDED:
        return _returned(account, seen, command, now_us) if paid else Decision(Effect(), reported(account, intent))
    if paid:
        return _paid(account, seen, command, now_us)
    if intent.kind is IntentKind.RELOAD:
        return _reload_unpaid(account, seen, payment, now_us)
    # A customer at a page may try another card, until the page has expired.
    state = intent.state if intent.is_final else IntentState.WAITING
    unpaid = seen._replace(state=state, problem=payment.decline)
    return Decision(Effect(intent=unpaid), reported(account, unpaid))


def _paid(account: Account, intent: Intent, command: ObservePayment, now_us: int) -> Decision:
    """The credits that were asked for, whatever else was paid (tax): what was asked for them must have been paid."""
    payment = command.payment
    if (payment.currency, payment.paid_minor >= intent.price_minor) != (intent.currency, True):
        kept = payment.returned_minor < payment.paid_minor
        asked = f"{intent.price_minor} {intent.currency} were asked for"
        problem = f"{payment.payment_id} paid {payment.paid_minor} {payment.currency}, {asked}" if kept else ""
        return Decision(Effect(), reported(account, found(account, intent.id), problem=problem))
    settled = intent._replace(
        state=IntentState.SUCCEEDED,
        paid_minor=payment.paid_minor,
        problem="",
        settled_us=now_us,
        grant_id=command.grant_id if intent.credits_nanos else "",
    )
    reload = after_success(account.reload, intent)
    again = payment.returned_minor > 0
    answer = reported(account, settled, again=again)
    if not settled.credits_nanos:
        return Decision(Effect(intent=settled, reload=reload), answer)
    grant = bought_grant(command.grant_id, settled.credits_nanos, now_us)
    settled_nanos = min(account.debt_nanos, settled.credits_nanos)
    check_balance(account, settled.credits_nanos, -settled_nanos)
    effect = Effect(
        cause=Cause(CauseKind.TOP_UP, intent.id),
        postings=(Posting(grant.id, settled.credits_nanos),),
        settlement=debt_settlement(grant.id, settled_nanos),
        grant=grant,
        intent=settled,
        reload=reload,
    )
    return Decision(effect, answer)


def _returned(account: Account, intent: Intent, command: ObservePayment, now_us: int) -> Decision:
    """Credits follow what was given back of the payment, in both directions: a dispute may be won."""
    payment = command.payment
    returned_minor = min(payment.returned_minor, intent.paid_minor)
    clawed_nanos = intent.credits_nanos * returned_minor // intent.paid_minor if intent.paid_minor else 0
    changed = intent._replace(returned_minor=returned_minor, clawed_nanos=clawed_nanos)
    answer = reported(account, changed)
    more_nanos = clawed_nanos - intent.clawed_nanos
    cause = Cause(CauseKind.CLAWBACK, intent.id)
    if more_nanos > 0:
        usable = account.usable_grants(None, now_us)
        own_first = sorted(usable, key=lambda grant: grant.id != intent.grant_id)
        debits, unpaid_nanos = burn(own_first, more_nanos)
        check_balance(account, -more_nanos, unpaid_nanos)
        if unpaid_nanos:
            debits.append(Posting(None, -unpaid_nanos))
        return Decision(Effect(cause=cause, postings=tuple(debits), intent=changed), answer)
    if more_nanos == 0:
        return Decision(Effect(intent=changed), answer)
    settled_nanos = min(account.debt_nanos, -more_nanos)
    rest_nanos = -more_nanos - settled_nanos
    check_balance(account, -more_nanos, -settled_nanos)
    postings = [Posting(None, settled_nanos)] if settled_nanos else []
    if not rest_nanos:
        return Decision(Effect(cause=cause, postings=tuple(postings), intent=changed), answer)
    grant = bought_grant(command.grant_id, rest_nanos, now_us)
    postings.append(Posting(grant.id, rest_nanos))
    return Decision(Effect(cause=cause, postings=tuple(postings), grant=grant, intent=changed), answer)


def _reload_unpaid(account: Account, intent: Intent, payment: PaymentFacts, now_us: int) -> Decision:
    """A reload that was declined has failed for good: the next one is another payment."""
    if not intent.in_flight:
        return Decision(Effect(intent=intent), reported(account, intent))
    if payment.status is PaymentStatus.PENDING:
        waiting = intent._replace(state=IntentState.WAITING)
        return Decision(Effect(intent=waiting), reported(account, waiting))
    failed = intent._replace(state=IntentState.FAILED, problem=payment.decline, settled_us=now_us)
    reload = after_failure(account.reload, intent, now_us)
    return Decision(Effect(intent=failed, reload=reload), reported(account, failed))


def bought_grant(grant_id: str, amount_nanos: int, now_us: int) -> Grant:
    """Bought credits: unrestricted, and they do not expire."""
    return Grant(
        id=grant_id,
        category=GrantCategory.PAID,
        priority=DEFAULT_PRIORITY,
        effective_us=now_us,
        expires_us=None,
        meters=frozenset(),
        amount_nanos=amount_nanos,
        remaining_nanos=0,
        created_us=now_us,
    )
