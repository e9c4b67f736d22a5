"""From the messages of the contract to the values that use cases take; what has no such value is InvalidField.

Texts need no look here: protobuf's decoding refuses what is not UTF-8, and the use cases refuse what is too long or
holds U+0000.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from tollhouse.v1 import admin_service_pb2 as admin_pb
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import entitlement_service_pb2 as entitlement_pb
from tollhouse.v1 import reservation_service_pb2 as reservation_pb
from tollhouse.v1 import usage_service_pb2 as usage_pb

from tollhoused.domain.catalogue import GrantCategory, Policy
from tollhoused.domain.charts import Granularity
from tollhoused.domain.commands import Enforcement
from tollhoused.domain.identity import Subject
from tollhoused.domain.rates import Rate, RateError, RateModel, Tier
from tollhoused.domain.reservation import OnExpiry, OverCommit
from tollhoused.errors import InvalidField, TollhouseError
from tollhoused.usecases import forms, pages
from tollhoused.usecases.charts import ChartQuestion
from tollhoused.usecases.gauges import LevelReport
from tollhoused.usecases.usage import UsageReport

V = TypeVar("V")

SECONDS_MIN = -62_135_596_800
"""0001-01-01T00:00:00Z, the earliest instant of a Timestamp."""
SECONDS_MAX = 253_402_300_799
"""9999-12-31T23:59:59Z."""

DURATION_SECONDS_MAX = 315_576_000_000
"""The longest Duration: 10,000 years."""

ENFORCEMENTS: Mapping[int, Enforcement] = {
    common.ENFORCEMENT_UNSPECIFIED: Enforcement.ENFORCE,
    common.ENFORCEMENT_ENFORCE: Enforcement.ENFORCE,
    common.ENFORCEMENT_RECORD: Enforcement.RECORD,
}
CATEGORIES: Mapping[int, GrantCategory] = {
    credits_pb.GRANT_CATEGORY_PAID: GrantCategory.PAID,
    credits_pb.GRANT_CATEGORY_PROMOTIONAL: GrantCategory.PROMOTIONAL,
}
POLICIES: Mapping[int, Policy | None] = {
    common.POLICY_UNSPECIFIED: None,
    common.POLICY_HARD_LIMIT: Policy.HARD_LIMIT,
    common.POLICY_CREDITS: Policy.CREDITS,
    common.POLICY_UNMETERED: Policy.UNMETERED,
}
ON_EXPIRY: Mapping[int, OnExpiry] = {
    reservation_pb.ON_EXPIRY_UNSPECIFIED: OnExpiry.RELEASE,
    reservation_pb.ON_EXPIRY_RELEASE: OnExpiry.RELEASE,
    reservation_pb.ON_EXPIRY_COMMIT: OnExpiry.COMMIT,
}
OVER_COMMIT: Mapping[int, OverCommit] = {
    reservation_pb.OVER_COMMIT_UNSPECIFIED: OverCommit.RECORD,
    reservation_pb.OVER_COMMIT_REFUSE: OverCommit.REFUSE,
    reservation_pb.OVER_COMMIT_ENFORCE: OverCommit.ENFORCE,
    reservation_pb.OVER_COMMIT_RECORD: OverCommit.RECORD,
}
GRANULARITIES: Mapping[int, Granularity] = {
    usage_pb.GRANULARITY_HOUR: Granularity.HOUR,
    usage_pb.GRANULARITY_DAY: Granularity.DAY,
    usage_pb.GRANULARITY_MONTH: Granularity.MONTH,
}
RATE_MODELS: Mapping[int, RateModel] = {
    common.RATE_MODEL_UNSPECIFIED: RateModel.UNIT,
    common.RATE_MODEL_UNIT: RateModel.UNIT,
    common.RATE_MODEL_PACKAGE: RateModel.PACKAGE,
    common.RATE_MODEL_GRADUATED: RateModel.GRADUATED,
}


def instant(field: str, value: Timestamp) -> int:
    """Microseconds since the epoch; finer digits are cut off."""
    seconds, nanos = value.seconds, value.nanos
    if not SECONDS_MIN <= seconds <= SECONDS_MAX or not 0 <= nanos <= 999_999_999:
        raise InvalidField(field, "must lie in the years 1 to 9999, with nanos from 0 to 999999999")
    return seconds * 1_000_000 + nanos // 1_000


def given_instant(request: Message, field: str) -> int | None:
    """The instant in one field of a request, None where it is absent."""
    return instant(field, getattr(request, field)) if request.HasField(field) else None


def given_duration(request: Message, field: str) -> int | None:
    """The span in one field of a request, in microseconds, finer digits cut off; None where it is absent."""
    if not request.HasField(field):
        return None
    value: Duration = getattr(request, field)
    seconds, nanos = value.seconds, value.nanos
    if abs(seconds) > DURATION_SECONDS_MAX or abs(nanos) > 999_999_999 or seconds * nanos < 0:
        raise InvalidField(field, "must be a span within 10,000 years, its seconds and nanos of the same sign")
    return (seconds * 1_000_000_000 + nanos) // 1_000


def time_range(
    request: usage_pb.ListUsageEventsRequest | credits_pb.ListLedgerEntriesRequest | admin_pb.ListAuditEntriesRequest,
    now_us: int,
) -> pages.TimeRange:
    """The stretch of time that a list is about."""
    return pages.time_range(given_instant(request, "start_time"), given_instant(request, "end_time"), now_us)


def known(field: str, table: Mapping[int, V], number: int) -> V:
    """The value that an enum's number stands for."""
    try:
        return table[number]
    except KeyError:
        raise InvalidField(field, f"{number} is not one of the values that may be sent") from None


def subject(value: common.Subject, field: str = "subject") -> Subject:
    """Who is meant; an absent message has no part and is refused like an empty one."""
    return forms.subject(value.user_id, value.email, value.org_id, field)


def subjects(values: Sequence[common.Subject]) -> list[Subject | TollhouseError]:
    """Each subject of a batch, or what is wrong with it."""
    read: list[Subject | TollhouseError] = []
    for index, value in enumerate(values):
        try:
            read.append(subject(value, f"subjects[{index}]"))
        except TollhouseError as refusal:
            read.append(refusal)
    return read


def usage_report(value: usage_pb.RecordUsageRequest | usage_pb.UsageItem) -> UsageReport:
    """One usage event as it was sent, alone or in a batch."""
    who = value.subject
    return UsageReport(
        who.user_id,
        who.email,
        who.org_id,
        value.product,
        value.meter,
        value.quantity,
        instant("event_time", value.event_time) if value.HasField("event_time") else None,
        known("enforcement", ENFORCEMENTS, value.enforcement),
        value.metadata,
        value.idempotency_key,
        value.create_if_missing,
    )


def level_report(value: usage_pb.SetUsageRequest) -> LevelReport:
    """A level, or its change, as it was sent."""
    return LevelReport(
        subject(value.subject),
        value.product,
        value.meter,
        value.level if value.WhichOneof("value") == "level" else None,
        value.delta if value.WhichOneof("value") == "delta" else None,
        given_instant(value, "event_time"),
        known("enforcement", ENFORCEMENTS, value.enforcement),
        value.metadata,
    )


def usage_reports(values: Sequence[usage_pb.UsageItem]) -> list[UsageReport | TollhouseError]:
    """Each usage event of a batch, or what is wrong with it."""
    reports: list[UsageReport | TollhouseError] = []
    for value in values:
        try:
            reports.append(usage_report(value))
        except TollhouseError as refusal:
            reports.append(refusal)
    return reports


def usage_question(value: entitlement_pb.CheckUsageRequest) -> UsageReport:
    """The usage event that a question is about: it has no key, and ENFORCE would decide."""
    who = value.subject
    return UsageReport(
        who.user_id,
        who.email,
        who.org_id,
        value.product,
        value.meter,
        value.quantity,
        instant("event_time", value.event_time) if value.HasField("event_time") else None,
        Enforcement.ENFORCE,
        {},
        "",
    )


def chart_question(value: usage_pb.QueryUsageRequest) -> ChartQuestion:
    """What a question for totals asks."""
    return ChartQuestion(
        subject(value.subject),
        known("granularity", GRANULARITIES, value.granularity),
        given_instant(value, "start_time"),
        given_instant(value, "end_time"),
        value.zone,
        value.meter,
        value.product,
        value.by_meter,
        value.by_product,
        value.page_size,
        value.page_token,
    )


def rate(field: str, value: common.Rate) -> Rate:
    """A price; a contradiction in it is named by the field of the message."""
    tiers = tuple(Tier(tier.up_to if tier.HasField("up_to") else None, tier.price_nanos) for tier in value.tiers)
    model = known(f"{field}.model", RATE_MODELS, value.model)
    try:
        return Rate(value.price_nanos, value.per_units or 1, model, tiers)
    except RateError as error:
        name = f"{error.field}_nanos" if error.field.endswith("price") else error.field
        raise InvalidField(f"{field}.{name}", error.message) from None
