"""The words in which every table is declared: kinds of columns, rules, and the one schema that all tables are in."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, MetaData, Text, literal_column

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

LARGEST_TOTAL = 2**62


def text(name: str) -> Column[str]:
    """A text that is always there."""
    return Column(name, Text, nullable=False)


def maybe_text(name: str) -> Column[str]:
    """A text that may be absent."""
    return Column(name, Text, nullable=True)


def number(name: str) -> Column[int]:
    """A 64-bit integer that is always there."""
    return Column(name, BigInteger, nullable=False)


def zero(name: str) -> Column[int]:
    """A 64-bit integer that servers of before its time leave at zero."""
    return Column(name, BigInteger, nullable=False, server_default=literal_column("0"))


def given(name: str, default: str) -> Column[str]:
    """A text that servers of before its time leave at a value."""
    return Column(name, Text, nullable=False, server_default=literal_column(f"'{default}'"))


def maybe_number(name: str) -> Column[int]:
    """A 64-bit integer that may be absent."""
    return Column(name, BigInteger, nullable=True)


def check(name: str, condition: str) -> CheckConstraint:
    """A named rule of the domain, repeated where it cannot be passed by."""
    return CheckConstraint(condition, name=name)


def of_account() -> ForeignKeyConstraint:
    """The row belongs to an account that exists."""
    return ForeignKeyConstraint(["account"], ["accounts.id"])
