"""The schema is fit for a database that spreads accounts over machines: keys contain the account (requirement O8)."""

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Inspector, NullPool, create_engine, inspect

KEYS_WITHOUT_ACCOUNT = {
    ("operations", "idempotency_key", "client"): "the operations' own key, chosen by the client",
    ("users", "id"): "how an account is found",
    ("users", "user_id"): "how an account is found",
    ("users", "email"): "how an account is found",
    ("organizations", "org_id"): "how an account is found",
    ("outbox", "position"): "given after the commit, by one process for all accounts",
    ("provider_events", "provider", "id"): "the provider's own; which account it is about is found out later",
    ("audit_log", "at_us", "client", "idempotency_key"): "of the operator's act, which may be about no account",
}


def _uniques(found: Inspector, table: str) -> set[tuple[str, ...]]:
    """The columns of each key of a table, whatever form it has."""
    keys: list[Sequence[str | None]] = [
        found.get_pk_constraint(table)["constrained_columns"],
        *(each["column_names"] for each in found.get_unique_constraints(table)),
        *(each["column_names"] for each in found.get_indexes(table) if each["unique"]),
    ]
    return {tuple(map(str, key)) for key in keys}


@pytest.fixture
def found(database_url: str) -> Iterator[Inspector]:
    with create_engine(database_url, poolclass=NullPool).connect() as connection:
        yield inspect(connection)


@pytest.fixture
def tables(found: Inspector) -> list[str]:
    """Those that hold something of an account."""
    return [
        name for name in found.get_table_names() if any(each["name"] == "account" for each in found.get_columns(name))
    ]


def test_every_unique_key_of_account_data_contains_the_account(found: Inspector, tables: list[str]) -> None:
    keys = {(table, *key) for table in tables for key in _uniques(found, table) if "account" not in key}

    assert {"counters", "grants", "ledger_entries", "segments", "reservations", "intents"} < set(tables)
    assert keys == set(KEYS_WITHOUT_ACCOUNT)


def test_every_foreign_key_of_account_data_contains_the_account(found: Inspector, tables: list[str]) -> None:
    keys = [(table, each["constrained_columns"]) for table in tables for each in found.get_foreign_keys(table)]

    assert keys, "there are some"
    assert [key for key in keys if "account" not in key[1]] == []


def test_no_order_comes_of_a_sequence(found: Inspector) -> None:
    if found.dialect.name == "postgresql":
        assert found.get_sequence_names() == []
    else:
        assert "sqlite_sequence" not in found.get_table_names(sqlite_include_internal=True)
