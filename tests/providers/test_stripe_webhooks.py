"""Who may post, and what the things that Stripe posts say to look at."""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from tollhoused.domain.payments import Notice, Topic
from tollhoused.providers.provider import BadWebhook, Provider
from tollhoused.providers.stripe.provider import StripeProvider

NOW_SECONDS = 1_760_000_000
NOW_US = NOW_SECONDS * 1_000_000
SECRET = "the endpoint's secret"
BODY = b'{"id": "evt_1", "object": "event"}'


@pytest.fixture(name="stripe", scope="module")
def _stripe() -> Provider:
    return StripeProvider("a-key-of-nobody", base_url="http://127.0.0.1:9")


def signed(body: bytes, seconds: int | str = NOW_SECONDS, secret: str = SECRET) -> str:
    """The header as Stripe describes it, made without its SDK."""
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def event(kind: str, about: object, **more: object) -> bytes:
    envelope: dict[str, Any] = {"id": "evt_1", "object": "event", "type": kind, "created": NOW_SECONDS}
    return json.dumps({**envelope, "livemode": False, "data": {"object": about}, **more}).encode()


def test_what_stripe_signed_is_taken(stripe: Provider) -> None:
    stripe.verify(BODY, signed(BODY), [SECRET], NOW_US)


def test_any_of_several_secrets_will_do_while_they_are_rotated(stripe: Provider) -> None:
    stripe.verify(BODY, signed(BODY), ["the next one", SECRET], NOW_US)


def test_any_of_several_signatures_will_do_while_stripe_rotates(stripe: Provider) -> None:
    header = signed(BODY, secret="the old one") + "," + signed(BODY).partition(",")[2] + ",v0=abc"

    stripe.verify(BODY, header, [SECRET], NOW_US)


@pytest.mark.parametrize("seconds_off", [-300, 300])
def test_five_minutes_off_either_way_are_taken(stripe: Provider, seconds_off: int) -> None:
    stripe.verify(BODY, signed(BODY, NOW_SECONDS + seconds_off), [SECRET], NOW_US)


@pytest.mark.parametrize("seconds_off", [-301, 301, 315_360_000])
def test_more_than_five_minutes_off_either_way_are_refused(stripe: Provider, seconds_off: int) -> None:
    with pytest.raises(BadWebhook, match="five minutes"):
        stripe.verify(BODY, signed(BODY, NOW_SECONDS + seconds_off), [SECRET], NOW_US)


@pytest.mark.parametrize(
    ("body", "header", "secrets"),
    [
        (BODY + b" ", signed(BODY), [SECRET]),
        (BODY, signed(BODY, secret="another's"), [SECRET]),
        (BODY, signed(BODY), []),
        (BODY, signed(BODY, secret=""), [""]),
        (BODY, signed(BODY).replace(f"t={NOW_SECONDS}", f"t={NOW_SECONDS + 1}"), [SECRET]),
    ],
    ids=["changed body", "other secret", "no secret", "empty secret", "changed time"],
)
def test_what_does_not_fit_is_refused(stripe: Provider, body: bytes, header: str, secrets: list[str]) -> None:
    with pytest.raises(BadWebhook, match="no signature fits"):
        stripe.verify(body, header, secrets, NOW_US)


@pytest.mark.parametrize(
    "header",
    [
        "",
        ",",
        "t",
        "t=,v1=",
        "v1=" + "0" * 64,
        f"t={NOW_SECONDS}",
        f"t={NOW_SECONDS},v1=short",
        f"t={NOW_SECONDS},v0=" + "0" * 64,
        "t=soon,v1=" + "0" * 64,
        "t=-1,v1=" + "0" * 64,
        "t=1_760_000_000,v1=" + "0" * 64,
        "t=" + "9" * 5000 + ",v1=" + "0" * 64,
        signed(BODY) + f",t={NOW_SECONDS}",
        f"t={NOW_SECONDS},v1=" + "\u00e9" * 64,
        f"t={NOW_SECONDS},v1=" + "\u0660" * 64,
        "t=\u0661\u0667,v1=" + "0" * 64,
        "\x00" * 100,
    ],
)
def test_a_malformed_header_is_refused(stripe: Provider, header: str) -> None:
    with pytest.raises(BadWebhook, match="signature header"):
        stripe.verify(BODY, header, [SECRET], NOW_US)


def test_a_body_that_is_not_utf_8_is_refused_whoever_signed_it(stripe: Provider) -> None:
    body = b'{"id": "\xff"}'

    with pytest.raises(BadWebhook, match="UTF-8"):
        stripe.verify(body, signed(body), [SECRET], NOW_US)


def test_a_hundred_thousand_signatures_cost_next_to_nothing(stripe: Provider) -> None:
    header = f"t={NOW_SECONDS}" + f",v1={'0' * 64}" * 100_000
    began = time.perf_counter()

    with pytest.raises(BadWebhook, match="too long"):
        stripe.verify(BODY, header, [SECRET] * 10, NOW_US)

    assert time.perf_counter() - began < 0.05


def test_as_many_signatures_as_are_looked_at_cost_little(stripe: Provider) -> None:
    header = f"t={NOW_SECONDS}" + f",v1={'0' * 64}" * 59
    began = time.perf_counter()

    with pytest.raises(BadWebhook, match="no signature fits"):
        stripe.verify(BODY, header, [SECRET] * 10, NOW_US)

    assert time.perf_counter() - began < 0.05


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b"nothing", "not JSON"),
        (b'{"id": "\xff"}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b'"evt_1"', "not an object"),
        (b"{}", "not an event"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, object="v2.core.event"), "not an event"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, id=None), "no id"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, id=["evt_1"]), "no id"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, id="e" * 256), "no id"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, type=7), "no type"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, created="yesterday"), "no time"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, created=True), "no time"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, created=10**30), "no time"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, livemode=True), "environment"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, livemode=None), "environment"),
        (event("payment_intent.succeeded", {"id": "pi_1"}, data=[]), "no object"),
        (event("payment_intent.succeeded", "pi_1"), "no object"),
    ],
)
def test_what_is_no_event_of_ours_is_refused(stripe: Provider, body: bytes, why: str) -> None:
    with pytest.raises(BadWebhook, match=why):
        stripe.translate(body, live=False)


def test_a_live_event_is_for_a_live_house(stripe: Provider) -> None:
    body = event("payment_intent.succeeded", {"id": "pi_1"}, livemode=True)

    assert stripe.translate(body, live=True).topics == ((Topic.PAYMENT, "pi_1"),)


def test_a_notice_says_which_event_of_when(stripe: Provider) -> None:
    body = event("payment_intent.succeeded", {"id": "pi_1"})

    assert stripe.translate(body, live=False) == Notice(
        "evt_1", "payment_intent.succeeded", NOW_US, ((Topic.PAYMENT, "pi_1"),)
    )


@pytest.mark.parametrize(
    ("kind", "about", "topic", "name"),
    [
        ("payment_intent.payment_failed", {"id": "pi_1"}, Topic.PAYMENT, "pi_1"),
        ("charge.succeeded", {"id": "ch_1", "payment_intent": "pi_1"}, Topic.PAYMENT, "pi_1"),
        ("charge.refunded", {"id": "ch_1", "payment_intent": {"id": "pi_1"}}, Topic.PAYMENT, "pi_1"),
        ("charge.refund.updated", {"id": "re_1", "payment_intent": "pi_1"}, Topic.PAYMENT, "pi_1"),
        ("charge.dispute.created", {"id": "dp_1", "payment_intent": "pi_1"}, Topic.PAYMENT, "pi_1"),
        ("refund.created", {"id": "re_1", "payment_intent": "pi_1"}, Topic.PAYMENT, "pi_1"),
        ("checkout.session.completed", {"id": "cs_1", "payment_intent": "pi_1"}, Topic.CHECKOUT, "cs_1"),
        ("checkout.session.expired", {"id": "cs_1"}, Topic.CHECKOUT, "cs_1"),
        ("customer.subscription.deleted", {"id": "sub_1"}, Topic.SUBSCRIPTION, "sub_1"),
        ("invoice.paid", {"id": "in_1", "subscription": "sub_1"}, Topic.SUBSCRIPTION, "sub_1"),
        (
            "invoice.upcoming",
            {"parent": {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}},
            Topic.SUBSCRIPTION,
            "sub_1",
        ),
        ("subscription_schedule.updated", {"id": "sub_sched_1", "subscription": "sub_1"}, Topic.SUBSCRIPTION, "sub_1"),
        (
            "subscription_schedule.released",
            {"id": "sub_sched_1", "subscription": None, "released_subscription": "sub_1"},
            Topic.SUBSCRIPTION,
            "sub_1",
        ),
    ],
)
def test_an_event_says_what_to_look_at(stripe: Provider, kind: str, about: object, topic: Topic, name: str) -> None:
    assert stripe.translate(event(kind, about), live=False).topics == ((topic, name),)


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("price.created", {"id": "price_1"}),
        ("customer.updated", {"id": "cus_1"}),
        ("something.that.comes.next.year", {"id": "x_1"}),
        ("charge.succeeded", {"id": "ch_1", "payment_intent": None}),
        ("invoice.paid", {"id": "in_1", "parent": None, "subscription": None}),
        ("invoice.paid", {"id": "in_1", "parent": {"type": "quote_details", "subscription_details": None}}),
        ("payment_intent.succeeded", {"object": "payment_intent"}),
    ],
)
def test_there_is_nothing_to_look_at(stripe: Provider, kind: str, about: object) -> None:
    assert stripe.translate(event(kind, about), live=False).topics == ()


def test_the_sdk_is_imported_by_who_makes_a_provider_only() -> None:
    program = (
        "import sys; from tollhoused.providers.stripe.provider import StripeProvider as P; before = 'stripe' in"
        " sys.modules; P('key'); sys.exit(before or 'stripe' not in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
