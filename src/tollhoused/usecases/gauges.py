"""Setting and changing the levels of gauges (requirement U9)."""

from collections.abc import Mapping
from dataclasses import dataclass

from tollhoused.domain.books import Settled
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.identity import Subject
from tollhoused.errors import InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core


@dataclass(frozen=True, slots=True)
class LevelReport:
    """A level, or its change, as a caller sent it: one of the two is None, and so is `event_us` without a time."""

    subject: Subject
    product: str
    meter: str
    level: int | None
    delta: int | None
    event_us: int | None
    enforcement: Enforcement
    metadata: Mapping[str, str]


def set_usage(core: Core, call: Call, report: LevelReport, idempotency_key: str, validate_only: bool) -> Settled:
    """Settles a level exactly once per key. Raises its refusal."""
    forms.idempotency_key(idempotency_key)
    product = call.product(core.catalogue, report.product)
    meter = forms.gauge_meter(core.catalogue, report.meter)
    if report.level is not None:
        forms.in_range(report.level, 0, meter.max_quantity, "level")
    elif report.delta is None:
        raise InvalidField("level", "is required unless a delta is given")
    elif report.delta == 0 or abs(report.delta) > meter.max_quantity:
        raise InvalidField("delta", f"must be from 1 to {meter.max_quantity}, or the same below zero")
    match = core.match(report.subject)
    command = SetUsage(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=report.subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        product=product,
        meter=meter.code,
        level=report.level,
        delta=report.delta,
        event_us=report.event_us,
        enforcement=report.enforcement,
        metadata=forms.metadata(report.metadata),
    )
    return core.run(call, command, validate_only)
