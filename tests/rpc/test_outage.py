"""A database that goes away while the server runs."""

from tollhouse.v1.common_pb2 import Subject
from tollhouse.v1.entitlement_service_pb2 import GetEntitlementRequest

from tests.support.door import Door, ServerMaker, refusal, usage
from tests.support.house import CoreMaker
from tests.support.postgres import Cluster


def _both(door: Door) -> list[str]:
    """The reasons for which a command and a question are refused."""
    question = GetEntitlementRequest(subject=Subject(user_id="anna"))
    found = [
        refusal(door.usage.RecordUsage, usage("anna", "during")),
        refusal(door.entitlements.GetEntitlement, question),
    ]
    assert all(each.retry_seconds for each in found)
    return [each.reason for each in found]


def test_calls_are_unavailable_until_the_database_is_back_and_then_served_again(
    postgres_cluster: Cluster, postgres_url: str, make_core: CoreMaker, serve: ServerMaker
) -> None:
    _, door = serve(make_core(postgres_url))
    door.make_user("anna")
    door.record(usage("anna", "before"))

    postgres_cluster.stop("immediate")
    try:
        assert _both(door) == ["STORE_UNAVAILABLE"] * 2
    finally:
        postgres_cluster.start()

    assert door.record(usage("anna", "during")).new_usage == 2
