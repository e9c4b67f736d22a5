"""What a provider posts is stored before it is answered, and what it did not post is refused, on both engines."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from tests.fakes.stripe.fake import FakeStripe
from tests.fakes.stripe.webhooks import signature
from tests.http.scrape import Answer, Scrape, ask
from tests.support.house import START_US
from tests.support.till import Till, desk_at, taking_webhooks
from tollhoused.http.app import make_app
from tollhoused.http.metrics import Metrics
from tollhoused.http.server import HttpServer
from tollhoused.http.webhooks import AT_ONCE_MAX, BODY_BYTES_MAX, Inbox
from tollhoused.observing import ProviderObserver
from tollhoused.providers.provider import BadWebhook
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.providers import PENDING, ProviderStore
from tollhoused.usecases import inbox

NOW = START_US // 1_000_000
PATH = "/webhooks/stripe"


def post(address: str, body: bytes, header: str, path: str = PATH) -> Answer:
    """Posts a webhook."""
    request = urllib.request.Request(
        f"http://{address}{path}", data=body, headers={"Stripe-Signature": header, "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return Answer(answer.status, answer.read().decode())
    except urllib.error.HTTPError as refused:
        with refused:
            return Answer(refused.code, refused.read().decode())


def event(number: int = 1, **changes: object) -> bytes:
    """An event of a type that nobody knows."""
    fields = {"id": f"evt_{number}", "object": "event", "type": "moon.full", "created": NOW, "livemode": False}
    return json.dumps({**fields, "data": {"object": {"id": "moon"}}, **changes}).encode()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1", "test", "")


@pytest.fixture
def address(till: Till, metrics: Metrics) -> Iterator[str]:
    with taking_webhooks(till, metrics.provider) as found:
        yield found


@pytest.fixture
def sign(fake_stripe: FakeStripe) -> Callable[[bytes], str]:
    return fake_stripe.webhooks.sign


def test_an_event_of_an_unknown_type_is_stored_as_it_came_and_only_once(
    till: Till, address: str, sign: Callable[[bytes], str], metrics: Metrics
) -> None:
    body = event().replace(b'"data"', b' "data"')

    answers = [post(address, body, sign(body)) for _ in range(3)]

    assert answers == [(200, "stored\n")] * 3
    (stored,) = till.core.store.providers.events("", START_US + 1, 10)
    assert (stored.provider, stored.id, stored.kind, stored.state) == ("stripe", "evt_1", "moon.full", PENDING)
    assert (stored.body.encode(), stored.received_us, stored.created_us) == (body, START_US, START_US)
    scrape = Scrape(metrics.text().decode())
    assert scrape("tollhouse_webhooks_total", outcome="stored") == 1
    assert scrape("tollhouse_webhooks_total", outcome="known") == 2


def test_one_that_is_posted_many_times_at_once_is_there_once(
    till: Till, address: str, sign: Callable[[bytes], str]
) -> None:
    body = event()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(post(address, body, sign(body)).status)) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 10
    assert len(till.core.store.providers.events("", START_US + 1, 10)) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\xff\xfe", "the body is not UTF-8"),
        (b"[1]", "the body is not an object"),
        (b"{", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b'{"object": "v2.core.event", "id": "evt_1", "type": "a"}', "not an event"),
        (event(livemode=True), "the other environment"),
        (event(data=None), "no object"),
        (event(id=7), "no id"),
        (event(created="now"), "no time"),
        (b"[" * 100_000, "not JSON"),
    ],
    ids=["bytes", "list", "cut", "empty", "thin", "live", "no data", "id", "time", "deep"],
)
def test_what_is_signed_and_makes_no_sense_is_refused(
    till: Till, address: str, sign: Callable[[bytes], str], body: bytes, said: str
) -> None:
    answer = post(address, body, sign(body))

    assert answer.status == 400
    assert said in answer.text
    assert till.core.store.providers.events("", START_US + 1, 10) == []


def test_who_cannot_sign_is_refused_before_anything_is_parsed(
    till: Till, address: str, monkeypatch: pytest.MonkeyPatch, metrics: Metrics
) -> None:
    def parse(*_: object, **__: object) -> None:
        raise AssertionError("parsed")

    monkeypatch.setattr("tollhoused.providers.stripe.webhooks.notice_of", parse)
    body = event()
    secret = till.fake.webhook_secret
    headers = [
        "",
        "garbage",
        "t=,v1=",
        signature("whsec_another", body, NOW),
        signature(secret, body + b" ", NOW),
        signature(secret, body, NOW - 301),
        signature(secret, body, NOW + 301),
        signature(secret, body, NOW) + "," + ",".join(["v1=" + "0" * 64] * 60),
    ]

    assert [post(address, body, header).status for header in headers] == [400] * len(headers)
    assert Scrape(metrics.text().decode())("tollhouse_webhooks_total", outcome="refused") == len(headers)


def test_five_minutes_off_either_way_and_any_of_two_secrets_are_taken(
    till: Till, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [event(number) for number in range(3)]
    secret = till.fake.webhook_secret

    for body, at in zip(bodies, (NOW - 300, NOW, NOW + 300), strict=True):
        assert post(address, body, signature(secret, body, at)).status == 200
    new, old = event(7), event(8)
    for body, by in ((new, "whsec_new"), (old, secret)):
        secrets = ["whsec_new", secret]
        assert inbox.receive(till.core, till.desk, secrets, body, signature(by, body, NOW))


def test_a_clock_that_tests_have_moved_takes_what_is_signed_by_either(till: Till) -> None:
    till.core.clock.offset_us = 86_400 * 1_000_000
    secrets = [till.fake.webhook_secret]
    for number, at in enumerate((NOW, NOW + 86_400)):
        body = event(number)
        assert inbox.receive(till.core, till.desk, secrets, body, signature(secrets[0], body, at))
    late = event(3)
    with pytest.raises(BadWebhook, match="five minutes"):
        inbox.receive(till.core, till.desk, secrets, late, signature(secrets[0], late, NOW + 40_000))


def test_what_is_too_large_is_refused(till: Till, address: str, sign: Callable[[bytes], str]) -> None:
    fits = event(note="").replace(b'"note": ""', b'"note": "' + b"x" * (BODY_BYTES_MAX - len(event(note=""))) + b'"')
    large = fits + b" "
    assert len(fits) == BODY_BYTES_MAX

    assert post(address, fits, sign(fits)).status == 200
    refused = post(address, large, sign(large))
    assert refused == (400, "the body has more than 256 KiB\n")


def test_a_database_that_is_away_is_said_so_and_the_event_comes_again(
    till: Till, address: str, sign: Callable[[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = event()
    with monkeypatch.context() as patched:
        patched.setattr(ProviderStore, "receive", _away)
        assert post(address, body, sign(body)).status == 503
    till.core.closed = True
    assert post(address, body, sign(body)).status == 503
    till.core.closed = False

    assert post(address, body, sign(body)).status == 200


def test_other_providers_and_other_methods_are_not_there(address: str) -> None:
    assert post(address, b"{}", "", "/webhooks/another").status == 404
    assert post(address, b"{}", "", "/webhooks/").status == 404
    assert ask(address, PATH).status == 405
    assert ask(address, PATH, "PUT").status == 405


def test_without_a_provider_there_are_no_webhooks() -> None:
    server = HttpServer(make_app(lambda: True, lambda: b"", "text/plain"))
    address = f"127.0.0.1:{server.start('127.0.0.1:0')}"

    assert post(address, b"{}", "").status == 404
    server.stop()


def test_who_posts_slowly_keeps_no_probe_and_no_event_waiting(
    fake_stripe: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollhoused.http.webhooks.BODY_SECONDS_MAX", 0.5)
    taken = Inbox("stripe", "stripe-signature", lambda _, __: True, ProviderObserver())
    server = HttpServer(make_app(lambda: True, lambda: b"", "text/plain", taken))
    port = server.start("127.0.0.1:0")
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{".encode()
    slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(AT_ONCE_MAX)]
    for client in slow:
        client.sendall(head)
    time.sleep(0.1)  # so that all of them are under way

    assert post(f"127.0.0.1:{port}", b"{}", "").status == 503
    assert ask(f"127.0.0.1:{port}", "/readyz").status == 200
    assert all(client.recv(100).startswith(b"HTTP/1.1 400") for client in slow)
    assert post(f"127.0.0.1:{port}", b"{}", "").status == 200
    for client in slow:
        client.close()
    server.stop()


def test_a_defect_is_an_answer_and_the_provider_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    def receive(_: bytes, __: str) -> bool:
        raise LookupError("planted")

    metrics = Metrics("1", "test", "")
    server = HttpServer(
        make_app(
            lambda: True, lambda: b"", "text/plain", Inbox("stripe", "stripe-signature", receive, metrics.provider)
        )
    )
    address = f"127.0.0.1:{server.start('127.0.0.1:0')}"

    assert post(address, b"{}", "").status == 500
    assert "nothing provides for" in caplog.text
    assert Scrape(metrics.text().decode())("tollhouse_webhooks_total", outcome="failed") == 1
    server.stop()


def test_the_fake_is_answered_as_stripe_would_be(till: Till, address: str) -> None:
    till.fake.webhooks.version = "2023-10-16"
    till.desk.provider.customer("acct_1", "anna@example.org", "attempt")
    till.fake.webhooks.settle()

    assert [attempt.status for attempt in till.fake.webhooks.attempts] == [200]
    assert desk_at(till.fake).name == "stripe"


def _away(*_: object) -> bool:
    raise StoreFault(Fault.AWAY, "gone")
