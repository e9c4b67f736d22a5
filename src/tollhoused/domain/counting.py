"""How use is counted: what a counter comes to after more of it, and which allowance limits it."""

from tollhoused.domain.account import MAX_QUANTITY, Counter, Segment
from tollhoused.domain.catalogue import MeterTerms, Policy
from tollhoused.domain.money import check_total
from tollhoused.domain.terms import charge_for, overage_of


def counted(counter: Counter, terms: MeterTerms, quantity: int) -> Counter:
    """The counter after more use; overage and charge are functions of its use, never accumulated.

    Raises AmountOutOfRange when a total could not be stored.
    """
    used = counter.used + quantity
    check_total("usage", counter.carried + used, MAX_QUANTITY)
    overage = overage_of(terms, counter.carried, used)
    charged_nanos = charge_for(terms, overage)
    check_total("charge", charged_nanos)
    start_us, meter, carried, _, _, _, level, level_us = counter
    return Counter(start_us, meter, carried, used, overage, charged_nanos, level, level_us)


def limit_of(segment: Segment, meter: str) -> int | None:
    """A meter's allowance in a segment; None where nothing limits it. A meter outside the plan has none: zero."""
    terms = segment.terms.meters.get(meter)
    if terms is None:
        return 0
    return None if terms.policy is Policy.UNMETERED else terms.included
