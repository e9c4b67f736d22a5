"""`tollhouse verify`."""

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_store
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import print_json
from tollhoused.domain.proof import Finding
from tollhoused.store import schema
from tollhoused.usecases import verify as proving

SCHEMA = "schema"
"""Stands where an invariant's number does, for what is wrong with the tables themselves."""


def verify(as_json: AsJson = False, database_url: DatabaseUrl = None) -> None:
    """Prove the books from their rows.

    Recomputes every total and says which account breaks what. Reads one snapshot, also beside a running server, and
    changes nothing. Exit code 1 on a difference.
    """
    settings = settings_from(database_url=database_url)
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            print_line(f"{finding.invariant} {finding.account_id or '-'}: {finding.what}")

    with opened_store(settings, guarded=False) as store:
        for problem in schema.problems(settings.database_url):
            report(Finding(SCHEMA, "", problem))
        summary = proving.verify(store, report)
    if as_json:
        print_json(
            {
                "verified": not findings,
                "accounts": summary.accounts,
                "operations": summary.operations,
                "ledger_entries": summary.entries,
                "invariants": summary.invariants,
                "findings": [
                    {"invariant": item.invariant, "account_id": item.account_id, "what": item.what} for item in findings
                ],
            }
        )
    else:
        print_line(
            f"{summary.accounts:,} accounts, {summary.operations:,} operations, {summary.entries:,} ledger entries"
        )
        for number, meaning in summary.invariants.items():
            broken = sum(item.invariant == number for item in findings)
            print_line(f"  {number} {meaning}: {f'{broken} differences' if broken else 'holds'}")
        print_line("The books are wrong." if findings else "The books are right.")
    if findings:
        raise typer.Exit(1)
