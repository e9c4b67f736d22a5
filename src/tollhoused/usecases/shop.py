"""Money that comes in for credits: top-ups, payment links, and accounts that buy by themselves (C5, C6, S5)."""

from collections.abc import Sequence
from typing import NamedTuple

from tollhoused.domain.books import Settled
from tollhoused.domain.catalogue import Catalogue
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.intent import AutoReload, Intent, IntentKind
from tollhoused.domain.intents import CreatePaymentLink, CreateTopUp, fingerprints
from tollhoused.domain.money import MAX_NANOS, format_amount
from tollhoused.domain.payments import NANOS_PER_MINOR
from tollhoused.domain.reload import ResumeAutoReload, SetAutoReload
from tollhoused.errors import InvalidField, OrderNotFound
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.orders import Placed, place, the_desk
from tollhoused.usecases.urls import return_url

ITEMS_MAX = 20
QUANTITY_MAX = 1_000
ITEM_NAME_MAX = 100
RELOADS_MAX = 1_000


class PackItem(NamedTuple):
    """So many of a pack of the catalogue."""

    pack: str
    quantity: int


class AdHocItem(NamedTuple):
    """Something that the catalogue does not have: it brings no credits."""

    name: str
    amount_nanos: int
    quantity: int


def create_top_up(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    amount_nanos: int,
    currency: str,
    back_to: str,
    idempotency_key: str,
    validate_only: bool,
) -> Placed:
    """Opens a page on which one of the catalogue's packs is bought."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    forms.currency(core.catalogue, currency)
    _pack(core.catalogue, amount_nanos, "amount_nanos")
    url = return_url("return_url", back_to, desk.return_origins)
    match = core.match(subject)
    command = CreateTopUp(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        asks=IntentKind.TOP_UP,
        intent_id=core.new_id("int"),
        provider=desk.name,
        credits_nanos=amount_nanos,
        price_minor=amount_nanos // NANOS_PER_MINOR,
        order={"name": _name_of(core.catalogue, amount_nanos), "success_url": url, "cancel_url": url},
        sent=fingerprints({"amount_nanos": amount_nanos, "return_url": url}, "return_url"),
    )
    return place(core, call, command, validate_only)


def create_payment_link(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    items: Sequence[PackItem],
    ad_hoc: AdHocItem | None,
    currency: str,
    back_to: str,
    idempotency_key: str,
    validate_only: bool,
) -> Placed:
    """Makes a link that is paid once, for packs of the catalogue or for one item that it does not have."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    forms.currency(core.catalogue, currency)
    if bool(items) == bool(ad_hoc):
        raise InvalidField("items", "either these or ad_hoc must be given, and not both")
    if len(items) > ITEMS_MAX:
        raise InvalidField("items", f"has more than {ITEMS_MAX} entries")
    url = return_url("return_url", back_to, desk.return_origins)
    if ad_hoc:
        credits_nanos, lines = 0, [_ad_hoc_line(ad_hoc)]
    else:
        found = [_pack_line(core.catalogue, item, f"items[{index}]") for index, item in enumerate(items)]
        lines = [line for _, line in found]
        credits_nanos = sum(nanos for nanos, _ in found)
    match = core.match(subject)
    command = CreatePaymentLink(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        asks=IntentKind.PAYMENT_LINK,
        intent_id=core.new_id("int"),
        provider=desk.name,
        credits_nanos=credits_nanos,
        price_minor=sum(unit_minor * quantity for _, unit_minor, quantity in lines),
        order={"items": lines, "return_url": url},
        sent=fingerprints(
            {"items": [list(item) for item in items], "ad_hoc": list(ad_hoc) if ad_hoc else None, "return_url": url},
            "ad_hoc",
            "return_url",
        ),
    )
    return place(core, call, command, validate_only)


def get_top_up(core: Core, order_id: str) -> tuple[str, Intent]:
    """An order that a payment is for, with its account. Raises OrderNotFound."""
    forms.text("order_id", order_id, forms.ID_LENGTH_MAX)
    with reading():
        found = core.store.providers.intent(order_id)
    if found is None:
        raise OrderNotFound("there is no order of this id", order_id=order_id)
    return found


def get_auto_reload(core: Core, subject: Subject) -> tuple[Match, str, AutoReload | None]:
    """How an account buys credits by itself: its match and currency, and None where it never was told to."""
    view = core.view(subject)
    return view.match, view.account.currency, view.account.reload


def set_auto_reload(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    enabled: bool,
    threshold_nanos: int,
    amount_nanos: int,
    currency: str,
    monthly_count_max: int,
    monthly_nanos_max: int,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Has an account buy a pack whenever its available credits are below an amount, within caps for a month."""
    forms.idempotency_key(idempotency_key)
    desk = the_desk(core)
    forms.currency(core.catalogue, currency)
    _pack(core.catalogue, amount_nanos, "amount_nanos")
    match = core.match(subject)
    command = SetAutoReload(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        provider=desk.name,
        enabled=enabled,
        threshold_nanos=forms.in_range(threshold_nanos, 1, MAX_NANOS, "threshold_nanos"),
        amount_nanos=amount_nanos,
        monthly_count_max=forms.in_range(monthly_count_max, 1, RELOADS_MAX, "monthly_count_max"),
        monthly_nanos_max=forms.in_range(monthly_nanos_max, amount_nanos, MAX_NANOS, "monthly_nanos_max"),
    )
    return core.run(call, command, validate_only)


def resume_auto_reload(
    core: Core, call: Call, *, subject: Subject, idempotency_key: str, validate_only: bool
) -> Settled:
    """Lets an auto-reload try again that has stopped after declines."""
    forms.idempotency_key(idempotency_key)
    match = core.match(subject)
    command = ResumeAutoReload(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
    )
    return core.run(call, command, validate_only)


def _pack(catalogue: Catalogue, amount_nanos: int, field: str) -> None:
    amounts = sorted({pack.amount_nanos for pack in catalogue.packs})
    if amount_nanos not in amounts:
        raise InvalidField(field, f"must be one of the catalogue's packs, in nanos: {', '.join(map(str, amounts))}")


def _name_of(catalogue: Catalogue, amount_nanos: int) -> str:
    """What a customer reads beside the price."""
    return f"{format_amount(amount_nanos)} {catalogue.currency.upper()} of credits"


def _pack_line(catalogue: Catalogue, item: PackItem, field: str) -> tuple[int, tuple[str, int, int]]:
    forms.text(f"{field}.pack", item.pack, forms.NAME_LENGTH_MAX)
    pack = next((pack for pack in catalogue.packs if pack.code == item.pack), None)
    if pack is None:
        known = ", ".join(pack.code for pack in catalogue.packs)
        raise InvalidField(f"{field}.pack", f"{item.pack!r} is not a pack; known are {known}")
    quantity = forms.in_range(item.quantity, 1, QUANTITY_MAX, f"{field}.quantity")
    line = (_name_of(catalogue, pack.amount_nanos), pack.amount_nanos // NANOS_PER_MINOR, quantity)
    return pack.amount_nanos * quantity, line


def _ad_hoc_line(item: AdHocItem) -> tuple[str, int, int]:
    name = forms.text("ad_hoc.name", item.name, ITEM_NAME_MAX)
    nanos = forms.in_range(item.amount_nanos, NANOS_PER_MINOR, MAX_NANOS // QUANTITY_MAX, "ad_hoc.amount_nanos")
    if nanos % NANOS_PER_MINOR:
        raise InvalidField("ad_hoc.amount_nanos", f"must be a multiple of {NANOS_PER_MINOR}: whole cents")
    return name, nanos // NANOS_PER_MINOR, forms.in_range(item.quantity, 1, QUANTITY_MAX, "ad_hoc.quantity")
