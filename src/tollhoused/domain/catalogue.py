"""What is sold: products, features, meters, plans, packs, and what may change from one version to the next.

Source: requirements E6, S1 and U9. `catalogue_toml` reads these values from a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tollhoused.domain.rates import Rate
from tollhoused.errors import Reported

DEFAULT_PRIORITY = 100
MAX_PRIORITY = 1_000


class Policy(StrEnum):
    """What happens beyond a meter's allowance (requirement U3)."""

    HARD_LIMIT = "hard_limit"  # refuse
    CREDITS = "credits"  # charge credits at the rate, refuse when they do not suffice
    UNMETERED = "unmetered"  # record, charge nothing


class MeterKind(StrEnum):
    """How a meter's reports become one number."""

    COUNTER = "counter"  # their sum over a usage period
    GAUGE = "gauge"  # a level, of which the period's peak counts


class OnUnavailable(StrEnum):
    """What a client does with an action while the server cannot be reached."""

    ALLOW = "allow"  # go ahead, keep the report and send it later
    DENY = "deny"


class Interval(StrEnum):
    """How often a provider bills a plan; usage periods are monthly whatever this says."""

    MONTHLY = "monthly"
    YEARLY = "yearly"


class GrantCategory(StrEnum):
    """Where credits come from; promotional ones burn first among equals."""

    PAID = "paid"
    PROMOTIONAL = "promotional"


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that is counted. `unit` is the word shown to people, `max_quantity` bounds one usage event."""

    code: str
    kind: MeterKind
    unit: str
    aliases: tuple[str, ...]
    max_quantity: int
    on_unavailable: OnUnavailable


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """A plan's terms for one meter: units included per usage period, and what follows beyond them.

    `rate` is the price of overage; only the policy CREDITS has one, and it always has.
    """

    included: int
    policy: Policy
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class PlanPrice:
    """A plan's recurring price, and how each provider calls it (provider name -> price id, often empty)."""

    interval: Interval
    amount_nanos: int
    provider_price_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PlanCredits:
    """Credits that come with each usage period of a plan; no meters: they pay for any.

    They last for days, or with None until the period ends.
    """

    code: str
    amount_nanos: int
    category: GrantCategory
    priority: int
    meters: frozenset[str]
    lasts_days: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a subscription gives: `features` hold the access to products too, `meters` is by meter code.

    A higher rank is the better plan. A plan without prices is agreed individually; a free one has prices of 0.
    """

    code: str
    name: str
    rank: int
    prices: tuple[PlanPrice, ...]
    features: frozenset[str]
    meters: Mapping[str, MeterTerms]
    credits: tuple[PlanCredits, ...] = ()


@dataclass(frozen=True, slots=True)
class Pack:
    """An amount of credits that can be bought."""

    code: str
    amount_nanos: int


@dataclass(frozen=True, slots=True)
class Thresholds:
    """When a customer is warned: percentages of an allowance, ascending, and a balance that falls below an amount."""

    usage_percent: tuple[int, ...]
    credits_low_nanos: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One version of everything that is sold, in one currency (ISO 4217, lower case).

    `features` are those that are not the access to a product; meters and plans are by their codes.
    """

    name: str
    currency: str
    default_plan: str
    products: tuple[str, ...]
    features: tuple[str, ...]
    meters: Mapping[str, Meter]
    plans: Mapping[str, Plan]
    packs: tuple[Pack, ...]
    thresholds: Thresholds
    _meters_by_name: Mapping[str, Meter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {name: meter for meter in self.meters.values() for name in (meter.code, *meter.aliases)}
        object.__setattr__(self, "_meters_by_name", by_name)

    def meter(self, name: str) -> Meter | None:
        """Find a meter by its code or by one of its aliases."""
        return self._meters_by_name.get(name)

    def meter_names(self) -> frozenset[str]:
        """Every name a client may call a meter by: codes and aliases."""
        return frozenset(self._meters_by_name)


@dataclass(frozen=True, slots=True)
class CatalogueHistory:
    """All applied versions by number, at least one; and when each was applied, where that is known."""

    versions: Mapping[int, Catalogue]
    applied_us: Mapping[int, int] = field(default_factory=dict)
    newest_version: int = field(init=False, compare=False)
    """0 where nothing was applied yet."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "newest_version", max(self.versions, default=0))

    def version_at(self, at_us: int) -> int:
        """The newest version that had been applied by an instant; the first one, for what lies before it."""
        applied = [version for version in self.versions if self.applied_us.get(version, at_us) <= at_us]
        return max(applied, default=min(self.versions))

    @property
    def newest(self) -> Catalogue:
        return self.versions[self.newest_version]


class CatalogueError(Reported):
    """A mistake in a catalogue: `key_path` is the place ("plans.pro.meters.api_calls.rate"), empty for bad syntax."""

    def __init__(self, key_path: str, message: str) -> None:
        super().__init__(f"{key_path}: {message}" if key_path else message)
        self.key_path = key_path
        self.message = message


def access_feature(product: str) -> str:
    """Name the feature that gives access to a product (requirement E6)."""
    return f"{product}.access"


def check_successor(old: Catalogue, new: Catalogue) -> None:
    """Refuse a new version that would break what accounts and clients already hold.

    The currency stays; products, meters and aliases stay and keep their meaning, since limits and names always come
    from the newest version (design: Catalogue). Plans may come and go: subscriptions keep the version they were
    bought under. Raises CatalogueError.
    """
    if new.currency != old.currency:
        raise CatalogueError("currency", f"must stay {old.currency!r}: balances are kept in it")
    for product in old.products:
        if product not in new.products:
            raise CatalogueError("products", f"the product {product!r} was removed; products can only be added")
    for code, meter in old.meters.items():
        _check_meter_kept(meter, new, f"meters.{code}")


def _check_meter_kept(meter: Meter, new: Catalogue, path: str) -> None:
    successor = new.meters.get(meter.code)
    if successor is None:
        raise CatalogueError(path, "the meter was removed; meters can only be added")
    if successor.kind is not meter.kind:
        raise CatalogueError(f"{path}.kind", f"must stay {meter.kind.value!r}")
    for alias in meter.aliases:
        found = new.meter(alias)
        if found is None:
            raise CatalogueError(f"{path}.aliases", f"the alias {alias!r} was removed; aliases can only be added")
        if found.code != meter.code:
            raise CatalogueError(f"{path}.aliases", f"the alias {alias!r} now means {found.code!r}")
