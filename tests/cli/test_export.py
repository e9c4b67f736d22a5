"""The exported journal is one that an independent accounting program accepts and balances as we do (requirement C9)."""

import csv
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beancount.core.data import Balance, Open, Transaction

from tests.cli.commands import done, failed
from tests.support.busy import ADA, BOB, CYD, keep_busy_books
from tests.support.house import DAY_US, HUB, START_US, Clock, CoreMaker, make_user, person
from tollhoused.cli.books_formats import account_name, decimal
from tollhoused.domain.account import Cause, CauseKind
from tollhoused.domain.advance import close_reference
from tollhoused.domain.bookkeeping import LedgerLine, halves
from tollhoused.domain.catalogue import GrantCategory
from tollhoused.domain.instants import rfc3339
from tollhoused.usecases import credits
from tollhoused.usecases.core import Core

NAMES = ("ada", "bob", "cyd", "dan", "eve", "newcomer")
GIFT = """
[plans.hobby.credits.gift]
amount = "1.00"
lasts = "period"
"""
MIDDLE = rfc3339(START_US + 4 * DAY_US)


@pytest.fixture
def url(core: Core, clock: Clock, database_url: str) -> str:
    """Books in which everything has happened, on each engine in turn."""
    keep_busy_books(core, clock)
    core.shelf.apply(HUB + GIFT, clock.now_us)
    make_user(core, "newcomer")
    return database_url


def export(url: str, *arguments: str) -> str:
    return done("export", "--database-url", url, *arguments)


def check(text: str) -> list[Any]:
    """The entries of a journal that beancount accepts."""
    entries, errors, _ = loader.load_string(text)
    assert errors == []
    return list(entries)


def complaints(text: str) -> list[str]:
    """What beancount says of a journal that it does not accept."""
    _, errors, _ = loader.load_string(text)
    return [str(error.message) for error in errors]


def sums(entries: list[Any]) -> Counter[str]:
    """What beancount read, added up by account in nanos."""
    found: Counter[str] = Counter()
    for entry in entries:
        for posting in entry.postings if isinstance(entry, Transaction) else ():
            assert posting.units is not None
            assert posting.units.number is not None
            assert posting.units.currency == "USD"
            found[posting.account] += int(posting.units.number * 10**9)
    return found


def owed(found: Counter[str], account_id: str) -> int:
    """What the journal says that a customer has: credits less debt."""
    part = account_name((account_id,))
    mine = [nanos for name, nanos in found.items() if part in name.split(":")]
    return -sum(mine)


def test_beancount_accepts_the_books_and_has_every_balance_that_we_have(url: str, core: Core) -> None:
    entries = check(export(url))

    found = sums(entries)
    for name in NAMES:
        match, balance = credits_of(core, name)
        assert owed(found, match) == balance, name
    assert sum(found.values()) == 0
    assert found["Equity:Settlement"] == 0
    asserted = {entry.account for entry in entries if isinstance(entry, Balance)}
    assert asserted == {entry.account for entry in entries if isinstance(entry, Open)} == found.keys()
    with_debt = account_name((BOB,))
    assert found[f"Assets:Receivable:{with_debt}"] > 0


def credits_of(core: Core, user_id: str) -> tuple[str, int]:
    """A customer's account, and the balance as GetBalance answers it."""
    view = core.view(person(user_id))
    return view.account.id, credits.get_balance(core, person(user_id)).facts.total_nanos


def test_every_ledger_entry_is_a_transaction_with_its_number_and_its_cause(url: str, core: Core) -> None:
    entries = [entry for entry in check(export(url)) if isinstance(entry, Transaction)]

    numbers: dict[str, list[int]] = {}
    for entry in entries:
        assert entry.meta is not None
        numbers.setdefault(entry.meta["account_id"], []).append(int(entry.meta["sequence"]))
    for account_id, found in numbers.items():
        assert sorted(found) == list(range(1, len(found) + 1)), account_id
    assert {entry.narration for entry in entries} == {kind.value for kind in CauseKind}
    assert numbers.keys() >= {ADA, BOB, CYD}
    text = export(url)
    assert "example.org" not in text
    assert "ada/" not in text, "idempotency keys are the callers' own words"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("transaction", "Transaction does not balance"),
        ("balance", "Balance failed"),
        ("missing", "Balance failed"),
    ],
)
def test_one_wrong_nano_is_refused(url: str, wrong: str, complaint: str) -> None:
    blocks = export(url).split("\n\n")
    if wrong == "balance":
        text = "\n\n".join(blocks)
        line = next(line for line in text.splitlines() if " balance Liabilities:" in line and "0.000000000" not in line)
        number = line.split()[3]
        text = text.replace(line, line.replace(number, f"{Decimal(number) + Decimal('1e-9'):.9f}"))
    else:
        index = next(index for index, block in enumerate(blocks) if '* "usage"' in block)
        if wrong == "missing":
            del blocks[index]
        else:
            number = blocks[index].split()[-2]
            blocks[index] = blocks[index].replace(number, f"{Decimal(number) + Decimal('1e-9'):.9f}")
        text = "\n\n".join(blocks)

    found = complaints(text)

    assert found
    assert any(complaint in message for message in found), found


def test_a_total_that_was_changed_behind_the_ledger_s_back_is_refused(
    sqlite_url: str, make_core: CoreMaker, clock: Clock
) -> None:
    keep_busy_books(make_core(sqlite_url), clock)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE grants SET remaining_nanos = remaining_nanos - 1 WHERE remaining_nanos > held_nanos")
    connection.close()

    assert any("Balance failed" in message for message in complaints(export(sqlite_url)))


def test_parts_of_the_books_are_accepted_too_and_go_on_from_each_other(url: str) -> None:
    whole = sums(check(export(url)))
    before = sums(check(export(url, "--to", MIDDLE)))
    after = sums(check(export(url, "--from", MIDDLE)))

    for account in whole:
        if account.startswith(("Assets", "Liabilities")):
            assert after[account] == whole[account], account
        elif not account.startswith("Equity"):
            assert before[account] + after[account] == whole[account], account
    assert any(before[account] and after[account] for account in whole if account.startswith("Income"))


def test_the_other_formats_say_the_same(url: str) -> None:
    found = sums(check(export(url)))
    lines = [json.loads(line) for line in export(url, "--format", "ndjson").splitlines()]
    rows = list(csv.DictReader(export(url, "--format", "csv").splitlines()))

    from_lines: Counter[str] = Counter()
    for line in lines:
        for posting in line.get("postings", ()):
            from_lines[posting["account"]] += int(Decimal(posting["amount"]) * 10**9)
    from_rows: Counter[str] = Counter()
    for row in rows:
        if row["cause"] != "balance":
            from_rows[row["account"]] += int(Decimal(row["amount"]) * 10**9)
    balances = {line["account"]: line["amount"] for line in lines if line["type"] == "balance"}

    assert from_lines == from_rows == found
    assert balances == {row["account"]: row["amount"] for row in rows if row["cause"] == "balance"}
    assert balances == {account: decimal(nanos) for account, nanos in found.items()}


def test_the_same_books_are_written_the_same_way(url: str, tmp_path: Path) -> None:
    for form in ("beancount", "ndjson", "csv"):
        file = tmp_path / f"books.{form}"
        export(url, "--format", form, "--output", str(file))
        assert file.read_bytes().decode() == export(url, "--format", form)
    assert sorted(path.name for path in tmp_path.iterdir() if "books." in path.name and "sqlite" not in path.name) == [
        "books.beancount",
        "books.csv",
        "books.ndjson",
    ]


def test_beancount_s_own_command_agrees(url: str, tmp_path: Path) -> None:
    file = tmp_path / "books.beancount"
    export(url, "--output", str(file))
    command = [str(Path(sys.executable).with_name("bean-check")), "--no-cache", str(file)]

    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    file.write_text(file.read_text().replace('* "grant"', '* "grant"\n  Assets:Deposits  0.000000001 USD', 1))
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode != 0


def test_what_cannot_be_exported_is_said(sqlite_url: str, tmp_path: Path) -> None:
    url = ["--database-url", sqlite_url]

    assert "--from: 'soon'" in failed("export", "--from", "soon", *url)
    assert "earlier" in failed("export", "--from", "2027-02-01", "--to", "2027-01-01", *url)
    assert "No such file" in failed("export", "--output", str(tmp_path / "no" / "where"), *url)
    assert "--format" in failed("export", "--format", "pdf", *url, code=2)


def test_the_other_side_says_what_was_paid_for() -> None:
    def against(kind: CauseKind, cause: str, *, category: str | None = None, of: tuple[str, str] | None = None) -> str:
        product, meter = of or (None, None)
        line = LedgerLine("acct_1", 1, 0, 0, None, category, 5, kind.value, cause, "", product, meter)
        return ":".join(halves(line)[1].path)

    talk = ("talk", "voice_minutes")
    assert against(CauseKind.VOID, "key", of=talk) == "Income:Usage:talk:voice_minutes"
    assert against(CauseKind.VOIDED_DEBT, "key", of=talk) == "Income:Usage:talk:voice_minutes"
    assert against(CauseKind.PERIOD_CLOSE, close_reference(7, "storage_mb")) == "Income:Usage:unknown:storage_mb"
    assert against(CauseKind.PLAN_GRANT, "grant_1", category=GrantCategory.PROMOTIONAL) == "Expenses:Promotions"
    assert against(CauseKind.PLAN_GRANT, "grant_1", category=GrantCategory.PAID) == "Assets:Deposits"
    assert against(CauseKind.TOP_UP, "int_1", category=GrantCategory.PAID) == "Assets:Deposits"
    assert against(CauseKind.CLAWBACK, "int_1", category=GrantCategory.PROMOTIONAL) == "Assets:Refunds"
    assert against(CauseKind.CLAWBACK, "int_1") == "Assets:Refunds"


def test_every_cause_has_its_other_side() -> None:
    for kind in CauseKind:
        cause = Cause(kind, "reference")
        line = LedgerLine("acct_1", 1, 0, 0, None, None, -5, cause.kind.value, cause.reference, "", None, None)
        assert sum(half.amount_nanos for half in halves(line)) == 0
