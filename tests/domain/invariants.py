"""The invariants V2 and V4 to V6 of the design, recomputed from the operations and ledger entries of one account.

V7 needs what was available at the time: the model refuses where it is broken.
"""

from collections import defaultdict
from itertools import pairwise

from tests.domain.model import cost
from tollhoused.domain.account import Account, CauseKind
from tollhoused.domain.answers import CommitAnswer, UsageAnswer, VoidAnswer
from tollhoused.domain.books import Operation
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.rates import Rate, RateModel
from tollhoused.domain.reservation import ReservationState
from tollhoused.domain.stored_answers import answer_from_json

SIGNS = {"record_usage": 1, "set_usage": 1, "commit_reservation": 1, "void_usage": -1}


def check(account: Account, operations: list[Operation]) -> None:
    """Fails where an invariant does not hold; `operations` are all that were stored for the account."""
    usage = [operation for operation in operations if operation.kind in SIGNS]
    _check_time(account)
    _check_counters(account, usage)
    _check_ledger(account)
    _check_causes(account, operations)


def told(rate: Rate) -> tuple[str, object, int]:
    """A rate as the model knows it."""
    tiers = [(tier.up_to, tier.price_nanos) for tier in rate.tiers]
    return (rate.model.value, tiers if rate.model is RateModel.GRADUATED else rate.price_nanos, rate.per_units)


def _check_time(account: Account) -> None:
    """Segments follow each other without a gap, inside their periods."""
    for before, after in pairwise(account.segments):
        assert before.end_us == after.start_us
    assert account.segments[-1].end_us is None
    for segment in account.segments:
        assert segment.end_us is None or segment.start_us < segment.end_us <= segment.period_end_us
        assert segment.period_start_us <= segment.start_us < segment.period_end_us
    assert account.segment.start_us <= account.as_of_us < account.due_us <= account.segment.period_end_us


def _check_counters(account: Account, usage: list[Operation]) -> None:
    """V4 and the second half of V6."""
    used: dict[tuple[int | None, str | None], int] = defaultdict(int)
    overage: dict[tuple[int | None, str | None], int] = defaultdict(int)
    charged: dict[tuple[int | None, str | None], int] = defaultdict(int)
    for operation in usage:
        key = (operation.segment_start_us, operation.meter)
        sign = SIGNS[operation.kind]
        used[key] += sign * (operation.quantity or 0)
        overage[key] += sign * (operation.overage or 0)
        charged[key] += sign * (operation.charged_nanos or 0)
    for item in account.reservations.values():
        if item.state is ReservationState.COMMITTED and item.ended_us == item.expires_us:
            used[item.segment_start_us, item.meter] += item.used
            overage[item.segment_start_us, item.meter] += item.overage
            charged[item.segment_start_us, item.meter] += item.charged_nanos
    assert used.keys() <= account.counters.keys()
    segments = {segment.start_us: segment for segment in account.segments}
    for key, counter in account.counters.items():
        if counter.level_us:
            continue  # levels do not add up; the model knows what they come to
        assert (counter.used, counter.overage, counter.charged_nanos) == (used[key], overage[key], charged[key])
        terms = segments[counter.segment_start_us].terms.meters.get(counter.meter)
        assert counter.overage == _overage(terms, counter.carried, counter.used)
        priced = terms is not None and terms.policy is Policy.CREDITS
        assert counter.charged_nanos == (
            cost(told(terms.rate), counter.overage) if priced and terms and terms.rate else 0
        )


def _overage(terms: MeterTerms | None, carried: int, used: int) -> int:
    if terms and terms.policy is Policy.UNMETERED:
        return 0
    return max(0, carried + used - max(carried, terms.included if terms else 0))


def _check_ledger(account: Account) -> None:
    """V5: the ledger chains, and adds up to the balance, to every grant and to the debt."""
    balance_nanos = 0
    sums: dict[str | None, int] = defaultdict(int)
    entries = account.changes.entries
    assert [entry.sequence for entry in entries] == list(range(1, account.ledger_seq + 1))
    for entry in entries:
        assert entry.amount_nanos
        assert entry.effective_us <= entry.booked_us
        balance_nanos += entry.amount_nanos
        assert entry.balance_after_nanos == balance_nanos
        sums[entry.grant_id] += entry.amount_nanos
        assert entry.grant_id is None or sums[entry.grant_id] >= 0, "no grant is ever overdrawn"
        assert sums[None] <= 0, "debt is never below nothing"
    assert all(before.booked_us <= after.booked_us for before, after in pairwise(entries))
    assert (account.balance_nanos, account.debt_nanos) == (balance_nanos, -sums.pop(None, 0))
    assert {grant.id: grant.remaining_nanos for grant in account.grants.values()} == sums
    assert all(0 <= grant.remaining_nanos <= grant.amount_nanos for grant in account.grants.values())


def _check_causes(account: Account, operations: list[Operation]) -> None:
    """V2 and V6: each key is charged once, by entries that say what its answer says; no debit is without a cause."""
    booked: dict[tuple[str, str], list[tuple[str | None, int]]] = defaultdict(list)
    for entry in account.changes.entries:
        if entry.cause.kind in (CauseKind.RESERVATION, CauseKind.PERIOD_CLOSE, CauseKind.PLAN_GRANT):
            continue
        if entry.cause.kind in (CauseKind.EXPIRY, CauseKind.SETTLEMENT):
            assert (entry.cause.reference in account.grants, entry.cause.client) == (True, "")
        else:
            booked[entry.cause.reference, entry.cause.client].append((entry.grant_id, entry.amount_nanos))
    by_key = {(operation.idempotency_key, operation.client): operation for operation in operations}
    assert len(by_key) == len(operations)
    assert booked.keys() <= by_key.keys()
    for key, operation in by_key.items():
        answer = answer_from_json(operation.kind, operation.answer)
        if isinstance(answer, VoidAnswer):
            assert operation.charged_nanos == sum(amount for _, amount in booked[key])
        if isinstance(answer, CommitAnswer):
            answer = answer.usage
        if isinstance(answer, UsageAnswer):
            paid = [(debit.grant_id, -debit.amount_nanos) for debit in answer.debits]
            owed = [(None, -answer.debt_nanos)] if answer.debt_nanos else []
            assert booked[key] == [*paid, *owed]
            assert operation.charged_nanos == answer.charged_nanos == -sum(amount for _, amount in booked[key])
