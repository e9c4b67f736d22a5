"""Rows of payment providers to values and back, in the order of `provider_tables.py`."""

import json

from tollhoused.domain.intent import Intent, IntentKind, IntentState
from tollhoused.domain.json_text import compact_json
from tollhoused.store.rows import Row


def intent_from_row(row: Row) -> Intent:
    """An intent."""
    _, id_, kind, provider, client, currency, credits_nanos, price_minor, order, *rest = row
    created_us, attempt_us, attempt, state, *more = rest
    return Intent(
        id_,
        IntentKind(kind),
        provider,
        client,
        currency,
        credits_nanos,
        price_minor,
        json.loads(order),
        created_us,
        attempt_us,
        attempt,
        IntentState(state),
        *more,
    )


def intent_row(account_id: str, intent: Intent) -> Row:
    """An intent's row."""
    values = intent._replace(
        kind=intent.kind.value,  # type: ignore[arg-type]
        order=compact_json(intent.order),  # type: ignore[arg-type]
        state=intent.state.value,  # type: ignore[arg-type]
    )
    return (account_id, *values)
