"""Every way to a schema ends at the same schema, or changes nothing; and the ledger stays immutable on all of them."""

import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, Inspector, NullPool, create_engine, inspect, text

from tests.support.postgres import Cluster
from tollhoused.errors import StoreUnavailable
from tollhoused.store import schema, triggers
from tollhoused.store.tables import metadata

ENGINES = ["sqlite", "postgresql"]
NUMBERS = count()

ENTRY = (
    "INSERT INTO ledger_entries (slice, account, seq, booked_us, effective_us, amount_nanos, balance_after_nanos,"
    " cause_kind, cause, cause_client) VALUES (1, 'acct_1', 1, 0, 0, 5, 5, 'grant', 'grant_1', '')"
)
HEAD = schema.head_revision()
STEPS = [f"{number:04}" for number in range(1, int(HEAD) + 1)]
NEXT = f"{int(HEAD) + 1:04}"
PLANTED = f"""'Planted.'
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"
"""
MAKES_A_TABLE = """
    def upgrade() -> None:
        op.execute("CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)")

    def downgrade() -> None:
        op.drop_table("later")
"""
REBUILDS_THE_LEDGER = """
    def upgrade() -> None:
        with op.batch_alter_table("ledger_entries") as table:
            table.add_column(sa.Column("note", sa.Text, nullable=True))
            table.alter_column("note", existing_type=sa.Text, type_=sa.VARCHAR(9))

    def downgrade() -> None:
        with op.batch_alter_table("ledger_entries") as table:
            table.drop_column("note")
"""
FAILS_HALFWAY = """
    def upgrade() -> None:
        op.execute("CREATE TABLE later (id TEXT NOT NULL PRIMARY KEY)")
        op.execute("UPDATE accounts SET version = 2")
        with op.batch_alter_table("accounts") as table:
            table.alter_column("due_us", new_column_name="due_at_us")
        op.execute("INSERT INTO later VALUES (NULL)")
"""


@pytest.fixture(params=ENGINES)
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Iterator[str]]:
    """URLs of empty databases of one engine, as many as are asked for."""
    if request.param == "sqlite":
        yield (f"sqlite:///{tmp_path}/books{number}" for number in count())
    else:
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        yield (cluster.create_database(f"migrations{number}") for number in NUMBERS)


@pytest.fixture
def url(urls: Iterator[str]) -> str:
    return next(urls)


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Adds a step to a copy of the migrations, which `schema` uses from then on."""
    planted = tmp_path / "100% migrations"
    shutil.copytree(schema.MIGRATIONS, planted, ignore=shutil.ignore_patterns("__pycache__"))

    def _plant(body: str) -> None:
        (planted / "versions" / f"{NEXT}_planted.py").write_text(PLANTED + textwrap.dedent(body), encoding="utf-8")
        monkeypatch.setattr(schema, "MIGRATIONS", planted)

    yield _plant
    monkeypatch.undo()


def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


@contextmanager
def _inspector(url: str) -> Iterator[Inspector]:
    with _engine(url).connect() as connection:
        yield inspect(connection)


def _execute(url: str, statement: str) -> None:
    with _engine(url).begin() as connection:
        connection.execute(text(statement))


def _by_name(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: str(item["name"]))


def _in_words(index: Any) -> dict[str, Any]:
    """An index with the condition of a partial one as text: expressions compare by identity."""
    return {**index, "dialect_options": {key: str(value) for key, value in index.get("dialect_options", {}).items()}}


def _picture(url: str) -> dict[str, Any]:
    """All that there is in a database's schema, as it describes itself."""
    with _inspector(url) as found:
        picture: dict[str, Any] = {}
        for table in sorted(found.get_table_names()):
            picture[table] = {
                "columns": [{**column, "type": repr(column["type"])} for column in found.get_columns(table)],
                "primary key": found.get_pk_constraint(table),
                "uniques": _by_name(list(found.get_unique_constraints(table))),
                "checks": _by_name(list(found.get_check_constraints(table))),
                "foreign keys": _by_name(list(found.get_foreign_keys(table))),
                "indexes": _by_name([_in_words(index) for index in found.get_indexes(table)]),
            }
        if found.dialect.name == "sqlite":
            others = "SELECT name, sql FROM sqlite_master WHERE type NOT IN ('table', 'index') ORDER BY name"
        else:
            others = (
                "SELECT tgname, pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal"
                " UNION ALL SELECT proname, prosrc, prokind FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                " UNION ALL SELECT relname, relkind::text, relpersistence FROM pg_class"
                " WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
            )
        picture["others"] = [tuple(row) for row in found.bind.execute(text(others))]  # type: ignore[union-attr]
    return picture


def test_a_migrated_database_equals_a_fresh_one(urls: Iterator[str]) -> None:
    migrated, fresh = next(urls), next(urls)

    steps = schema.migrate(migrated)
    schema.create(fresh)

    assert [step.partition(":")[0] for step in steps] == STEPS
    assert _picture(migrated) == _picture(fresh)
    assert set(_picture(fresh)) == {*metadata.tables, "alembic_version", "others"}
    assert schema.problems(migrated) == schema.problems(fresh) == []


def test_alembic_finds_no_difference_from_the_declared_tables(url: str) -> None:
    schema.migrate(url)

    with _engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_migrating_again_changes_nothing(url: str) -> None:
    schema.migrate(url)
    before = _picture(url)

    assert schema.migrate(url) == []
    assert _picture(url) == before


@pytest.mark.parametrize("step", [MAKES_A_TABLE, REBUILDS_THE_LEDGER])
def test_a_step_can_be_taken_undone_and_taken_again(url: str, plant: Any, step: str) -> None:
    schema.migrate(url)
    _execute(url, ENTRY)
    first = _picture(url)
    plant(step)

    assert schema.migrate(url) == [f"{NEXT}: Planted."]
    second = _picture(url)
    assert schema.migrate(url, HEAD) == [f"undone {NEXT}: Planted."]
    assert _picture(url) == first
    assert schema.migrate(url) == [f"{NEXT}: Planted."]
    assert _picture(url) == second

    assert first != second
    assert schema.problems(url) == []
    _assert_immutable(url)


def test_every_step_of_ours_but_the_first_can_be_undone_and_taken_again(url: str) -> None:
    pictures = {}
    for revision in STEPS:
        schema.migrate(url, revision)
        pictures[revision] = _picture(url)
    _execute(url, ENTRY)

    for revision in reversed(STEPS[:-1]):
        schema.migrate(url, revision)
        assert _picture(url) == pictures[revision]
    schema.migrate(url)

    assert _picture(url) == pictures[HEAD]
    _assert_immutable(url)


def test_the_first_step_is_never_undone(url: str) -> None:
    schema.migrate(url)

    with pytest.raises(ValueError, match="no revision base"):
        schema.migrate(url, "base")
    assert schema.problems(url) == []


def test_a_step_that_fails_leaves_no_trace(url: str, plant: Any) -> None:
    schema.migrate(url)
    before = _picture(url)
    plant(FAILS_HALFWAY)

    with pytest.raises(schema.MigrationFailed, match="nothing was changed"):
        schema.migrate(url)

    assert _picture(url) == before
    plant(MAKES_A_TABLE)
    assert schema.migrate(url) == [f"{NEXT}: Planted."]


def test_a_step_that_orphans_rows_is_refused(url: str, plant: Any) -> None:
    schema.migrate(url)
    account = "'acct_1', 'organization', 'usd', 'UTC', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0"
    _execute(url, f"INSERT INTO accounts VALUES ({account})")
    _execute(url, "INSERT INTO organizations VALUES ('org_1', 'acct_1')")
    plant('def upgrade() -> None:\n    op.execute("DELETE FROM accounts")')

    with pytest.raises(schema.MigrationFailed, match="organizations"):
        schema.migrate(url)

    with _engine(url).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM accounts")).scalar_one() == 1


def _migrate_at_once(url: str) -> list[str]:
    """Three processes start on a sign; the numbers of steps that they took, sorted."""
    program = (
        "import sys; from tollhoused.store.schema import migrate;"
        "print('ready', flush=True); sys.stdin.readline(); print(len(migrate(sys.argv[1])))"
    )
    command = [sys.executable, "-c", program, url]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sorted(process.communicate()[0].strip() for process in processes)


def test_processes_that_migrate_at_once_take_each_step_once(url: str) -> None:
    assert _migrate_at_once(url) == ["0", "0", str(len(STEPS))]
    assert schema.problems(url) == []


def test_they_see_each_other_where_transactions_are_serializable_by_default(postgres_cluster: Cluster) -> None:
    url = postgres_cluster.create_database("migrations_serializable")
    _execute(url, "ALTER DATABASE migrations_serializable SET default_transaction_isolation = 'serializable'")

    assert _migrate_at_once(url) == ["0", "0", str(len(STEPS))]


def test_a_table_that_is_in_use_is_not_waited_for_long(
    postgres_cluster: Cluster, plant: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_cluster.create_database("migrations_in_use")
    schema.migrate(url)
    plant('def upgrade() -> None:\n    op.execute("ALTER TABLE accounts ADD COLUMN note text")')
    monkeypatch.setattr(schema, "WAIT_FOR_TABLE_SECONDS", 0.1)

    with psycopg.connect(url) as user:
        user.execute("SELECT count(*) FROM accounts")
        with pytest.raises(schema.MigrationFailed, match="lock timeout"):
            schema.migrate(url)

    assert schema.migrate(url) == [f"{NEXT}: Planted."]


def test_an_empty_database_is_refused(url: str) -> None:
    assert schema.problems(url) == ["the database has no schema: run `tollhouse migrate`"]


def test_looking_makes_no_file(tmp_path: Path) -> None:
    schema.problems(f"sqlite:///{tmp_path}/books")

    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_is_refused_until_it_is_migrated(url: str, plant: Any) -> None:
    schema.migrate(url)
    plant(MAKES_A_TABLE)

    with pytest.raises(
        schema.SchemaMismatch, match=rf"is {HEAD}, this program works on {NEXT}: run `tollhouse migrate`"
    ):
        schema.check(url)
    schema.migrate(url)
    schema.check(url)


def test_a_newer_schema_is_refused_and_not_touched(url: str) -> None:
    schema.migrate(url)
    _execute(url, "UPDATE alembic_version SET version_num = '9999'")
    newer = rf"is 9999, newer than this program \({HEAD}\)"

    with pytest.raises(schema.SchemaMismatch, match=newer):
        schema.check(url)
    with pytest.raises(schema.SchemaMismatch, match=newer):
        schema.migrate(url)


@pytest.mark.parametrize("position", range(3))
def test_a_trigger_that_is_missing_is_named_and_made_again(url: str, position: int) -> None:
    schema.migrate(url)
    on_sqlite = url.startswith("sqlite")
    lost = (triggers.SQLITE if on_sqlite else triggers.POSTGRESQL)[position]
    _execute(url, f"DROP TRIGGER {lost.name}" + ("" if on_sqlite else " ON ledger_entries"))

    (problem,) = schema.problems(url)
    assert f"the trigger {lost.name} on ledger_entries is missing" in problem
    assert schema.migrate(url) == []
    assert schema.problems(url) == []


def test_a_trigger_that_was_weakened_or_disabled_is_named_and_made_again(url: str) -> None:
    schema.migrate(url)
    if url.startswith("sqlite"):
        _execute(url, "DROP TRIGGER ledger_entries_no_update")
        _execute(url, "CREATE TRIGGER ledger_entries_no_update AFTER UPDATE ON ledger_entries BEGIN SELECT 1; END")
    else:
        _execute(url, "ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_no_update")

    (problem,) = schema.problems(url)
    assert "ledger_entries_no_update" in problem
    schema.migrate(url)
    _execute(url, ENTRY)
    _assert_immutable(url)


def _assert_immutable(url: str) -> None:
    statements = ["UPDATE ledger_entries SET amount_nanos = 6", "DELETE FROM ledger_entries"]
    with closing(_driver_connection(url)) as connection:
        on_sqlite = isinstance(connection, sqlite3.Connection)
        statements.append(ENTRY.replace("INSERT", "INSERT OR REPLACE") if on_sqlite else "TRUNCATE ledger_entries")
        for statement in statements:
            with pytest.raises((sqlite3.IntegrityError, psycopg.errors.RestrictViolation), match="is immutable"):
                connection.execute(statement)
            connection.rollback()
        assert connection.execute("SELECT amount_nanos FROM ledger_entries").fetchall() == [(5,)]


def _driver_connection(url: str) -> "sqlite3.Connection | psycopg.Connection[Any]":
    return sqlite3.connect(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else psycopg.connect(url)


@pytest.mark.parametrize("make", [schema.migrate, schema.create])
def test_the_ledger_refuses_every_change(url: str, make: Any) -> None:
    make(url)
    _execute(url, ENTRY)

    _assert_immutable(url)


@pytest.mark.parametrize("bad", ["mysql://x", "sqlite://", "sqlite:///:memory:", "books.sqlite3"])
def test_a_url_of_another_form_is_refused(bad: str) -> None:
    for function in (schema.migrate, schema.problems):
        with pytest.raises(ValueError, match="sqlite:///path/to/file or postgresql://"):
            function(bad)


def test_a_database_that_does_not_answer_is_unavailable_and_not_mismatched(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to look like the header of one" * 100)

    for url in (f"postgresql://postgres@/books?host={tmp_path}", f"sqlite:///{tmp_path}/text"):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            schema.problems(url)
        with pytest.raises(schema.MigrationFailed, match="nothing was changed"):
            schema.migrate(url)
