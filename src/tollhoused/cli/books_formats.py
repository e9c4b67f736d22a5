"""How an exported journal is written: for beancount, as NDJSON, as CSV. Amounts are decimal text, exact to the nano.

No personal data: accounts are our ids, and of idempotency keys, which callers choose, only fingerprints are written.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TextIO

from tollhoused.domain.bookkeeping import Half, Path, customer_of
from tollhoused.domain.commands import digest
from tollhoused.domain.instants import DAY_US, rfc3339
from tollhoused.domain.money import NANOS_PER_UNIT
from tollhoused.usecases.exporting import Balance, Transaction

Record = Transaction | Balance

OPENED = "1970-01-01"
"""Before anything that is booked: the accounts of a journal are opened when they are first met, in whatever order."""

CSV_COLUMNS = [
    "booked", "account_id", "sequence", "cause", "account", "amount", "currency", "effective", "grant_id", "client",
    "operation",
]  # fmt: skip
_UNWANTED = re.compile(r"[^A-Za-z0-9]+")


def write_beancount(records: Iterable[Record], out: TextIO) -> None:
    """Transactions, and what each account must balance to, which `bean-check` then proves.

    Every amount has nine decimals, so that beancount, which tolerates half of the last digit, tolerates nothing.
    """
    out.write('; Written by tollhouse export.\noption "title" "Tollhouse"\n\n')
    shared: set[Path] = set()
    own: set[Path] = set()
    for record in records:
        for path in _paths(record):
            # Customers come one after the other: only the accounts of one need be remembered.
            customer = customer_of(path)
            if customer and any(customer_of(other) != customer for other in own):
                own.clear()
            known = own if customer else shared
            if path not in known:
                known.add(path)
                out.write(f"{OPENED} open {account_name(path)}\n")
        if isinstance(record, Balance):
            # An assertion is about a day's beginning, so it is the next day's.
            day = _day(record.booked_us + DAY_US)
            amount = f"{decimal(record.amount_nanos)} ~ 0 {record.currency.upper()}"
            out.write(f"{day} balance {account_name(record.path)}  {amount}\n")
        else:
            out.writelines(_transaction(record))


def _paths(record: Record) -> list[Path]:
    return [record.path] if isinstance(record, Balance) else [half.path for half in record.halves]


def write_ndjson(records: Iterable[Record], out: TextIO) -> None:
    """One JSON object a line: `{"type": "transaction", ...}` and `{"type": "balance", ...}`."""
    for record in records:
        if isinstance(record, Balance):
            shown: dict[str, Any] = {
                "type": "balance",
                "booked": rfc3339(record.booked_us),
                **_json_half(Half(record.path, record.amount_nanos), record.currency),
            }
        else:
            halves = [_json_half(half, record.currency) for half in record.halves]
            shown = {"type": "transaction", "booked": rfc3339(record.booked_us), **_facts(record), "postings": halves}
        out.write(json.dumps(shown, separators=(",", ":")) + "\n")


def write_csv(records: Iterable[Record], out: TextIO) -> None:
    """One row for each posting, with a heading; a balance is a row whose cause is "balance"."""
    rows = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    rows.writeheader()
    for record in records:
        booked = {"booked": rfc3339(record.booked_us)}
        if isinstance(record, Balance):
            half = _json_half(Half(record.path, record.amount_nanos), record.currency)
            rows.writerow({**booked, "cause": "balance", **half})
        else:
            rows.writerows({**booked, **_facts(record), **_json_half(half, record.currency)} for half in record.halves)


WRITERS: Mapping[str, Callable[[Iterable[Record], TextIO], None]] = {
    "beancount": write_beancount,
    "ndjson": write_ndjson,
    "csv": write_csv,
}


def account_name(path: Path) -> str:
    """An account as beancount can read it: each part begins with a capital or a digit, and has no underscores."""
    return ":".join(_part(part) for part in path)


def decimal(nanos: int) -> str:
    """Exact, with all nine decimals."""
    units, rest = divmod(abs(nanos), NANOS_PER_UNIT)
    return f"{'-' if nanos < 0 else ''}{units}.{rest:09d}"


def _part(text: str) -> str:
    plain = _UNWANTED.sub("-", text).strip("-") or "X"
    return plain[0].upper() + plain[1:]


def _transaction(record: Transaction) -> Iterator[str]:
    facts = _facts(record)
    cause = facts.pop("cause")
    yield f'{_day(record.booked_us)} * "{cause}"\n  booked: "{rfc3339(record.booked_us)}"\n'
    for name, value in facts.items():
        yield f"  {name}: {value if isinstance(value, int) else json.dumps(value)}\n"
    for half in record.halves:
        yield f"  {account_name(half.path)}  {decimal(half.amount_nanos)} {record.currency.upper()}\n"
    yield "\n"


def _facts(record: Transaction) -> dict[str, Any]:
    """What a transaction was booked for; nothing that is absent."""
    line = record.line
    if line is None:
        return {"cause": "opening"}
    facts: dict[str, Any] = {
        "cause": line.cause_kind,
        "account_id": line.account_id,
        "sequence": line.sequence,
        "effective": rfc3339(line.effective_us),
    }
    if line.grant_id is not None:
        facts["grant_id"] = line.grant_id
    if line.cause_client:
        facts |= {"client": line.cause_client, "operation": digest(line.cause)}
    return facts


def _json_half(half: Half, currency: str) -> dict[str, Any]:
    return {"account": account_name(half.path), "amount": decimal(half.amount_nanos), "currency": currency.upper()}


def _day(instant_us: int) -> str:
    return rfc3339(instant_us)[:10]
