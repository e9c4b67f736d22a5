"""Batches are stored in large books as in small ones; how fast is for `make scale` to say."""

from pathlib import Path

from tests.cli.commands import done
from tests.scale.books import copies_in, make_books
from tests.scale.rates import ACCOUNTS, ITEMS, batch_rates


def test_batches_go_to_accounts_of_both_books_and_the_books_stay_right(tmp_path: Path) -> None:
    books = []
    for operations in (10_000, 20_000):
        url = f"sqlite:///{tmp_path}/{operations}"
        books.append((url, copies_in(operations), make_books(url, operations)))
        assert copies_in(operations) >= ACCOUNTS

    rates = batch_rates(books[0][:2], books[1][:2], rounds=1, seconds=0.0)

    assert min(rates) > 0
    for url, _, before in books:
        assert f"{before + 2 * ITEMS:,} operations" in done("verify", "--database-url", url)
