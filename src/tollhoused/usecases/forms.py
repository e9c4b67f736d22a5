"""The form of what callers send: each rule names the field that breaks it. The limits stand in the proto comments."""

import json
from collections.abc import Mapping

from tollhoused.domain.catalogue import Catalogue, Meter, MeterKind
from tollhoused.domain.identity import Subject, normalized_email
from tollhoused.domain.money import MAX_NANOS
from tollhoused.domain.periods import check_zone
from tollhoused.errors import InvalidField

KEY_LENGTH_MAX = 255
ID_LENGTH_MAX = 255
EMAIL_LENGTH_MAX = 320
NAME_LENGTH_MAX = 64
FEATURE_LENGTH_MAX = 128
REASON_LENGTH_MAX = 500
METADATA_ENTRIES_MAX = 20
METADATA_KEY_LENGTH_MAX = 64
METADATA_VALUE_LENGTH_MAX = 256


def text(field: str, value: str, length_max: int, *, required: bool = True) -> str:
    """Text of bounded length, without U+0000, which PostgreSQL cannot store."""
    if not value:
        if required:
            raise InvalidField(field, "is required")
        return value
    if len(value) > length_max:
        raise InvalidField(field, f"is longer than {length_max} characters")
    if "\0" in value:
        raise InvalidField(field, "contains U+0000")
    return value


def idempotency_key(value: str, field: str = "idempotency_key") -> str:
    """1 to 255 characters."""
    return text(field, value, KEY_LENGTH_MAX)


def subject(user_id: str, email: str, org_id: str, field: str = "subject") -> Subject:
    """At least one part. E-mails are trimmed and lower-cased."""
    if not (user_id or email or org_id):
        raise InvalidField(field, "needs a user_id, an email or an org_id")
    return Subject(
        text(f"{field}.user_id", user_id, ID_LENGTH_MAX, required=False),
        email_address(f"{field}.email", email),
        text(f"{field}.org_id", org_id, ID_LENGTH_MAX, required=False),
    )


def person(user_id: str, email: str) -> Subject:
    """A person by at least one of the two names, given as fields of their own."""
    if not (user_id or email):
        raise InvalidField("user_id", "is required unless an email is given")
    return Subject(user_id=text("user_id", user_id, ID_LENGTH_MAX, required=False), email=email_address("email", email))


def email_address(field: str, value: str) -> str:
    """Something before and after one @; empty stays empty."""
    if not value:
        return value
    address = normalized_email(text(field, value, EMAIL_LENGTH_MAX))
    name, _, host = address.rpartition("@")
    if not name or not host or any(character.isspace() for character in address):
        raise InvalidField(field, "is not an e-mail address")
    return address


def product(catalogue: Catalogue, value: str, field: str = "product", *, required: bool = True) -> str:
    """A product of the catalogue."""
    text(field, value, NAME_LENGTH_MAX, required=required)
    if value and value not in catalogue.products:
        raise InvalidField(field, f"{value!r} is not a product; known are {', '.join(catalogue.products)}")
    return value


def meter(catalogue: Catalogue, value: str, field: str = "meter") -> Meter:
    """A meter of the catalogue, by its code or an alias."""
    text(field, value, NAME_LENGTH_MAX)
    found = catalogue.meter(value)
    if found is None:
        raise InvalidField(field, f"{value!r} is not a meter; known are {', '.join(sorted(catalogue.meters))}")
    return found


def counter_meter(catalogue: Catalogue, value: str, field: str = "meter") -> Meter:
    """A meter that counts events, for what levels have no part in."""
    found = meter(catalogue, value, field)
    if found.kind is not MeterKind.COUNTER:
        raise InvalidField(field, f"{found.code} is a gauge; only counters can be used here")
    return found


def gauge_meter(catalogue: Catalogue, value: str, field: str = "meter") -> Meter:
    """A meter that has a level; what is counted cannot be set."""
    found = meter(catalogue, value, field)
    if found.kind is not MeterKind.GAUGE:
        raise InvalidField(field, f"{found.code} is a counter; only gauges have a level")
    return found


def quantity(of: Meter, value: int, field: str = "quantity") -> int:
    """1 to the meter's maximum for one event."""
    if not 1 <= value <= of.max_quantity:
        raise InvalidField(field, f"must be from 1 to {of.max_quantity} for {of.code}")
    return value


def metadata(value: Mapping[str, str], field: str = "metadata") -> str | None:
    """A few short texts, stored as canonical JSON; None where there are none."""
    if not value:
        return None
    if len(value) > METADATA_ENTRIES_MAX:
        raise InvalidField(field, f"has more than {METADATA_ENTRIES_MAX} entries")
    for key, item in value.items():
        text(f"{field}.key", key, METADATA_KEY_LENGTH_MAX)
        text(f"{field}[{key!r}]", item, METADATA_VALUE_LENGTH_MAX, required=False)
    return json.dumps(dict(value), sort_keys=True, separators=(",", ":"))


def currency(catalogue: Catalogue, value: str, field: str = "currency") -> str:
    """The catalogue's currency; others are refused, never converted."""
    if text(field, value, NAME_LENGTH_MAX) != catalogue.currency:
        raise InvalidField(field, f"must be {catalogue.currency!r}: amounts are not converted")
    return value


def zone(value: str, field: str = "zone") -> str:
    """An IANA time zone; UTC where none is given."""
    name = text(field, value or "UTC", NAME_LENGTH_MAX)
    try:
        check_zone(name)
    except ValueError:
        raise InvalidField(field, f"{name!r} is not an IANA time zone") from None
    return name


def amount(value: int, field: str = "amount_nanos", *, signed: bool = False) -> int:
    """1 to 2**62 nanos; signed amounts may also be negative, but not zero."""
    if value == 0 or abs(value) > MAX_NANOS or (value < 0 and not signed):
        raise InvalidField(field, "must be from 1 to 2^62" + (" or from -2^62 to -1" if signed else ""))
    return value


def in_range(value: int, least: int, most: int, field: str) -> int:
    """A number from `least` to `most`, both included."""
    if not least <= value <= most:
        raise InvalidField(field, f"must be from {least} to {most}")
    return value
