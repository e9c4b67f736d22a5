"""How credits are given and corrected (requirements C1, C4; design: money)."""

from tollhoused.domain.account import Account, Cause, CauseKind, Grant, Posting, burn
from tollhoused.domain.advance import debt_settlement
from tollhoused.domain.answers import BalanceFacts, CreditsAnswer, Debit, GrantFacts
from tollhoused.domain.catalogue import DEFAULT_PRIORITY, CatalogueHistory, GrantCategory
from tollhoused.domain.commands import AdjustCredits, GrantCredits, VoidGrant
from tollhoused.domain.decision import Decision, Effect, after, check_balance
from tollhoused.errors import GrantNotFound, InvalidField


def decide_grant(account: Account, command: GrantCredits, now_us: int, history: CatalogueHistory) -> Decision:
    """New credits. An unrestricted grant that is effective at once settles debt first."""
    effective_us = max(now_us, command.effective_us or 0)
    if command.expires_us is not None and command.expires_us <= effective_us:
        raise InvalidField("expire_time", "must be later than effective_time and than now")
    grant = Grant(
        id=command.grant_id,
        category=command.category,
        priority=command.priority,
        effective_us=effective_us,
        expires_us=command.expires_us,
        meters=command.meters,
        amount_nanos=command.amount_nanos,
        remaining_nanos=0,
        created_us=now_us,
    )
    settles = effective_us <= now_us and not command.meters
    settled_nanos = min(account.debt_nanos, command.amount_nanos) if settles else 0
    check_balance(account, command.amount_nanos, -settled_nanos)
    effect = Effect(
        cause=Cause(CauseKind.GRANT, command.idempotency_key, command.client),
        postings=(Posting(grant.id, command.amount_nanos),),
        settlement=debt_settlement(grant.id, settled_nanos),
        grant=grant,
    )
    return _decision(account, command, effect, now_us, history)


def decide_adjustment(account: Account, command: AdjustCredits, now_us: int, history: CatalogueHistory) -> Decision:
    """A signed correction: a negative amount burns grants in order and the rest is debt, a positive one settles debt
    first.

    What is left of a positive one is paid, unrestricted credit that does not expire.
    """
    cause = Cause(CauseKind.ADJUSTMENT, command.idempotency_key, command.client)
    if command.amount_nanos < 0:
        debits, unpaid_nanos = burn(account.usable_grants(None, now_us), -command.amount_nanos)
        check_balance(account, command.amount_nanos, unpaid_nanos)
        if unpaid_nanos:
            debits.append(Posting(None, -unpaid_nanos))
        return _decision(account, command, Effect(cause=cause, postings=tuple(debits)), now_us, history)
    settled_nanos = min(account.debt_nanos, command.amount_nanos)
    check_balance(account, command.amount_nanos, -settled_nanos)
    rest_nanos = command.amount_nanos - settled_nanos
    postings = [Posting(None, settled_nanos)] if settled_nanos else []
    if rest_nanos == 0:
        return _decision(account, command, Effect(cause=cause, postings=tuple(postings)), now_us, history)
    grant = Grant(
        id=command.grant_id,
        category=GrantCategory.PAID,
        priority=DEFAULT_PRIORITY,
        effective_us=now_us,
        expires_us=None,
        meters=frozenset(),
        amount_nanos=rest_nanos,
        remaining_nanos=0,
        created_us=now_us,
    )
    effect = Effect(cause=cause, postings=(*postings, Posting(grant.id, rest_nanos)), grant=grant)
    return _decision(account, command, effect, now_us, history)


def decide_void(account: Account, command: VoidGrant, now_us: int, history: CatalogueHistory) -> Decision:
    """Takes what is left of a grant and not held. What reservations hold of it goes when they end, unless they use it.

    A grant with nothing left is GRANT_NOT_FOUND: there is nothing to void.
    """
    grant = account.grants.get(command.grant_id)
    if grant is None or grant.voided_us is not None or grant.remaining_nanos == 0:
        raise GrantNotFound("the account has no open grant of this id", grant_id=command.grant_id)
    cause = Cause(CauseKind.VOIDED_GRANT, command.idempotency_key, command.client)
    postings = (Posting(grant.id, -grant.unheld_nanos),) if grant.unheld_nanos else ()
    effect = Effect(cause=cause, postings=postings, grant=grant._replace(voided_us=now_us))
    check_balance(account, -grant.unheld_nanos)
    return _decision(account, command, effect, now_us, history)


def grant_facts(grant: Grant) -> GrantFacts:
    """A grant as answers show it."""
    return GrantFacts(
        grant.id,
        grant.category.value,
        grant.priority,
        grant.effective_us,
        grant.expires_us,
        tuple(sorted(grant.meters)),
        grant.amount_nanos,
        grant.remaining_nanos,
        grant.created_us,
        grant.held_nanos,
        grant.voided_us,
    )


def balance_facts(account: Account, now_us: int) -> BalanceFacts:
    """An account's credits as answers show them."""
    available_nanos = account.available_nanos(None, now_us)
    return BalanceFacts(account.balance_nanos, available_nanos, account.debt_nanos, account.held_nanos)


def _decision(
    account: Account,
    command: GrantCredits | AdjustCredits | VoidGrant,
    effect: Effect,
    now_us: int,
    history: CatalogueHistory,
) -> Decision:
    """The decision with its answer, read from the account as the effect would leave it."""
    later = after(account, effect, now_us, history)
    made = later.grants[effect.grant.id] if effect.grant else None
    taken = [posting for posting in effect.postings if posting.grant_id and posting.amount_nanos < 0]
    answer = CreditsAnswer(
        account_id=account.id,
        matched_by=command.matched_by.value,
        currency=account.currency,
        grant=grant_facts(made) if made else None,
        settled_nanos=max(0, account.debt_nanos - later.debt_nanos),
        debits=tuple(Debit(posting.grant_id or "", -posting.amount_nanos) for posting in taken),
        debt_nanos=max(0, later.debt_nanos - account.debt_nanos),
        balance=balance_facts(later, now_us),
    )
    return Decision(effect, answer)
