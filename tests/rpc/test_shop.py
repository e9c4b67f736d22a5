"""Credits are bought at a provider, given back, disputed and sold by links: once each (requirements C5, C7, S5)."""

from typing import Any

import pytest
from google.protobuf.message import Message
from tollhouse.v1 import common_pb2 as common
from tollhouse.v1 import credits_service_pb2 as credits_pb
from tollhouse.v1 import entitlement_service_pb2 as entitlement_pb
from tollhouse.v1 import subscription_service_pb2 as pb

from tests.fakes.stripe.shapes import ApiError
from tests.fakes.stripe.world import Outcome
from tests.support.door import TIMEOUT_SECONDS, Door, ServerMaker, refusal, usage
from tests.support.house import CoreMaker, join, make_organization
from tests.support.storefront import BACK, DONE, Storefront, desk_of, person
from tollhoused.domain.intents import LinkCustomer
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.providers.stripe.provider import StripeProvider
from tollhoused.usecases import payments

SESSIONS, LINKS = "/v1/checkout/sessions", "/v1/payment_links"
WAITING, SUCCEEDED, EXPIRED = (
    credits_pb.ORDER_STATE_WAITING,
    credits_pb.ORDER_STATE_SUCCEEDED,
    credits_pb.ORDER_STATE_EXPIRED,
)


@pytest.fixture
def shop(storefront: Storefront) -> Storefront:
    storefront.door.make_user("anna", "anna@example.test")
    return storefront


def test_credits_are_bought_on_a_page_and_come_once(shop: Storefront) -> None:
    opened = shop.top_up("anna", 25).order
    assert (opened.state, opened.credits_nanos, opened.price_nanos) == (WAITING, 25 * 10**9, 25 * 10**9)
    assert shop.balance("anna") == 0
    shop.fake.shopper.complete_checkout(shop.session(opened))

    for _ in range(3):
        assert shop.hear() == []
        shop.heard.clear()

    assert shop.balance("anna") == 25
    settled = shop.order(opened.order_id)
    assert (settled.state, settled.url, bool(settled.grant_id)) == (SUCCEEDED, "", True)
    assert settled.HasField("settle_time")
    assert shop.charged() == [2_500]
    assert shop.findings() == []


def test_a_repeated_top_up_is_the_same_page(shop: Storefront) -> None:
    first, again = shop.top_up("anna"), shop.top_up("anna")

    assert (first.replayed, again.replayed, again.order) == (False, True, first.order)
    assert shop.posts(SESSIONS) == 1


@pytest.mark.parametrize(("field", "value"), [("amount_nanos", 25 * 10**9), ("return_url", DONE)])
def test_a_key_stands_for_what_it_came_with(shop: Storefront, field: str, value: Any) -> None:
    shop.top_up("anna")
    request: Any = _top_up(10)
    setattr(request, field, value)

    found = refusal(shop.door.credits.CreateTopUp, request)

    assert (found.reason, found.metadata["field"]) == ("IDEMPOTENCY_KEY_REUSED", field)


def test_what_is_only_validated_is_not_asked_for(shop: Storefront) -> None:
    before = len(shop.fake.requests)

    top_up = shop.top_up("anna", validate_only=True)
    link = _link(shop, items=[pb.PackItem(pack="credits_10", quantity=2)], validate_only=True)

    assert (top_up.order.credits_nanos, top_up.order.url, link.order.credits_nanos) == (10 * 10**9, "", 20 * 10**9)
    assert len(shop.fake.requests) == before
    asked = credits_pb.GetTopUpRequest(order_id=top_up.order.order_id)
    assert refusal(shop.door.credits.GetTopUp, asked).reason == "ORDER_NOT_FOUND"


def test_another_card_may_pay_after_one_was_declined(shop: Storefront) -> None:
    order = shop.top_up("anna").order
    page = shop.session(order)
    shop.fake.shopper.complete_checkout(page, Outcome.DECLINED)
    assert shop.hear() == []
    assert shop.order(order.order_id).state == WAITING
    assert shop.balance("anna") == 0

    shop.fake.shopper.complete_checkout(page)

    assert shop.hear() == []
    assert (shop.order(order.order_id).state, shop.order(order.order_id).problem) == (SUCCEEDED, "")
    assert shop.balance("anna") == 10


def test_a_page_that_was_let_expire_brings_nothing(shop: Storefront) -> None:
    order = shop.top_up("anna").order
    shop.fake.shopper.complete_checkout(shop.session(order), Outcome.DECLINED)
    shop.fake.shopper.expire_checkout(shop.session(order))

    assert shop.hear() == []
    shop.heard.clear()
    assert shop.hear() == []

    found = shop.order(order.order_id)
    assert (found.state, found.url) == (EXPIRED, "")
    assert shop.balance("anna") == 0


def test_a_slow_bank_is_waited_for(shop: Storefront) -> None:
    orders = [shop.top_up("anna", key=key).order for key in ("good", "bad")]
    for order in orders:
        shop.fake.shopper.complete_checkout(shop.session(order), Outcome.PROCESSING)
    assert shop.hear() == []
    assert shop.balance("anna") == 0

    for payment, succeeded in zip(shop.fake.all("payment_intent"), (True, False), strict=True):
        shop.fake.shopper.settle(payment["id"], succeeded)

    assert shop.hear() == []
    assert shop.balance("anna") == 10
    assert [shop.order(order.order_id).state for order in orders] == [SUCCEEDED, WAITING]


@pytest.fixture
def taxed(shop: Storefront) -> Storefront:
    """The fake adds 19 percent, and our provider asks for that."""
    shop.fake.world.tax_percent = 19
    shop.core.desk = desk_of(StripeProvider(shop.fake.api_key, base_url=shop.fake.address, automatic_tax=True))
    return shop


def test_tax_is_paid_beside_the_credits(taxed: Storefront) -> None:
    order = taxed.pay("anna")

    assert taxed.charged() == [1_190]
    assert (order.state, taxed.balance("anna")) == (SUCCEEDED, 10)


def test_a_refund_with_tax_takes_the_credits_of_its_part(taxed: Storefront) -> None:
    order = taxed.pay("anna")
    _refund(taxed, 595)

    assert taxed.hear() == []

    assert taxed.balance("anna") == 5
    found = taxed.order(order.order_id)
    assert (found.returned_nanos, found.clawed_back_nanos) == (5 * 10**9, 5 * 10**9)


def test_refunds_take_back_their_part_once_each(shop: Storefront) -> None:
    order = shop.pay("anna")
    for cents, left in ((250, 7.5), (300, 4.5), (450, 0)):
        _refund(shop, cents)
        for _ in range(2):
            assert shop.hear() == []
            assert shop.balance("anna") == left
            shop.heard.clear()
    found = shop.order(order.order_id)
    assert (found.state, found.returned_nanos, found.clawed_back_nanos) == (SUCCEEDED, 10 * 10**9, 10 * 10**9)
    assert shop.findings() == []


def test_a_refund_that_is_heard_of_before_the_payment_leaves_nothing(shop: Storefront) -> None:
    order = shop.top_up("anna").order
    shop.fake.shopper.complete_checkout(shop.session(order))
    _refund(shop, 1_000)

    assert shop.hear() == []

    assert shop.balance("anna") == 0
    assert shop.order(order.order_id).clawed_back_nanos == 10 * 10**9
    assert shop.findings() == []


def test_a_refund_that_fails_gives_the_credits_again(shop: Storefront) -> None:
    shop.pay("anna")
    _refund(shop, 1_000)
    assert shop.hear() == []
    shop.fake.shopper.fail_refund(shop.fake.all("refund")[-1]["id"])

    assert shop.hear() == []
    assert shop.balance("anna") == 10
    assert shop.findings() == []


def test_more_than_was_paid_takes_no_more_than_was_given(shop: Storefront) -> None:
    """A refund, and a dispute of the whole payment after it."""
    order = shop.pay("anna")
    shop.door.fund("anna", 100)
    _refund(shop, 600)
    shop.fake.shopper.dispute(shop.payment())

    assert shop.hear() == []

    assert shop.balance("anna") == 100
    assert shop.order(order.order_id).clawed_back_nanos == 10 * 10**9


@pytest.mark.parametrize(("won", "left"), [(True, 10), (False, 0)])
def test_a_dispute_takes_the_credits_until_it_is_won(shop: Storefront, won: bool, left: float) -> None:
    shop.pay("anna")
    dispute = shop.fake.shopper.dispute(shop.payment())
    assert shop.hear() == []
    assert shop.balance("anna") == 0

    shop.fake.shopper.close_dispute(dispute["id"], won)

    assert shop.hear() == []
    assert shop.balance("anna") == left
    assert shop.findings() == []


def test_credits_that_are_spent_are_owed_when_they_are_given_back(shop: Storefront) -> None:
    shop.pay("anna")
    shop.door.record(usage("anna", "spent", 10 + 100))
    assert shop.balance("anna") == 6
    _refund(shop, 1_000)

    assert shop.hear() == []

    assert shop.balance("anna") == -4
    assert refusal(shop.door.usage.RecordUsage, usage("anna", "more")).reason == "INSUFFICIENT_CREDITS"
    shop.pay("anna", key="another top up")
    assert shop.balance("anna") == 6
    assert shop.findings() == []


def test_credits_of_a_refund_come_from_their_own_grant_first(shop: Storefront) -> None:
    shop.door.fund("anna", 5)
    order = shop.pay("anna")
    _refund(shop, 1_000)
    assert shop.hear() == []

    grants = shop.door.credits.ListGrants(
        credits_pb.ListGrantsRequest(subject=person("anna")), timeout=TIMEOUT_SECONDS
    ).grants

    left = {grant.grant_id: grant.remaining_nanos for grant in grants}
    assert left.pop(order.grant_id, 0) == 0
    assert list(left.values()) == [5 * NANOS_PER_UNIT]


def test_the_ledger_names_the_order(shop: Storefront) -> None:
    order = shop.pay("anna")
    _refund(shop, 1_000)
    assert shop.hear() == []

    page = shop.door.credits.ListLedgerEntries(
        credits_pb.ListLedgerEntriesRequest(subject=person("anna")), timeout=TIMEOUT_SECONDS
    )

    causes = {(entry.cause_kind, entry.cause) for entry in page.entries}
    assert causes == {
        (credits_pb.CAUSE_KIND_TOP_UP, order.order_id),
        (credits_pb.CAUSE_KIND_CLAWBACK, order.order_id),
    }


def test_a_link_of_packs_brings_their_credits_once(shop: Storefront) -> None:
    items = [pb.PackItem(pack="credits_10", quantity=2), pb.PackItem(pack="credits_25", quantity=1)]
    made, again = _link(shop, items=items), _link(shop, items=items)
    assert (again.replayed, again.order) == (True, made.order)
    (link,) = [item["id"] for item in shop.fake.all("payment_link")]

    shop.fake.shopper.pay_link(link, email="somebody@example.test")

    assert shop.hear() == []
    assert (shop.balance("anna"), shop.charged()) == (45, [4_500])
    assert shop.order(made.order.order_id).state == SUCCEEDED
    with pytest.raises(ApiError, match="no longer active"):
        shop.fake.shopper.pay_link(link)
    assert shop.posts(LINKS) == 1
    assert shop.findings() == []


def test_a_link_of_something_else_brings_no_credits(shop: Storefront) -> None:
    ad_hoc = pb.AdHocItem(name="A workshop", amount_nanos=150 * 10**9, quantity=3)
    order = _link(shop, ad_hoc=ad_hoc).order
    assert (order.credits_nanos, order.price_nanos) == (0, 450 * 10**9)
    (link,) = [item["id"] for item in shop.fake.all("payment_link")]

    shop.fake.shopper.pay_link(link)
    assert shop.hear() == []

    assert shop.charged() == [45_000]
    assert (shop.balance("anna"), shop.order(order.order_id).state) == (0, SUCCEEDED)
    _refund(shop, 1_000)
    assert shop.hear() == []
    assert shop.balance("anna") == 0
    assert shop.findings() == []


@pytest.mark.parametrize(
    ("field", "more"),
    [
        ("items", {}),
        ("items", {"items": [pb.PackItem(pack="credits_10", quantity=1)], "ad_hoc": pb.AdHocItem(name="x")}),
        ("items", {"items": [pb.PackItem(pack="credits_10", quantity=1)] * 21}),
        ("items[0].pack", {"items": [pb.PackItem(pack="credits_11", quantity=1)]}),
        ("items[1].quantity", {"items": [pb.PackItem(pack="credits_10", quantity=1), pb.PackItem(pack="credits_10")]}),
        ("items[0].quantity", {"items": [pb.PackItem(pack="credits_10", quantity=1_001)]}),
        ("ad_hoc.name", {"ad_hoc": pb.AdHocItem(amount_nanos=10**9, quantity=1)}),
        ("ad_hoc.amount_nanos", {"ad_hoc": pb.AdHocItem(name="x", amount_nanos=10**7 + 1, quantity=1)}),
        ("ad_hoc.amount_nanos", {"ad_hoc": pb.AdHocItem(name="x", quantity=1)}),
        ("ad_hoc.quantity", {"ad_hoc": pb.AdHocItem(name="x", amount_nanos=10**9)}),
    ],
)
def test_a_link_of_bad_form_is_refused_by_the_field(shop: Storefront, field: str, more: dict[str, Any]) -> None:
    request = _link_request(**more)

    assert list(refusal(shop.door.subscriptions.CreatePaymentLink, request).violations) == [field]


def test_only_packs_can_be_bought(shop: Storefront) -> None:
    for amount in (11, 0):
        assert list(refusal(shop.door.credits.CreateTopUp, _top_up(amount)).violations) == ["amount_nanos"]
    euros = _top_up(10)
    euros.currency = "eur"
    assert list(refusal(shop.door.credits.CreateTopUp, euros).violations) == ["currency"]


def test_a_payment_of_less_than_was_asked_for_is_shown_to_a_person(shop: Storefront) -> None:
    order = shop.top_up("anna").order
    shop.fake.shopper.complete_checkout(shop.session(order))
    with shop.fake.world.lock:
        payment = shop.fake.world.get("payment_intent", shop.payment())
        payment["amount_received"] = 999

    problems = shop.hear()

    assert problems
    assert "999 usd, 1000 usd were asked for" in problems[0]
    assert shop.balance("anna") == 0


def test_what_others_were_paid_for_is_nobodys(shop: Storefront) -> None:
    customer = shop.with_card("anna")
    shop.operator.v1.payment_intents.create(
        {
            "amount": 1_000,
            "currency": "usd",
            "customer": customer,
            "payment_method": shop.fake.all("payment_method")[0]["id"],
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )

    assert shop.hear() == []
    assert shop.balance("anna") == 0


BAD_URLS = [
    "",
    "https://shop.example.test.evil.test/",
    "https://evil.test/https://shop.example.test/",
    "https://shop.example.test@evil.test/",
    "https://evil.test@shop.example.test/",
    "https://" + "shop.example.test:443@shop.example.test/",
    "https://shop.example.test;@evil.test/",
    "https://evil.test\\@shop.example.test/",
    "https:\\\\shop.example.test/",
    "https://shop.example.test\\.evil.test/",
    "https://shop.example.test\t.evil.test/",
    "\thttps://shop.example.test/",
    " https://shop.example.test/",
    "https://shop.example.test/\r\nSet-Cookie:a=b",
    "https://shop.example.test/\x7f",
    "https://shop.example.test/\u202e",
    "https://shop.example.test./",
    "https://shop.example.test:8443/",
    "https://shop.example.test:99999/",
    "https://shop.example.test:x/",
    "http://shop.example.test/",
    "//shop.example.test/",
    "https:/shop.example.test/",
    "https:///shop.example.test/",
    "https:shop.example.test",
    "javascript:alert(1)//https://shop.example.test/",
    "data:text/html,https://shop.example.test/",
    "https://sh\u043ep.example.test/",
    "https://shop\u3002example.test/",
    "https://xn--shp-bma.example.test/",
    "https://shop%2eexample.test/",
    "https://shop.example.test%00.evil.test/",
    "https://[::1]/",
    "https://[shop.example.test]/",
    "https://[/",
    "/back",
    "https://shop.example.test/" + "x" * 2_000,
]
GOOD_URLS = [
    "https://shop.example.test",
    "https://shop.example.test/",
    "https://SHOP.example.test/",
    "https://shop.example.test:443/a?b=https://evil.test&c=@d#e",
    "https://shop.example.test/%E2%82%AC",
]


def test_customers_are_sent_back_to_listed_origins_alone(shop: Storefront) -> None:
    before = len(shop.fake.requests)
    for url in BAD_URLS:
        for field, method, request in _with_urls(shop, url):
            assert list(refusal(method, request).violations) == [field], (url, field)
    assert len(shop.fake.requests) == before
    for number, url in enumerate(GOOD_URLS):
        for _, method, request in _with_urls(shop, url, f"good-{number}"):
            method(request, timeout=TIMEOUT_SECONDS)


def _with_urls(shop: Storefront, url: str, key: str = "k") -> list[tuple[str, Any, Message]]:
    top_up, link = _top_up(10), _link_request(items=[pb.PackItem(pack="credits_10", quantity=1)])
    portal = pb.CreatePortalSessionRequest(subject=person("anna"))
    done = pb.StartCheckoutRequest(subject=person("anna"), plan="pro", cancel_url=BACK)
    cancelled = pb.ChangePlanRequest(subject=person("anna"), plan="pro", success_url=BACK)
    top_up.return_url = link.return_url = portal.return_url = done.success_url = cancelled.cancel_url = url
    found: list[tuple[str, Any, Any]] = [
        ("return_url", shop.door.credits.CreateTopUp, top_up),
        ("return_url", shop.door.subscriptions.CreatePaymentLink, link),
        ("return_url", shop.door.subscriptions.CreatePortalSession, portal),
        ("success_url", shop.door.subscriptions.StartCheckout, done),
        ("cancel_url", shop.door.subscriptions.ChangePlan, cancelled),
    ]
    for field, _, request in found:
        request.idempotency_key = f"{key}-{field}-{request.DESCRIPTOR.name}"
    return found


def test_without_a_provider_form_is_checked_first(sqlite_url: str, make_core: CoreMaker, serve: ServerMaker) -> None:
    door: Door = serve(make_core(sqlite_url))[1]
    door.make_user("anna")
    request = _top_up(10)

    assert refusal(door.credits.CreateTopUp, request).reason == "NO_PROVIDER"
    request.return_url = "https://evil.test\\@shop.example.test/"
    assert list(refusal(door.credits.CreateTopUp, request).violations) == ["return_url"]


def test_an_organizations_credits_are_bought_by_its_members(shop: Storefront) -> None:
    make_organization(shop.core, "acme")
    join(shop.core, "anna", "acme")
    request = _top_up(10)
    request.subject.CopyFrom(common.Subject(user_id="anna", org_id="acme"))
    order = shop.door.credits.CreateTopUp(request, timeout=TIMEOUT_SECONDS)
    shop.fake.shopper.complete_checkout(shop.session(order.order))
    assert shop.hear() == []

    asked = credits_pb.GetBalanceRequest(subject=common.Subject(org_id="acme"))
    found = shop.door.credits.GetBalance(asked, timeout=TIMEOUT_SECONDS)

    assert (found.account_id, found.balance.total_nanos) == (order.account_id, 10 * 10**9)


def test_the_entitlement_shows_what_was_bought(shop: Storefront) -> None:
    shop.pay("anna")
    shop.set_reload("anna")

    request = entitlement_pb.GetEntitlementRequest(subject=person("anna"), product="talk")
    shown = shop.door.entitlements.GetEntitlement(request, timeout=TIMEOUT_SECONDS).entitlement

    assert shown.credits.total_nanos == 10 * 10**9
    assert shown.auto_reload == shop.reload_of("anna")
    assert shown.auto_reload.threshold_nanos == 5 * 10**9


def _top_up(units: int) -> credits_pb.CreateTopUpRequest:
    return credits_pb.CreateTopUpRequest(
        subject=person("anna"),
        amount_nanos=units * NANOS_PER_UNIT,
        currency="usd",
        return_url=BACK,
        idempotency_key="top up",
    )


def _link_request(key: str = "link", **more: Any) -> pb.CreatePaymentLinkRequest:
    return pb.CreatePaymentLinkRequest(
        subject=person("anna"), currency="usd", return_url=BACK, idempotency_key=key, **more
    )


def _link(shop: Storefront, key: str = "link", **more: Any) -> Any:
    return shop.door.subscriptions.CreatePaymentLink(_link_request(key, **more), timeout=TIMEOUT_SECONDS)


def _refund(shop: Storefront, cents: int) -> None:
    """An operator gives money back at the provider."""
    shop.operator.v1.refunds.create({"payment_intent": shop.payment(), "amount": cents})


def test_who_was_another_providers_customer_becomes_one_of_this(shop: Storefront) -> None:
    account_id = shop.entitlement("anna").account_id
    payments.told(shop.core, LinkCustomer(account_id=account_id, customer="another:customer-1"))
    shop.pay("anna")
    shop.pass_time(days=2)  # the fake has forgotten the keys by then
    shop.pay("anna", key="another top up")

    shop.set_reload("anna", threshold_nanos=25 * 10**9)

    assert shop.carry_out() == 1
    assert shop.charged() == [1_000] * 3
    assert len(shop.fake.all("customer")) == 1
