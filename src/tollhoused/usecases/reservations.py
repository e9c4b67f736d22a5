"""Reservations: hold, extend, commit, release, and see how they stand (requirement U7)."""

from collections.abc import Mapping
from dataclasses import dataclass

from tollhoused.domain.account import MAX_QUANTITY, Account
from tollhoused.domain.books import Settled
from tollhoused.domain.commands import (
    NOBODY,
    CommitReservation,
    ExtendReservation,
    ReleaseReservation,
    ReserveUsage,
    Tick,
)
from tollhoused.domain.identity import MatchedBy, Subject
from tollhoused.domain.instants import MINUTE_US, SECOND_US
from tollhoused.domain.reservation import OnExpiry, OverCommit, Reservation
from tollhoused.domain.reservations import LIFE_MAX_US
from tollhoused.errors import InvalidField, ReservationNotFound
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading, single
from tollhoused.usecases.pages import cursor_text, cursor_values

TTL_DEFAULT_US = 15 * MINUTE_US
TTL_MIN_US = SECOND_US
LAST = "~"
"""Sorts behind every id."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller wants held; `ttl_us` is None where the default will do."""

    subject: Subject
    product: str
    meter: str
    quantity: int
    ttl_us: int | None
    on_expiry: OnExpiry
    over_commit: OverCommit
    metadata: Mapping[str, str]


def reserve(core: Core, call: Call, wish: Wish, idempotency_key: str, validate_only: bool) -> Settled:
    """Holds allowance and credits, or refuses as recording them under ENFORCE would."""
    forms.idempotency_key(idempotency_key)
    product = call.product(core.catalogue, wish.product)
    meter = forms.counter_meter(core.catalogue, wish.meter)
    forms.quantity(meter, wish.quantity)
    match = core.match(wish.subject)
    command = ReserveUsage(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=wish.subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        new_id=core.new_id("rsv"),
        product=product,
        meter=meter.code,
        quantity=wish.quantity,
        ttl_us=TTL_DEFAULT_US if wish.ttl_us is None else _ttl(wish.ttl_us),
        on_expiry=wish.on_expiry,
        over_commit=wish.over_commit,
        metadata=forms.metadata(wish.metadata),
    )
    return core.run(call, command, validate_only)


def extend(
    core: Core, call: Call, reservation_id: str, ttl_us: int | None, idempotency_key: str, validate_only: bool
) -> Settled:
    """Moves the end of an open reservation."""
    forms.idempotency_key(idempotency_key)
    if ttl_us is None:
        raise InvalidField("ttl", "is required")
    wanted_us = _ttl(ttl_us)
    account_id, found = _find(core, call, reservation_id)
    command = ExtendReservation(
        client=call.client,
        idempotency_key=idempotency_key,
        account_id=account_id,
        reservation_id=found.id,
        meter=found.meter,
        segment_start_us=found.segment_start_us,
        ttl_us=wanted_us,
    )
    return core.run(call, command, validate_only)


def commit(
    core: Core,
    call: Call,
    reservation_id: str,
    quantity: int,
    metadata: Mapping[str, str],
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Records what was used, gives the rest back."""
    forms.idempotency_key(idempotency_key)
    forms.in_range(quantity, 0, MAX_QUANTITY, "quantity")
    note = forms.metadata(metadata)
    account_id, found = _find(core, call, reservation_id)
    meter = forms.counter_meter(core.catalogue, found.meter)
    forms.in_range(quantity, 0, meter.max_quantity, "quantity")
    command = CommitReservation(
        client=call.client,
        idempotency_key=idempotency_key,
        account_id=account_id,
        reservation_id=found.id,
        meter=found.meter,
        segment_start_us=found.segment_start_us,
        quantity=quantity,
        metadata=note,
    )
    return core.run(call, command, validate_only)


def release(core: Core, call: Call, reservation_id: str, idempotency_key: str, validate_only: bool) -> Settled:
    """Gives everything back."""
    forms.idempotency_key(idempotency_key)
    account_id, found = _find(core, call, reservation_id)
    command = ReleaseReservation(
        client=call.client,
        idempotency_key=idempotency_key,
        account_id=account_id,
        reservation_id=found.id,
        meter=found.meter,
        segment_start_us=found.segment_start_us,
    )
    return core.run(call, command, validate_only)


def get(core: Core, call: Call, reservation_id: str) -> tuple[str, Reservation]:
    """The account and the reservation as it stands now: one whose time is over is ended first."""
    account_id, found = _find(core, call, reservation_id)
    if found.is_open and found.expires_us <= core.clock():
        single(core.run_all(call, [_tick(account_id)], validate_only=False))
        account_id, found = _find(core, call, reservation_id)
    return account_id, found


def list_of(
    core: Core,
    call: Call,
    subject: Subject,
    *,
    product: str,
    include_ended: bool,
    page_size: int,
    page_token: str,
) -> tuple[Account, list[Reservation], str]:
    """A page of an account's reservations, newest first. Returns account, reservations, next token."""
    product = call.product(core.catalogue, product, required=bool(call.products))
    match = core.resolve(subject)
    account = core.up_to_date(call, match, subject)
    before = _cursor(page_token)
    with reading():
        found = core.store.reservations(match.account_id, product or None, include_ended, before, page_size + 1)
    page = found[:page_size]
    return account, page, cursor_text([page[-1].id]) if len(found) > page_size else ""


def _find(core: Core, call: Call, reservation_id: str) -> tuple[str, Reservation]:
    """The account and the reservation as stored. Those of products that the caller does not speak for are not found."""
    forms.text("reservation_id", reservation_id, forms.ID_LENGTH_MAX)
    with reading():
        found = core.store.reservation(reservation_id)
    if found is None or (call.products and found[1].product not in call.products):
        raise ReservationNotFound("no reservation has this id", reservation_id=reservation_id)
    return found


def _ttl(ttl_us: int) -> int:
    if not TTL_MIN_US <= ttl_us <= LIFE_MAX_US:
        raise InvalidField("ttl", "must be from 1 second to 7 days")
    return ttl_us


def _tick(account_id: str) -> Tick:
    return Tick(client="", idempotency_key="", subject=NOBODY, account_id=account_id, matched_by=MatchedBy.USER_ID)


def _cursor(token: str) -> str:
    if not token:
        return LAST
    match cursor_values(token):
        case [str(before)]:
            return before
    raise InvalidField("page_token", "is not a token of this list")
