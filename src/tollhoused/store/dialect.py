"""Statements compiled once from the tables, and how each engine is handed whole sets of rows.

A set goes to SQLite as one JSON array read by `json_each`, to PostgreSQL as one array per column read by `unnest`.
Writes go to SQLite by `executemany`, to PostgreSQL as one statement over `unnest`. Keys of several columns are joined
as tuples of one set, never by a product of two sets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

from tollhoused.domain.json_text import compact_json

Rows = Sequence[Sequence[Any]]

TEXT: TypeEngine[Any] = Text()
NUMBER: TypeEngine[Any] = BigInteger()
ROWS = "number_of_rows"
"""The parameter of a counted write that says how many rows it must touch."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A named set of rows that is a parameter of a statement: its columns in order, with their types."""

    name: str
    columns: tuple[tuple[str, TypeEngine[Any]], ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled statement that reads.

    `positions` are its parameters' names in order, where the driver wants an order; `width` is how many columns a row
    of the answer has.
    """

    sql: str
    relations: tuple[Relation, ...]
    positions: tuple[str, ...]
    constants: Mapping[str, Any]
    width: int


@dataclass(frozen=True, slots=True)
class Write:
    """A compiled statement that writes rows of these columns.

    A `counted` one must touch exactly as many rows as it is given.
    """

    sql: str
    relation: Relation
    counted: bool = False


class Dialect(Protocol):
    """What differs between the engines, at the level of statements."""

    @property
    def locks_rows(self) -> bool:
        """Whether a batch must lock the rows it will change; otherwise the transaction has locked everything."""

    @property
    def byte_order(self) -> str:
        """The collation that orders text by its bytes, which is Python's order too."""

    def relation(self, relation: Relation) -> FromClause:
        """The relation as something to join with."""

    def among(self, column: ColumnElement[Any], relation: Relation) -> ColumnElement[bool]:
        """Whether the column has a value of the relation's only column; for large sets, each looked up in the index."""

    def query(self, statement: Select[Any], *relations: Relation) -> Query:
        """Compiles a read."""

    def bind(self, query: Query, sets: Mapping[str, Rows], values: Mapping[str, Any]) -> Any:
        """What the driver takes beside the query's text."""

    def insert(self, table: Table) -> Write:
        """Inserts rows given in the order of the table's columns."""

    def upsert(self, table: Table) -> Write:
        """Inserts rows, or replaces what is stored under their primary keys."""

    def update(self, table: Table, names: Sequence[str]) -> Write:
        """Sets these columns, given before the primary key's, of rows that are there."""

    def delete(self, table: Table) -> Write:
        """Deletes rows by their primary keys, given in the key's order."""

    def update_versioned(self, table: Table, names: Sequence[str]) -> Write:
        """Sets these columns where `id` and the loaded `version`, given as two last columns, still hold."""


def columns_of(table: Table) -> tuple[tuple[str, TypeEngine[Any]], ...]:
    """Names and wire types of a table's columns."""
    return tuple((column.name, NUMBER if column.type.python_type is int else TEXT) for column in table.columns)


def _key_of(table: Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _columns(table: Table, names: Sequence[str]) -> Relation:
    """Some columns of rows."""
    kinds = dict(columns_of(table))
    return Relation("w", tuple((name, kinds[name]) for name in names))


def _versioned(table: Table, names: Sequence[str]) -> Relation:
    kinds = dict(columns_of(table))
    return Relation("w", (*((name, kinds[name]) for name in names), ("key", TEXT), ("loaded_version", NUMBER)))


def _positions(compiled: Any) -> tuple[str, ...]:
    """The names of a compiled statement's parameters in the order of their question marks."""
    return tuple(getattr(compiled, "positiontup", None) or ())


def _array(kind: TypeEngine[Any], values: Sequence[Any]) -> str:
    """An array literal; what stands between double quotes is text, even if it is NULL.

    A column of text is quoted as a whole, with U+0000 between its values meanwhile. A value that holds one itself is
    left to the driver, which refuses it.
    """
    if kind is not TEXT:
        return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"
    if None not in values:
        column = "\0".join(values)
        if values and column.count("\0") == len(values) - 1:
            return "{" + _quoted(column).replace("\0", '","') + "}"
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _width(statement: Select[Any]) -> int:
    return len(statement.selected_columns)


def _constants(compiled: Any) -> dict[str, Any]:
    """Values that the compiler itself passes as parameters, such as an OFFSET of 0."""
    return {name: value for name, value in compiled.params.items() if value is not None}


class SqliteDialect:
    """json_each for sets, executemany for writes; the transaction's lock covers everything."""

    locks_rows = False
    byte_order = "BINARY"
    _dialect = sqlite.dialect()

    def relation(self, relation: Relation) -> FromClause:
        each = func.json_each(bindparam(relation.name)).table_valued("value", name=f"{relation.name}_each")
        columns = [
            func.json_extract(each.c.value, literal_column(f"'$[{index}]'"), type_=kind).label(name)
            for index, (name, kind) in enumerate(relation.columns)
        ]
        return select(*columns).subquery(relation.name)

    def among(self, column: ColumnElement[Any], relation: Relation) -> ColumnElement[bool]:
        return column.in_(select(self.relation(relation)))

    def query(self, statement: Select[Any], *relations: Relation) -> Query:
        compiled = statement.compile(dialect=self._dialect)
        return Query(str(compiled), relations, _positions(compiled), _constants(compiled), _width(statement))

    def bind(self, query: Query, sets: Mapping[str, Rows], values: Mapping[str, Any]) -> Any:
        named = {**query.constants, **values, **{item.name: compact_json(sets[item.name]) for item in query.relations}}
        return [named[name] for name in query.positions]

    def insert(self, table: Table) -> Write:
        return self._write(insert(table), table)

    def upsert(self, table: Table) -> Write:
        statement = sqlite.insert(table)
        others = {name: statement.excluded[name] for name, _ in columns_of(table) if name not in _key_of(table)}
        return self._write(statement.on_conflict_do_update(index_elements=_key_of(table), set_=others), table)

    def update(self, table: Table, names: Sequence[str]) -> Write:
        condition = and_(*[table.c[name] == bindparam(f"key_{name}") for name in _key_of(table)])
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        compiled = update(table).where(condition).values(values).compile(dialect=self._dialect)
        expected = [*(f"new_{name}" for name in names), *(f"key_{name}" for name in _key_of(table))]
        assert list(_positions(compiled)) == expected
        return Write(str(compiled), _columns(table, [*names, *_key_of(table)]))

    def delete(self, table: Table) -> Write:
        condition = and_(*[table.c[name] == bindparam(name) for name in _key_of(table)])
        compiled = delete(table).where(condition).compile(dialect=self._dialect)
        assert list(_positions(compiled)) == _key_of(table)
        return Write(str(compiled), _columns(table, _key_of(table)))

    def update_versioned(self, table: Table, names: Sequence[str]) -> Write:
        condition = and_(table.c.id == bindparam("key"), table.c.version == bindparam("loaded_version"))
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        compiled = update(table).where(condition).values(values).compile(dialect=self._dialect)
        assert list(_positions(compiled)) == [*(f"new_{name}" for name in names), "key", "loaded_version"]
        return Write(str(compiled), _versioned(table, names), counted=True)

    def _write(self, statement: Any, table: Table) -> Write:
        compiled = statement.compile(dialect=self._dialect, column_keys=[name for name, _ in columns_of(table)])
        assert list(_positions(compiled)) == [name for name, _ in columns_of(table)]
        return Write(str(compiled), Relation(table.name, columns_of(table)))


class PostgresDialect:
    """Arrays and unnest both ways; rows are locked in the order of their ids."""

    locks_rows = True
    byte_order = "C"
    _dialect = postgresql.psycopg.dialect()  # type: ignore[no-untyped-call]

    def relation(self, relation: Relation) -> FromClause:
        arrays = [cast(bindparam(f"{relation.name}_{name}"), postgresql.ARRAY(kind)) for name, kind in relation.columns]
        names = [name for name, _ in relation.columns]
        return func.unnest(*arrays).table_valued(*names, name=relation.name).render_derived()

    def among(self, column: ColumnElement[Any], relation: Relation) -> ColumnElement[bool]:
        # Joined with a set, the planner may prefer to skip through the whole index to looking up hundreds of keys.
        ((name, kind),) = relation.columns
        return column == any_(cast(bindparam(f"{relation.name}_{name}"), postgresql.ARRAY(kind)))

    def query(self, statement: Select[Any], *relations: Relation) -> Query:
        compiled = statement.compile(dialect=self._dialect)
        return Query(str(compiled), relations, (), _constants(compiled), _width(statement))

    def bind(self, query: Query, sets: Mapping[str, Rows], values: Mapping[str, Any]) -> Any:
        named = {**query.constants, **values}
        for relation in query.relations:
            named |= self.arrays(relation, sets[relation.name])
        return named

    def arrays(self, relation: Relation, rows: Rows) -> dict[str, str]:
        """The rows turned into one array per column, as PostgreSQL writes arrays.

        The driver's own adaptation of lists takes ten times as long, and makes another prepared statement of every
        mixture of small and large numbers.
        """
        columns = zip(*rows, strict=True) if rows else [()] * len(relation.columns)
        return {
            f"{relation.name}_{name}": _array(kind, column)
            for (name, kind), column in zip(relation.columns, columns, strict=True)
        }

    def insert(self, table: Table) -> Write:
        relation = Relation("w", columns_of(table))
        rows = self.relation(relation)
        statement = insert(table).from_select([name for name, _ in relation.columns], select(*rows.columns))
        return Write(str(statement.compile(dialect=self._dialect)), relation)

    def upsert(self, table: Table) -> Write:
        relation = Relation("w", columns_of(table))
        statement = postgresql.insert(table).from_select(
            [name for name, _ in relation.columns], select(*self.relation(relation).columns)
        )
        others = {name: statement.excluded[name] for name, _ in relation.columns if name not in _key_of(table)}
        changed = statement.on_conflict_do_update(index_elements=_key_of(table), set_=others)
        return Write(str(changed.compile(dialect=self._dialect)), relation)

    def update(self, table: Table, names: Sequence[str]) -> Write:
        relation = _columns(table, [*names, *_key_of(table)])
        rows = self.relation(relation)
        condition = and_(*[table.c[name] == rows.c[name] for name in _key_of(table)])
        changed = update(table).where(condition).values({name: rows.c[name] for name in names})
        return Write(str(changed.compile(dialect=self._dialect)), relation)

    def delete(self, table: Table) -> Write:
        relation = _columns(table, _key_of(table))
        rows = self.relation(relation)
        condition = and_(*[table.c[name] == rows.c[name] for name in _key_of(table)])
        return Write(str(delete(table).where(condition).compile(dialect=self._dialect)), relation)

    def update_versioned(self, table: Table, names: Sequence[str]) -> Write:
        relation = _versioned(table, names)
        rows = self.relation(relation)
        statement = (
            update(table)
            .where(and_(table.c.id == rows.c.key, table.c.version == rows.c.loaded_version))
            .values({name: rows.c[name] for name in names})
            .returning(table.c.id)
        )
        sql = str(statement.compile(dialect=self._dialect))
        # A version that moved must abort the transaction before the COMMIT that is already on its way behind this
        # statement.
        counted = f"WITH changed AS ({sql}) SELECT 1 / CAST(count(*) = %({ROWS})s AS integer) FROM changed"
        return Write(counted, relation, counted=True)
