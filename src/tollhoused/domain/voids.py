"""Usage that is taken back: what it was charged returns to where it came from, nothing is deleted (requirement U8)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tollhoused.domain.account import Account, Cause, CauseKind, Grant, Posting
from tollhoused.domain.answers import Debit, VoidAnswer
from tollhoused.domain.catalogue import DEFAULT_PRIORITY, CatalogueHistory, GrantCategory
from tollhoused.domain.commands import StoredCommand, digest
from tollhoused.domain.counting import counted, limit_of
from tollhoused.domain.credits import balance_facts, grant_facts
from tollhoused.domain.decision import Decision, Effect, after, check_balance
from tollhoused.domain.holds import Purse, reheld
from tollhoused.domain.json_text import compact_json
from tollhoused.domain.terms import NO_TERMS
from tollhoused.errors import InvalidField


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidUsage(StoredCommand):
    """Takes back what the client recorded under `voided_key`.

    `grant_id` is for the grant that is made where debt was settled since; `reason` is kept for people.
    """

    kind = "void_usage"
    voided_key: str
    grant_id: str
    reason: str

    def named(self) -> dict[str, object]:
        return {"voided_key": self.voided_key}

    def content(self) -> dict[str, object]:
        return {"reason": digest(self.reason)}

    def note(self) -> str | None:
        return compact_json({"reason": self.reason}) if self.reason else None


class Payment(NamedTuple):
    """What one grant, or with None the debt, has paid on a counter less what was given back.

    `last_sequence` is its latest ledger entry that paid.
    """

    grant_id: str | None
    paid_nanos: int
    last_sequence: int


PAYING = (CauseKind.USAGE, CauseKind.RESERVATION, CauseKind.VOID, CauseKind.VOIDED_DEBT)
"""Causes of entries that pay for a counter's use, or give that back."""


class Payments:
    """What grants and the debt have paid on one counter, gathered from ledger entries."""

    def __init__(self, stored: Iterable[Payment] = ()) -> None:
        self._paid = {payment.grant_id: payment for payment in stored}

    def add(self, cause_kind: str, grant_id: str | None, amount_nanos: int, sequence: int) -> None:
        """One more entry of the counter. The grant that settled debt returned to counts as the debt."""
        payer = None if cause_kind == CauseKind.VOIDED_DEBT else grant_id
        _, paid_nanos, last = self._paid.get(payer) or Payment(payer, 0, 0)
        self._paid[payer] = Payment(payer, paid_nanos - amount_nanos, sequence if amount_nanos < 0 else last)

    def shares(self, amount_nanos: int) -> list[tuple[str | None, int]]:
        """Who gets how much of an amount back, who paid last first, nobody more than was paid."""
        shares = []
        for payment in sorted(self._paid.values(), key=lambda item: item.last_sequence, reverse=True):
            share_nanos = min(payment.paid_nanos, amount_nanos)
            if share_nanos > 0:
                shares.append((payment.grant_id, share_nanos))
                amount_nanos -= share_nanos
        return shares


class Usage(NamedTuple):
    """What a stored operation recorded, and on which counter."""

    product: str
    meter: str
    segment_start_us: int
    quantity: int


def payments_of(account: Account, stored: Iterable[Payment], is_of_counter: Callable[[Cause], bool]) -> Payments:
    """What was paid on a counter up to now: as it is stored, and by what is booked but not stored yet."""
    payments = Payments(stored)
    for entry in account.changes.entries:
        if entry.cause.kind in PAYING and is_of_counter(entry.cause):
            payments.add(entry.cause.kind, entry.grant_id, entry.amount_nanos, entry.sequence)
    return payments


def decide_void_usage(
    account: Account, command: VoidUsage, usage: Usage, payments: Payments, now_us: int, history: CatalogueHistory
) -> Decision:
    """Lowers the counter of the usage's segment, and gives back what its charge falls by: latest debits first.

    What was debt lowers the debt, as far as there is any; what was settled since becomes a grant.
    """
    segment = next(item for item in account.segments if item.start_us == usage.segment_start_us)
    terms = segment.terms.meters.get(usage.meter, NO_TERMS)
    before = account.counter(segment, usage.meter)
    if before.level_us:
        raise InvalidField("voided_key", "names a gauge's level; another level corrects it")
    lowered = counted(before, terms, -usage.quantity)
    charge_nanos = before.charged_nanos - lowered.charged_nanos
    postings, settled_nanos = given_back(payments, charge_nanos, account.debt_nanos)
    owed_nanos = sum([posting.amount_nanos for posting in postings if posting.grant_id is None])
    check_balance(account, charge_nanos, -owed_nanos)
    effect = Effect(
        cause=Cause(CauseKind.VOID, command.idempotency_key, command.client) if charge_nanos else None,
        postings=tuple(postings),
        counter=lowered,
    )
    if settled_nanos:
        cause = Cause(CauseKind.VOIDED_DEBT, command.idempotency_key, command.client)
        made = returned_grant(command.grant_id, settled_nanos, now_us)
        effect = effect._replace(grant=made, returned=(cause, Posting(made.id, settled_nanos)))
    holding = account.holding(segment.start_us, usage.meter)
    if holding:
        purse = Purse(after(account, effect, now_us, history), usage.meter, now_us)
        effect = effect._replace(reservations=reheld(holding, terms, lowered, purse)[0])
    later = after(account, effect, now_us, history)
    limit, new_usage = limit_of(segment, usage.meter), lowered.carried + lowered.used
    held = later.held(segment.start_us, usage.meter)
    answer = VoidAnswer(
        account_id=account.id,
        voided_key=command.voided_key,
        product=usage.product,
        meter=usage.meter,
        quantity=usage.quantity,
        new_usage=new_usage,
        limit=limit,
        remaining=None if limit is None else max(0, limit - new_usage - held),
        overage_quantity=before.overage - lowered.overage,
        charged_nanos=charge_nanos,
        currency=account.currency,
        debits=tuple([Debit(item.grant_id, item.amount_nanos) for item in postings if item.grant_id]),
        debt_nanos=owed_nanos,
        grant=grant_facts(later.grants[command.grant_id]) if settled_nanos else None,
        balance=balance_facts(later, now_us),
        recorded_us=now_us,
        period_start_us=segment.period_start_us,
        period_end_us=segment.period_end_us,
    )
    return Decision(effect, answer)


def given_back(payments: Payments, amount_nanos: int, debt_nanos: int) -> tuple[list[Posting], int]:
    """What returns to grants and the debt, and how much of it was debt that has been settled since."""
    postings: list[Posting] = []
    settled_nanos = 0
    for grant_id, share_nanos in payments.shares(amount_nanos):
        if grant_id is None:
            settled_nanos = max(0, share_nanos - debt_nanos)
            share_nanos -= settled_nanos
        if share_nanos:
            postings.append(Posting(grant_id, share_nanos))
    return postings, settled_nanos


def returned_grant(grant_id: str, amount_nanos: int, now_us: int) -> Grant:
    """The paid, unrestricted credit that stands for debt which somebody has settled."""
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
