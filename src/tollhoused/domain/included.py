"""Credits that a plan includes: a grant for each usage period that opens under it, exactly once (requirement C4).

Each grant's id is made of the period's start and the credits' code, so that nobody can issue it twice, and whoever
issues it makes the same one.
"""

import hashlib
from collections.abc import Iterator, Sequence

from tollhoused.domain.account import Grant, Segment
from tollhoused.domain.catalogue import CatalogueHistory, PlanCredits
from tollhoused.domain.instants import DAY_US

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_DIGITS, CODE_DIGITS = 10, 16


def included_grant(credits: PlanCredits, period: Segment) -> Grant:
    """The grant for the usage period that a segment opens; its credits arrive by a posting."""
    start_us = period.start_us
    ends_us = period.period_end_us if credits.lasts_days is None else start_us + credits.lasts_days * DAY_US
    return Grant(
        id=included_id(credits.code, start_us),
        category=credits.category,
        priority=credits.priority,
        effective_us=start_us,
        expires_us=ends_us,
        meters=credits.meters,
        amount_nanos=credits.amount_nanos,
        remaining_nanos=0,
        created_us=start_us,
    )


def included_id(code: str, start_us: int) -> str:
    """An id of the common form: ten digits of time in milliseconds, so that it sorts by it, and sixteen of the rest."""
    rest = int.from_bytes(hashlib.sha256(f"{start_us}/{code}".encode()).digest())
    return f"grant_{_digits(start_us // 1_000, TIME_DIGITS)}{_digits(rest, CODE_DIGITS)}"


def included_grants(segments: Sequence[Segment], history: CatalogueHistory) -> Iterator[Grant]:
    """Every grant that plans included in an account's usage periods."""
    for segment in segments:
        catalogue = history.versions.get(segment.terms.plan_version)
        plan = catalogue.plans.get(segment.terms.plan) if catalogue else None
        if plan and segment.start_us == segment.period_start_us:
            for credits in plan.credits:
                yield included_grant(credits, segment)


def _digits(number: int, length: int) -> str:
    return "".join(DIGITS[number >> 5 * place & 31] for place in range(length - 1, -1, -1))
