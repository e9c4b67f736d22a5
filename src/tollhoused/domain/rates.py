"""What a quantity costs: unit, package and graduated prices.

Source: requirements C1 and C2. A rate is an amount per `per_units` units, so that $0.002 per 1,000 tokens is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tollhoused.domain.money import MAX_NANOS

# A quantity that a JavaScript client still holds exactly; far below what a 64-bit counter holds.
MAX_UNITS = 10**15
MAX_TIERS = 100


class RateModel(StrEnum):
    """How a price follows from a quantity."""

    UNIT = "unit"  # pro rata: quantity * price / per_units
    PACKAGE = "package"  # whole packages of per_units, a begun one in full
    GRADUATED = "graduated"  # pro rata, each tier's part at that tier's price


class RateError(ValueError):
    """A rate that contradicts itself; `field` is the path inside the rate, such as "tiers[1].up_to"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a graduated rate: the price of the units up to and including `up_to`, None for all the rest."""

    up_to: int | None
    price_nanos: int


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in nanos per `per_units` units; a graduated rate has its prices in `tiers` and none of its own.

    Raises RateError when it contradicts itself: a rate that exists can always price any quantity.
    """

    price_nanos: int
    per_units: int = 1
    model: RateModel = RateModel.UNIT
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        _check_range("per_units", self.per_units, 1, MAX_UNITS)
        _check_range("price", self.price_nanos, 0, MAX_NANOS)
        if self.model is RateModel.GRADUATED:
            if self.price_nanos:
                raise RateError("price", "a graduated rate has its prices in its tiers")
            _check_tiers(self.tiers)
        elif self.tiers:
            raise RateError("tiers", f"a {self.model} rate has no tiers")


def price(rate: Rate, quantity: int) -> int:
    """Price a cumulative quantity in nanos, rounded half up once.

    It never falls when the quantity grows. Charging an event means price(after) - price(before), so that a usage
    split into many reports costs exactly what one report of the whole costs.
    """
    assert quantity >= 0, quantity
    match rate.model:
        case RateModel.UNIT:
            return _round_half_up(quantity * rate.price_nanos, rate.per_units)
        case RateModel.PACKAGE:
            return -(-quantity // rate.per_units) * rate.price_nanos
        case RateModel.GRADUATED:
            # The tiers share per_units, so their parts add up before the one rounding.
            return _round_half_up(_graduated(rate.tiers, quantity), rate.per_units)


def rate_to_json(rate: Rate) -> dict[str, object]:
    """Describe a rate as JSON values, leaving out what is default: {"price_nanos": 2000000, "per_units": 1000}.

    A tier is a pair [up_to or null, price_nanos].
    """
    data: dict[str, object] = {"price_nanos": rate.price_nanos}
    if rate.per_units != 1:
        data["per_units"] = rate.per_units
    if rate.model is not RateModel.UNIT:
        data["model"] = rate.model.value
    if rate.tiers:
        data["tiers"] = [[tier.up_to, tier.price_nanos] for tier in rate.tiers]
    return data


def rate_from_json(data: object) -> Rate:
    """Read what `rate_to_json` wrote. Raises ValueError (RateError where a field is to blame) for anything else."""
    if not isinstance(data, Mapping):
        raise ValueError("a rate must be an object")
    unknown = sorted(str(key) for key in data.keys() - {"price_nanos", "per_units", "model", "tiers"})
    if unknown:
        raise ValueError(f"a rate has no field {unknown[0]!r}")
    tiers = data.get("tiers", [])
    if not isinstance(tiers, list):
        raise ValueError("a rate's tiers must be a list")
    return Rate(
        price_nanos=_integer(data.get("price_nanos")),
        per_units=_integer(data.get("per_units", 1)),
        model=RateModel(data.get("model", RateModel.UNIT)),
        tiers=tuple(_tier_from_json(tier) for tier in tiers),
    )


def _graduated(tiers: tuple[Tier, ...], quantity: int) -> int:
    total, priced = 0, 0
    for tier in tiers:
        end = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += (end - priced) * tier.price_nanos
        priced = end
        if priced == quantity:
            break
    return total


def _round_half_up(dividend: int, divisor: int) -> int:
    return (dividend * 2 + divisor) // (divisor * 2)


def _check_tiers(tiers: tuple[Tier, ...]) -> None:
    if not tiers:
        raise RateError("tiers", "a graduated rate needs at least one tier")
    if len(tiers) > MAX_TIERS:
        raise RateError("tiers", f"at most {MAX_TIERS} tiers")
    below = 0
    for index, tier in enumerate(tiers):
        field = f"tiers[{index}]"
        _check_range(f"{field}.price", tier.price_nanos, 0, MAX_NANOS)
        is_last = index == len(tiers) - 1
        if tier.up_to is None:
            if not is_last:
                raise RateError(f"{field}.up_to", "only the last tier has no bound")
        elif is_last:
            raise RateError(f"{field}.up_to", "the last tier must have no bound, it prices all the rest")
        elif tier.up_to <= below:
            raise RateError(f"{field}.up_to", f"bounds must ascend: {tier.up_to} does not exceed {below}")
        else:
            _check_range(f"{field}.up_to", tier.up_to, 1, MAX_UNITS)
            below = tier.up_to


def _check_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise RateError(field, f"must be between {low} and {high}")


def _tier_from_json(data: object) -> Tier:
    if not isinstance(data, list) or len(data) != 2:
        raise ValueError("a tier must be a pair of its bound and its price")
    up_to, price_nanos = data
    return Tier(up_to=None if up_to is None else _integer(up_to), price_nanos=_integer(price_nanos))


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a rate's numbers must be integers")
    return value
