"""Totals of what was used, by hour, day or month (requirement U12)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tollhoused.domain.catalogue import MeterKind
from tollhoused.domain.charts import Buckets, Granularity, UnitTotal, UsageTotal, cut, unbooked_expiries
from tollhoused.domain.identity import Subject
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.periods import END_INSTANT_US
from tollhoused.errors import AmountOutOfRange, InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.pages import TimeRange, cursor_text, cursor_values

TOTALS_MAX = 10_000
"""In one page, and its default: a chart should be one answer."""

RANGE_DEFAULT_US: Mapping[Granularity, int] = {
    Granularity.HOUR: DAY_US,
    Granularity.DAY: 31 * DAY_US,
    Granularity.MONTH: 366 * DAY_US,
}
RANGE_MAX_US: Mapping[Granularity, int] = {
    Granularity.HOUR: 31 * DAY_US,
    Granularity.DAY: 366 * DAY_US,
    Granularity.MONTH: 1_830 * DAY_US,
}
TOTAL_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ChartQuestion:
    """What a caller asks. Instants are None, and names empty, where they were not given."""

    subject: Subject
    granularity: Granularity
    start_us: int | None
    end_us: int | None
    zone: str
    meter: str
    product: str
    by_meter: bool
    by_product: bool
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A page of totals by time, then meter, then product; buckets in which nothing counts are left out."""

    account_id: str
    zone: str
    currency: str
    period: TimeRange
    totals: list[UsageTotal]
    next_token: str


def query_usage(core: Core, call: Call, question: ChartQuestion) -> Chart:
    """Totals of counters by the instants at which usage counts, whenever it was recorded.

    Levels of gauges are left out: they do not add up.
    """
    code = question.meter
    meter = forms.counter_meter(core.catalogue, code).code if code else None
    product = call.product(core.catalogue, question.product, required=bool(call.products))
    size = forms.in_range(question.page_size, 0, TOTALS_MAX, "page_size") or TOTALS_MAX
    period = _range(question, core.clock())
    account = core.view(question.subject).account
    zone = forms.zone(question.zone) if question.zone else account.zone
    buckets = cut(period.start_us, period.end_us, zone, question.granularity)
    after = _cursor(question.page_token)
    if after:
        # What lies before the page is not asked for again; the bucket is the same one as long as the question is.
        bounds = [bound for bound in buckets.bounds if bound >= after[0]]
        if len(bounds) < 2 or bounds[0] != after[0]:
            raise InvalidField("page_token", "is not a token of this list")
        buckets = Buckets(bounds, buckets.unit_us)
    with reading():
        found = core.store.usage_totals(
            account.id,
            buckets.stretches(),
            core.rules.late_window_us,
            buckets.unit_us,
            by_product=question.by_product,
            meter=meter,
            product=product or None,
            unbooked=unbooked_expiries(account),
        )
    gauges = {each.code for each in core.catalogue.meters.values() if each.kind is MeterKind.GAUGE}
    counted = [each if question.by_meter else each._replace(meter="") for each in found if each.meter not in gauges]
    totals = [total for total in _summed(counted, buckets) if not after or _place(total) > after]
    page = totals[:size]
    token = cursor_text(list(_place(page[-1]))) if len(totals) > size else ""
    return Chart(account.id, zone, account.currency, period, page, token)


def _range(question: ChartQuestion, now_us: int) -> TimeRange:
    """Ends just after now and reaches back as far as is usual for the granularity, unless told otherwise."""
    longest_us = RANGE_MAX_US[question.granularity]
    end_us = now_us + 1 if question.end_us is None else question.end_us
    start_us = end_us - RANGE_DEFAULT_US[question.granularity] if question.start_us is None else question.start_us
    if start_us >= end_us:
        raise InvalidField("start_time", "must be earlier than end_time")
    if end_us - start_us > longest_us:
        days = longest_us // DAY_US
        raise InvalidField("start_time", f"must lie within {days} days before end_time")
    if start_us < 0 or end_us > END_INSTANT_US - RANGE_DEFAULT_US[Granularity.MONTH]:
        raise InvalidField("start_time" if start_us < 0 else "end_time", "must lie in the years 1970 to 9997")
    return TimeRange(start_us, end_us)


def _summed(found: Iterable[UnitTotal], buckets: Buckets) -> list[UsageTotal]:
    """Units put together to buckets, in the order of pages."""
    sums: dict[tuple[int, int, str, str], list[int]] = {}
    for each in found:
        start_us, end_us = buckets.of(each.unit_us)
        total = sums.setdefault((start_us, end_us, each.meter, each.product), [0, 0, 0, 0])
        for index, value in enumerate((each.quantity, each.overage, each.charged_nanos, each.events)):
            total[index] += value
            if abs(total[index]) > TOTAL_MAX:
                raise AmountOutOfRange("a total leaves the range of 64 bits: ask for shorter buckets", total="usage")
    # Where everything was voided nothing counts.
    return sorted((UsageTotal(*key, *values) for key, values in sums.items() if any(values)), key=_place)


def _place(total: UsageTotal) -> tuple[int, str, str]:
    return total.start_us, total.meter, total.product


def _cursor(token: str) -> tuple[int, str, str] | None:
    if not token:
        return None
    match cursor_values(token):
        case [int(start_us), str(meter), str(product)]:
            return start_us, meter, product
    raise InvalidField("page_token", "is not a token of this list")
