import re
from collections import Counter

from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from tests.protos.contract import Contract
from tollhoused.rpc.access import ACCESS

# Mutations of many items: each item has its key and its result, in these fields.
OF_ITEMS = {"BatchRecordUsage": ("items", "results"), "StreamUsage": ("items", "acknowledgements")}
NOT_VALIDATED = {
    "StreamUsage": "an acknowledgement says that its item is stored, without exception; batches are there to validate"
}
# Who cancels the change of a bought plan asks the provider for it: the same method, another kind of operation.
OTHER_KINDS = {"OPERATION_KIND_UNSPECIFIED", "OPERATION_KIND_CANCEL_BOUGHT_PLAN_CHANGE"}
KEY_NUMBER, VALIDATE_ONLY_NUMBER, REPLAYED_NUMBER = 14, 15, 15
STATUSES = (
    "INVALID_ARGUMENT", "UNAUTHENTICATED", "NOT_FOUND", "PERMISSION_DENIED", "ALREADY_EXISTS", "FAILED_PRECONDITION",
    "RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED", "DEADLINE_EXCEEDED", "INTERNAL",
)  # fmt: skip
OF_ANY_CALL = {
    "UNDECODABLE_REQUEST", "SCOPE_MISSING", "RATE_LIMITED", "OVERLOADED", "STORE_UNAVAILABLE", "SHUTTING_DOWN",
    "DEADLINE_EXCEEDED", "INTERNAL",
}  # fmt: skip
UNKNOWN_OUTCOME = "On UNAVAILABLE, DEADLINE_EXCEEDED, CANCELLED, ABORTED and INTERNAL"
NUMBER_TYPES = {
    FieldDescriptorProto.TYPE_INT32,
    FieldDescriptorProto.TYPE_INT64,
}


def test_the_services_have_their_methods(contract: Contract) -> None:
    assert Counter(rpc.service for rpc in contract.rpcs) == {
        "EntitlementService": 5,
        "UsageService": 8,
        "ReservationService": 6,
        "CreditsService": 11,
        "AccountService": 7,
        "SubscriptionService": 14,
        "EventService": 2,
        "AdminService": 13,
    }


def test_every_rpc_has_its_own_request_and_response(contract: Contract) -> None:
    for rpc in contract.rpcs:
        assert (rpc.request, rpc.response) == (f"{rpc.method}Request", f"{rpc.method}Response")

    methods = Counter(rpc.method for rpc in contract.rpcs)
    assert [name for name, count in methods.items() if count > 1] == []


def test_every_mutation_has_an_idempotency_key_and_validate_only(contract: Contract) -> None:
    assert contract.mutations
    for rpc in contract.mutations:
        request = contract.fields[rpc.request]
        if rpc.method in NOT_VALIDATED:
            assert "validate_only" not in request, rpc.request
        else:
            assert request["validate_only"].number == VALIDATE_ONLY_NUMBER, rpc.request
        if rpc.method in OF_ITEMS:
            request = contract.fields[contract.message_of(request[OF_ITEMS[rpc.method][0]])]
        assert request["idempotency_key"].number == KEY_NUMBER, rpc.request


def test_the_answer_of_every_mutation_says_whether_it_was_replayed(contract: Contract) -> None:
    for rpc in contract.mutations:
        response = contract.fields[rpc.response]
        if rpc.method in OF_ITEMS:
            result = contract.fields[contract.message_of(response[OF_ITEMS[rpc.method][1]])]
            response = contract.fields[contract.message_of(result["recorded"])]
        assert response["replayed"].number == REPLAYED_NUMBER, rpc.response


def test_no_question_has_a_key(contract: Contract) -> None:
    for rpc in contract.rpcs:
        if not rpc.mutates and rpc.method != "GetOperation":
            assert not {"idempotency_key", "validate_only"} & contract.fields[rpc.request].keys(), rpc.request


def test_an_item_of_a_batch_is_a_request_without_validate_only(contract: Contract) -> None:
    item = {name: (field.number, field.type) for name, field in contract.fields["UsageItem"].items()}
    request = {name: (field.number, field.type) for name, field in contract.fields["RecordUsageRequest"].items()}
    del request["validate_only"]

    assert item == request


def test_a_check_asks_with_the_fields_of_a_record(contract: Contract) -> None:
    record = contract.fields["RecordUsageRequest"]
    for name, field in contract.fields["CheckUsageRequest"].items():
        assert (field.number, field.type) == (record[name].number, record[name].type), name


def test_an_operation_can_hold_the_answer_of_every_mutation(contract: Contract) -> None:
    answers = {
        contract.message_of(field) for field in contract.fields["Operation"].values() if field.HasField("oneof_index")
    }
    mutations = [rpc for rpc in contract.mutations if rpc.method not in OF_ITEMS]

    assert answers == {rpc.response for rpc in mutations}
    kinds = {f"OPERATION_KIND_{_capitals(rpc.method)}" for rpc in mutations}
    assert set(contract.enums["OperationKind"]) == kinds | OTHER_KINDS


def test_every_name_has_a_comment_that_is_a_sentence(contract: Contract) -> None:
    assert [name for name, comment in contract.comments.items() if not comment.endswith(".")] == []


def test_every_number_says_its_range(contract: Contract) -> None:
    numbers = [
        f"{message}.{field.name}"
        for message, fields in contract.fields.items()
        for field in fields.values()
        if field.type in NUMBER_TYPES
    ]

    assert [name for name in numbers if not re.search(r"\d+ to |\d or more|1, 2, 3", contract.comments[name])] == []


def test_money_is_whole_nanos_and_says_so(contract: Contract) -> None:
    for message, fields in contract.fields.items():
        for field in fields.values():
            if field.name.endswith("_nanos"):
                assert field.type == FieldDescriptorProto.TYPE_INT64, f"{message}.{field.name}"
                comment = contract.comments[f"{message}.{field.name}"]
                assert "nanos" in comment.lower(), f"{message}.{field.name}"


def test_every_reason_says_its_status_and_its_metadata(contract: Contract) -> None:
    for value in contract.enums["ErrorReason"]:
        comment = contract.comments[f"ErrorReason.{value}"]
        if value != "ERROR_REASON_UNSPECIFIED":
            assert comment.startswith(tuple(f"{status}: " for status in STATUSES)), value
            assert "Metadata: " in comment, value


def test_every_rpc_lists_its_errors_by_their_declared_names(contract: Contract) -> None:
    declared = {value.removeprefix("ERROR_REASON_") for value in contract.enums["ErrorReason"]}
    for rpc in contract.rpcs:
        errors = rpc.comment.partition("Errors: ")[2].partition("On these")[0]
        named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", errors))
        assert "INVALID_FIELD" in named or not contract.fields[rpc.request], rpc.method
        assert named <= declared, rpc.method


def test_every_service_lists_the_errors_of_any_call(contract: Contract) -> None:
    of_keys = {
        value.removeprefix("ERROR_REASON_")
        for value in contract.enums["ErrorReason"]
        if contract.comments[f"ErrorReason.{value}"].startswith("UNAUTHENTICATED")
    }
    assert len(of_keys) == 5
    for service in {rpc.service for rpc in contract.rpcs}:
        named = set(re.findall(r"`([A-Z_]+)`", contract.comments[service].partition("any call may fail with")[2]))
        assert named >= of_keys | OF_ANY_CALL, service
        if any(rpc.mutates for rpc in contract.rpcs if rpc.service == service):
            assert "CONTENTION" in named, service


def test_every_rpc_says_which_scope_it_takes(contract: Contract) -> None:
    for rpc in contract.rpcs:
        access = ACCESS[f"tollhouse.v1.{rpc.service}/{rpc.method}"]
        assert f"Scope: {access.scope.value if access.scope else 'any'}. Errors: " in rpc.comment, rpc.method
        assert "without a limit to products" in contract.comments[rpc.service] or not access.every_product, rpc.method


def test_every_rpc_that_names_a_product_may_refuse_it(contract: Contract) -> None:
    for rpc in contract.rpcs:
        if "product" in contract.fields[rpc.request]:
            assert "PRODUCT_NOT_ALLOWED" in rpc.comment, rpc.method


def test_every_rpc_says_that_it_is_idempotent(contract: Contract) -> None:
    assert [rpc.method for rpc in contract.rpcs if "Idempotent" not in rpc.comment] == []


def test_every_mutation_says_what_a_client_may_conclude(contract: Contract) -> None:
    for rpc in contract.mutations:
        assert "IDEMPOTENCY_KEY_REUSED" in rpc.comment, rpc.method
        assert "On these nothing was recorded." in rpc.comment, rpc.method
        assert UNKNOWN_OUTCOME in rpc.comment, rpc.method
        assert re.search(r"repeat with the same keys?\.", rpc.comment), rpc.method


def _capitals(name: str) -> str:
    """RecordUsage becomes RECORD_USAGE."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper()
