"""Usage that expiries have counted and nobody has booked yet, as it will be read once it is booked."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from tollhoused.domain.books import Operation
from tollhoused.domain.charts import Stretch, UnitTotal
from tollhoused.domain.reservation import Reservation


def newest_first(event: Operation) -> tuple[int, str, str]:
    """The order of lists of usage."""
    return -event.stored_us, event.idempotency_key, event.client


def still_unbooked(
    unbooked: Iterable[Reservation],
    still_open: Collection[Sequence[str]],
    meter: str | None,
    product: str | None,
) -> Iterator[Reservation]:
    """Those that the store still has open, in rows of their ids: others were booked since the account was read."""
    for each in unbooked:
        if (each.id,) in still_open and meter in (None, each.meter) and product in (None, each.product):
            yield each


def unit_totals(ended: Iterable[Reservation], stretches: Sequence[Stretch], *, by_product: bool) -> Iterator[UnitTotal]:
    """What they count in the stretches, at the instants at which they were made."""
    for each in ended:
        if any(from_us <= each.created_us < to_us for from_us, to_us, _ in stretches):
            product = each.product if by_product else ""
            yield UnitTotal(each.created_us, each.meter, product, each.used, each.overage, each.charged_nanos, 1)
