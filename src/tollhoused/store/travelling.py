"""Statements that travel to PostgreSQL together: several reads, or several writes, as one statement.

The driver's work for each statement is several times the database's while there are few rows, so a lone call is sent as
few of them. With many rows that is nothing beside the rows, and the database begins with the first statement while the
next one is still being written.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from tollhoused.store.dialect import PostgresDialect, Rows, Write
from tollhoused.store.session import Ask

FEW_ROWS = 100

_PARAMETER = re.compile(r"%\((\w+)\)s|%%")


class Statement(NamedTuple):
    """Text with numbered parameters, and their names in that order."""

    sql: str
    names: tuple[str, ...]


class Bound(NamedTuple):
    """A statement with what the driver takes beside it; `width` is how many answers its one row has, 0 for rows."""

    sql: str
    values: list[Any]
    width: int


def reads(dialect: PostgresDialect, asks: Sequence[Ask]) -> Iterator[Bound]:
    """The asks as statements, in order. What locks goes alone: whatever is read after it must be as it is then."""
    run: list[Ask] = []
    few = sum([len(rows) for ask in asks for rows in ask.sets.values()]) <= FEW_ROWS
    for ask in asks:
        if few and not ask.query.locks:
            run.append(ask)
            continue
        if run:
            yield at_once(dialect, run)
            run = []
        statement = numbered(ask.query.sql)
        yield _bound(statement, dialect.bind(ask.query, ask.sets, ask.values), 0)
    if run:
        yield at_once(dialect, run)


def at_once(dialect: PostgresDialect, asks: Sequence[Ask]) -> Bound:
    """One statement for several: its row has each one's rows as a JSON array."""
    values: dict[str, Any] = {}
    for index, ask in enumerate(asks):
        for name, value in dialect.bind(ask.query, ask.sets, ask.values).items():
            values[f"q{index}_{name}"] = value
    return _bound(_answered_at_once(tuple([(ask.query.sql, ask.query.width) for ask in asks])), values, len(asks))


def writes(dialect: PostgresDialect, plan: Sequence[tuple[Write, Rows]]) -> Iterator[Bound]:
    """The writes as statements, in order. One statement sees nothing of what it writes, so none of them writes to a
    table twice.
    """
    few = sum([len(rows) for _, rows in plan]) <= FEW_ROWS
    run: list[tuple[Write, Rows]] = []
    for write, rows in plan:
        if run and (not few or any(write.table == other.table for other, _ in run)):
            yield _written(dialect, run)
            run = []
        run.append((write, rows))
    if run:
        yield _written(dialect, run)


@lru_cache(maxsize=1024)
def numbered(sql: str) -> Statement:
    """Text with named parameters as PostgreSQL itself takes it: the driver reads long texts anew at each call."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        if match[1] is None:
            return "%"
        return f"${names.setdefault(match[1], len(names) + 1)}"

    return Statement(_PARAMETER.sub(number, sql), tuple(names))


@lru_cache(maxsize=256)
def _answered_at_once(queries: tuple[tuple[str, int], ...]) -> Statement:
    """One statement that answers several, given by text and width; the parameters of each get a prefix of their own."""
    parts = []
    for index, (text, width) in enumerate(queries):
        columns = ", ".join(f"c{number}" for number in range(width))
        sql = _prefixed(text, index)
        parts.append(f"(SELECT json_agg(json_build_array({columns}))::text FROM ({sql}) AS q{index} ({columns}))")
    return numbered(f"SELECT {', '.join(parts)}")


def _written(dialect: PostgresDialect, run: Sequence[tuple[Write, Rows]]) -> Bound:
    values: dict[str, Any] = {}
    for index, (write, rows) in enumerate(run):
        for name, array in dialect.arrays(write.relation, rows).items():
            values[f"q{index}_{name}"] = array
        values[f"q{index}_rows"] = len(rows)
    return _bound(_written_at_once(tuple([(write.sql, write.counted) for write, _ in run])), values, 0)


@lru_cache(maxsize=256)
def _written_at_once(writes: tuple[tuple[str, bool], ...]) -> Statement:
    """One statement that carries out several.

    A version that moved must abort the transaction before the COMMIT that is already on its way behind it.
    """
    parts = [f"w{index} AS ({_prefixed(text, index)})" for index, (text, _) in enumerate(writes)]
    checks = [
        f"1 / CAST((SELECT count(*) FROM w{index}) = %(q{index}_rows)s AS integer)"
        for index, (_, counted) in enumerate(writes)
        if counted
    ]
    return numbered(f"WITH {', '.join(parts)} SELECT {', '.join(checks) or '1'}")


def _prefixed(sql: str, index: int) -> str:
    return sql.replace("%(", f"%(q{index}_")


def _bound(statement: Statement, values: dict[str, Any], width: int) -> Bound:
    return Bound(statement.sql, [values[name] for name in statement.names], width)
