"""Taking recorded usage back (requirement U8)."""

from tollhoused.domain.books import VOIDABLE, Settled
from tollhoused.domain.voids import VoidUsage
from tollhoused.errors import InvalidField
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core
from tollhoused.usecases.usage import stored_operation


def void_usage(
    core: Core, call: Call, *, voided_key: str, reason: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Takes back what the client has recorded under a key.

    Raises OperationNotFound for what it has not stored, or not for a product that it speaks for.
    """
    forms.idempotency_key(idempotency_key)
    forms.idempotency_key(voided_key, "voided_key")
    forms.text("reason", reason, forms.REASON_LENGTH_MAX, required=False)
    found = stored_operation(core, call, voided_key)
    if found.kind not in VOIDABLE or found.meter is None or found.segment_start_us is None:
        raise InvalidField("voided_key", f"names an operation of the kind {found.kind}; only usage can be voided")
    forms.counter_meter(core.catalogue, found.meter, "voided_key")
    command = VoidUsage(
        client=call.client,
        idempotency_key=idempotency_key,
        account_id=found.account_id,
        meter=found.meter,
        segment_start_us=found.segment_start_us,
        voided_key=voided_key,
        grant_id=core.new_id("grant"),
        reason=reason,
    )
    return core.run(call, command, validate_only)
