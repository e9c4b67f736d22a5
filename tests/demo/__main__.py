"""`make demo`: starts a server, plays the day, shows what happened, verifies the books, exits 0."""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
from rich import box
from rich.console import Console
from rich.table import Column, Table
from tollhouse.v1 import credits_service_pb2 as credits

from tests.demo import long_call, money, story
from tests.demo.client import DEADLINE_SECONDS, Client
from tests.demo.day import Customer, customers, enroll, live
from tests.demo.server import database_url, make_keys, serving, tollhouse
from tests.demo.shop_setup import priced_catalogue, provider_settings
from tests.fakes.stripe.fake import FakeStripe
from tests.support.door import free_address

BACK_ENDS = 8


def main() -> None:
    """Runs the demo; any difference ends it with exit code 1."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seed", type=int, default=1, help="another seed makes another day (default 1)")
    seed = parser.parse_args().seed
    console = Console(width=110, highlight=False)
    with tempfile.TemporaryDirectory(prefix="tollhouse-demo-") as name:
        folder = Path(name)
        with _running(folder) as (fake, address), grpc.insecure_channel(address) as channel:
            client = Client(channel, make_keys(folder))
            console.rule(f"One customer (server on {address}, SQLite)")
            console.print("  Two clients call, each by its API key: an operator, and the back ends of the products.")
            story.tell(client, lambda line: console.print(f"  {line}"))
            console.rule("A call whose length nobody knows")
            long_call.tell(client, lambda line: console.print(f"  {line}"))
            everyone = play(client, seed, console)
            show(everyone, console)
            compare(client, everyone, console)
            console.rule("Money comes in (a fake Stripe, real SDK and webhooks)")
            money.tell(client, fake, lambda line: console.print(f"  {line}"))
        console.rule("The books")
        database = ("--database-url", database_url(folder))
        subprocess.run(tollhouse("verify", *database), check=True)
        balance(folder / "books.beancount", database, console)


@contextmanager
def _running(folder: Path) -> Iterator[tuple[FakeStripe, str]]:
    """A fake Stripe, and a server that sells through it; with the server's address."""
    with FakeStripe() as fake:
        http_address = free_address()
        fake.webhooks.signing_time = lambda: int(time.time())  # its clock is moved, the receiver's is the wall's
        fake.webhooks.send_to(f"http://{http_address}/webhooks/stripe")
        variables = provider_settings(fake, http_address)
        with serving(folder, priced_catalogue(fake, folder), variables) as address:
            yield fake, address


def play(client: Client, seed: int, console: Console) -> list[Customer]:
    """Everybody's day, told by several back ends at once; each customer's reports stay in order."""
    console.rule(f"A day of {len(customers(seed))} customers on five products (seed {seed})")
    everyone = customers(seed)
    begun = time.monotonic()

    def day(customer: Customer) -> None:
        enroll(client, customer)
        live(client, customer)

    with ThreadPoolExecutor(BACK_ENDS) as back_ends:
        list(back_ends.map(day, everyone))
    reports = sum(_reports(customer.outcomes) for customer in everyone)
    console.print(f"  {reports} reports in {time.monotonic() - begun:.1f} s by {BACK_ENDS} back ends at once")
    return everyone


def show(everyone: list[Customer], console: Console) -> None:
    """What happened, by plan."""
    table = Table(
        Column("plan", no_wrap=True),
        *(Column(name, justify="right") for name in COLUMNS),
        title="What happened, by plan",
        box=box.SIMPLE,
    )
    for plan in ("hobby", "early_adopter", "pro", "team", "enterprise"):
        table.add_row(plan, *_row([customer for customer in everyone if customer.plan == plan]))
    table.add_section()
    table.add_row("all", *_row(everyone))
    console.print(table)
    units = sum((customer.units for customer in everyone), Counter[str]())
    console.print("  units recorded: " + ", ".join(f"{count:,} {meter}" for meter, count in sorted(units.items())))


COLUMNS = ["who", "recorded", "overage", "replayed", "conflicts", "refused", "in debt", "top-ups", "charged"]
REFUSALS = ("INSUFFICIENT_CREDITS", "SUBSCRIPTION_REQUIRED", "METER_NOT_IN_PLAN", "QUOTA_EXCEEDED")


def compare(client: Client, everyone: list[Customer], console: Console) -> None:
    """What was granted less what the answers charged must be every customer's balance, to the nano."""
    for customer in everyone:
        question = credits.GetBalanceRequest(subject=customer.subject)
        balance = client.credits.GetBalance(question, timeout=DEADLINE_SECONDS).balance
        expected_nanos = customer.granted_nanos - customer.charged_nanos
        if balance.total_nanos != expected_nanos:
            raise SystemExit(f"customer {customer.number}: balance {balance.total_nanos}, expected {expected_nanos}")
    console.print(f"  {len(everyone)} balances equal what was granted less what the answers charged, to the nano.")


def balance(journal: Path, database: tuple[str, str], console: Console) -> None:
    """An accounting program that knows nothing of us must come to the same balances."""
    subprocess.run(tollhouse("export", "--output", str(journal), *database), check=True)
    bean_check = Path(sys.executable).with_name("bean-check")
    subprocess.run([bean_check, "--no-cache", journal], check=True)
    lines = journal.read_text().splitlines()
    transactions, balances = (sum(word in line.split()[1:2] for line in lines) for word in ("*", "balance"))
    console.print(f"beancount accepts the exported journal: {transactions:,} transactions, {balances:,} balances.")


def _row(some: list[Customer]) -> list[str]:
    sums = sum((customer.outcomes for customer in some), Counter[str]())
    refused = sum(sums[reason] for reason in REFUSALS)
    counts = [sums["recorded"], sums["overage"], sums["replayed"], sums["IDEMPOTENCY_KEY_REUSED"], refused]
    charged = story.dollars(sum(customer.charged_nanos for customer in some))
    return [str(len(some)), *(f"{count:,}" for count in (*counts, sums["debt"], sums["top-up"])), charged]


def _reports(outcomes: Counter[str]) -> int:
    return sum(outcomes[name] for name in ("recorded", "replayed", "IDEMPOTENCY_KEY_REUSED", *REFUSALS))


if __name__ == "__main__":
    main()
