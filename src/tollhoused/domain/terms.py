"""The terms of a segment: what a plan version and the overrides in force say about each meter."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from tollhoused.domain.catalogue import MeterTerms, Plan, Policy
from tollhoused.domain.rates import Rate, price, rate_from_json, rate_to_json

TERMS_VERSION = 1

NO_TERMS = MeterTerms(included=0, policy=Policy.HARD_LIMIT, rate=None)
"""What stands for a meter that the plan lacks: nothing is included, and nothing is ever charged."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an account during one segment; never changed once stored."""

    plan: str
    plan_version: int
    features: frozenset[str]
    meters: Mapping[str, MeterTerms]

    def grants_product(self, product: str) -> bool:
        """Whether the plan opens this product (its feature `<product>.access`)."""
        return f"{product}.access" in self.features


@dataclass(frozen=True, slots=True)
class Override:
    """An operator's exception for one meter of one account, valid in [from_us, until_us).

    What is None is taken from the plan. A rate applies only under the policy CREDITS.
    """

    id: str
    meter: str
    included: int | None
    policy: Policy | None
    rate: Rate | None
    from_us: int
    until_us: int | None

    def in_force(self, at_us: int) -> bool:
        """Whether the override counts at this instant."""
        return self.from_us <= at_us and (self.until_us is None or at_us < self.until_us)


def overage_of(terms: MeterTerms, carried: int, used: int) -> int:
    """Units beyond the allowance that were used inside the segment.

    `carried` was used in the same period before the segment opened, so what it exceeded was settled there.
    """
    if terms.policy is Policy.UNMETERED:
        return 0
    return max(0, carried + used - terms.included) - max(0, carried - terms.included)


def charge_for(terms: MeterTerms, overage: int) -> int:
    """Nanos owed for a segment's overage so far: only CREDITS charges anything."""
    if terms.policy is not Policy.CREDITS or terms.rate is None:
        return 0
    return price(terms.rate, overage)


def resolve_terms(plan: Plan, plan_version: int, overrides: Iterable[Override], at_us: int) -> Terms:
    """The plan's terms with every override in force at the instant laid over them, latest start last."""
    in_force = sorted(
        (override for override in overrides if override.in_force(at_us)), key=lambda item: (item.from_us, item.id)
    )
    meters = dict(plan.meters)
    for override in in_force:
        meters[override.meter] = _overridden(meters.get(override.meter, NO_TERMS), override)
    for meter in {override.meter for override in in_force}:
        meters[meter] = _consistent(meters[meter])
    return Terms(plan.code, plan_version, plan.features, meters)


def _overridden(base: MeterTerms, override: Override) -> MeterTerms:
    """What the override gives, field by field, and the base's terms where it leaves them open."""
    return MeterTerms(
        included=base.included if override.included is None else override.included,
        policy=override.policy or base.policy,
        rate=override.rate or base.rate,
    )


def _consistent(terms: MeterTerms) -> MeterTerms:
    """Only CREDITS has a rate. CREDITS without one would give overage away, so it falls back to HARD_LIMIT."""
    if terms.policy is not Policy.CREDITS:
        return replace(terms, rate=None)
    return terms if terms.rate else replace(terms, policy=Policy.HARD_LIMIT)


def terms_to_json(terms: Terms) -> str:
    """Canonical text: equal terms give equal text, so that readers may cache by it."""
    meters = {
        code: [item.included, item.policy.value, rate_to_json(item.rate) if item.rate else None]
        for code, item in terms.meters.items()
    }
    data = {
        "v": TERMS_VERSION,
        "plan": terms.plan,
        "plan_version": terms.plan_version,
        "features": sorted(terms.features),
        "meters": meters,
    }
    return json.dumps(data, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=4096)
def terms_from_json(text: str) -> Terms:
    """The inverse of `terms_to_json`; cached because most accounts share a handful of texts."""
    data = json.loads(text)
    meters = {
        code: MeterTerms(included=included, policy=Policy(policy), rate=rate_from_json(rate) if rate else None)
        for code, (included, policy, rate) in data["meters"].items()
    }
    return Terms(data["plan"], data["plan_version"], frozenset(data["features"]), meters)
