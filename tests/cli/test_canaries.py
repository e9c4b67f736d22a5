"""Secrets and names that come through every door are found in no log line, error, metric or span."""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from tollhouse.v1.account_service_pb2 import UpsertUserRequest
from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest
from tollhouse.v1.usage_service_pb2 import BatchRecordUsageRequest, UsageItem

from tests.cli.commands import done, done_json, serving, tollhouse
from tests.http.scrape import ask
from tests.support.door import TIMEOUT_SECONDS, Door, free_address, refusal, until, usage
from tests.support.postgres import Cluster

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PASSWORD = "canarypassword"
EMAIL = "canary.person@example.com"
CANARY = "canary"


class Collector(grpc.GenericRpcHandler):
    """Takes spans as an OpenTelemetry collector would, and keeps their bytes."""

    def __init__(self) -> None:
        self.taken = b""

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method != EXPORT:
            return None
        return grpc.unary_unary_rpc_method_handler(self._take)

    def _take(self, request: bytes, _: grpc.ServicerContext) -> bytes:
        self.taken += request
        return b""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers([collector])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    server.start()
    yield collector
    server.stop(None).wait()


def test_what_is_secret_or_personal_is_told_to_nobody(
    postgres_cluster: Cluster, postgres_url: str, collector: Collector
) -> None:
    url = postgres_url.replace("postgres@", f"postgres:{PASSWORD}@")
    assert PASSWORD in url
    http = free_address()
    done("catalog", "apply", "hub", "--database-url", url)
    done("clients", "create", "shop", "--database-url", url)
    right = done_json("keys", "create", "shop", "--scope", "admin", "--database-url", url)["text"]
    wrong = _with_other_secret(right)
    watching = ["--http-listen", http, "--traces", "--log-calls", "--log-level", "debug", "--log-format", "json"]

    with serving(url, *watching, asks_for_keys=True) as server:
        said = _visit(server.address, right, wrong)
        postgres_cluster.stop("immediate")
        try:
            said += _during_the_outage(server.address, right)
            until(lambda: ask(http, "/readyz").status == 503, "the server has noticed")
        finally:
            postgres_cluster.start()
        said += repr([ask(http, "/livez?token=canary"), ask(http, "/canary"), ask(http, "/metrics")])
        metrics = ask(http, "/metrics").text

    told = {"errors": said.replace("/canary", ""), "metrics": metrics, "log": server.log}
    told["spans"] = collector.taken.decode(errors="replace")
    # It was a test at all: each place did tell something about these calls.
    assert all("RecordUsage" in told[place] for place in ("metrics", "log", "spans"))
    assert "STORE_UNAVAILABLE" in told["errors"]
    secrets = {"canary": CANARY, "key": right, "its secret": right.split("_")[3], "the wrong one": wrong.split("_")[3]}
    found = [(place, name) for place, text in told.items() for name, secret in secrets.items() if secret in text]
    assert found == []


def _visit(address: str, right: str, wrong: str) -> str:
    """Calls of every kind, good and bad; what their errors said."""
    door, other = Door(address, right), Door(address)
    door.accounts.UpsertUser(
        UpsertUserRequest(user_id="anna", email=EMAIL, idempotency_key="u"),
        timeout=TIMEOUT_SECONDS,
        metadata=(
            ("x-request-id", "canary!canary"),
            ("traceparent", "00-canary-canary-01"),
            ("tracestate", "a=canary"),
            ("x-other", "canary"),
        ),
    )
    door.record(usage("anna", "one", metadata={"note": "canary"}))
    door.record(usage("", "two", subject=Subject(email=EMAIL)))
    stranger = Subject(email="canary.stranger@example.com")
    refused = [
        *(refusal(other.usage.RecordUsage, usage("anna", "k"), metadata=sent) for sent in _wrong_keys(right, wrong)),
        refusal(door.usage.RecordUsage, usage("", "k", subject=stranger)),
        refusal(door.usage.RecordUsage, usage("", "k", subject=Subject(email="canary at example.com"))),
        refusal(door.usage.RecordUsage, usage("", "k", subject=Subject(user_id="bob", email=EMAIL))),
        refusal(door.usage.RecordUsage, usage("anna", "one", 2, metadata={"note": "canary two"})),
        refusal(door.entitlements.GetEntitlement, GetEntitlementRequest(subject=stranger)),
        refusal(door.accounts.UpsertUser, UpsertUserRequest(user_id="carl", email=EMAIL, idempotency_key="another")),
        refusal(door.raw("/tollhouse.v1.UsageService/RecordUsage"), b"\xffcanary"),
    ]
    items = [UsageItem(subject=stranger, product="talk", meter="voice_minutes", quantity=1, idempotency_key="i")]
    batch = door.usage.BatchRecordUsage(BatchRecordUsageRequest(items=items), timeout=TIMEOUT_SECONDS)
    for each in (door, other):
        each.channel.close()
    return f"{refused!r} {batch}"


def _wrong_keys(right: str, wrong: str) -> list[tuple[tuple[str, str], ...]]:
    return [
        (("authorization", f"Bearer {wrong}"),),
        (("authorization", f"Bearer {right}x"),),
        (("authorization", f"Basic {right}"),),
        (("x-api-key", wrong),),
        (("x-api-key", "canary"),),
    ]


def _during_the_outage(address: str, right: str) -> str:
    door = Door(address, right)
    refused = [
        refusal(door.usage.RecordUsage, usage("anna", "three", metadata={"note": "canary"})),
        refusal(door.usage.RecordUsage, usage("", "four", subject=Subject(email=EMAIL))),
        refusal(door.entitlements.GetEntitlement, GetEntitlementRequest(subject=Subject(email=EMAIL))),
    ]
    door.channel.close()
    return repr(refused)


def _with_other_secret(key: str) -> str:
    """A key of the same id that is well-formed and does not open."""
    prefix, environment, key_id, secret, _ = key.split("_")
    body = "_".join([prefix, environment, key_id, secret[::-1]])
    return f"{body}_{zlib.crc32(body.encode()):08x}"


@pytest.mark.parametrize(
    "variables",
    [
        {"TOLLHOUSE_STRIPE_SECRET": "canary"},
        {"TOLLHOUSE_API_KEY": "canary with spaces"},
        {"TOLLHOUSE_DATABASE_URL": "postgresql://ada:canary@127.0.0.1:1/books"},
        {"TOLLHOUSE_DATABASE_URL": "postgresql://ada@127.0.0.1:1/books?password=canary"},
        {"TOLLHOUSE_DATABASE_URL": "postgres://ada:canary@127.0.0.1:1/books"},
        {"TOLLHOUSE_LISTEN": "postgresql://ada:canary@127.0.0.1:1/books"},
        {"TOLLHOUSE_QUEUE_MAX": "postgresql://ada:canary@127.0.0.1:1/books"},
    ],
    ids=lambda variables: str(next(iter(variables))),
)
def test_a_complaint_about_settings_has_no_secret_in_it(
    variables: dict[str, str],
) -> None:
    ended = tollhouse("verify", **variables)

    assert ended.code in (1, 2)
    assert CANARY not in ended.out + ended.err
