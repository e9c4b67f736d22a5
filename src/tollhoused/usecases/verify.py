"""Proves the books from their rows (requirement C9): recomputes every total and says which account breaks what."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from tollhoused.domain.catalogue import Catalogue, CatalogueError, CatalogueHistory
from tollhoused.domain.catalogue_toml import parse_catalogue
from tollhoused.domain.included import included_grants
from tollhoused.domain.proof import INVARIANTS, Evidence, Finding
from tollhoused.domain.proof_of_holds import prove_holds
from tollhoused.domain.proof_of_ledger import prove_ledger
from tollhoused.domain.proof_of_payments import prove_payments
from tollhoused.domain.proof_of_terms import prove_terms
from tollhoused.domain.proof_of_usage import prove_usage
from tollhoused.store.audit import UNREADABLE, Audit, auditing
from tollhoused.store.store import Store
from tollhoused.usecases.core import reading

FINDINGS_OF_AN_ACCOUNT_MAX = 50
"""One difference brings others behind it; more than this of one account helps nobody."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was proved: how many rows there were, how many findings were reported, and the invariants by number."""

    accounts: int
    operations: int
    entries: int
    findings: int
    invariants: dict[str, str]


def verify(store: Store, report: Callable[[Finding], None]) -> Summary:
    """Reads the whole books in one snapshot, beside a live server if need be, and reports what does not hold.

    Memory does not grow with the books. Raises StoreUnavailable when the database cannot be read to the end.
    """
    findings = 0
    with reading(), auditing(store) as audit:
        accounts, operations, entries = audit.sizes()
        for finding in _findings(audit):
            findings += 1
            report(finding)
    return Summary(accounts, operations, entries, findings, INVARIANTS)


def _findings(audit: Audit) -> Iterator[Finding]:
    catalogues: dict[int, Catalogue] = {}
    yield from _read_catalogues(audit, catalogues)
    history = CatalogueHistory(catalogues)
    for found in audit.accounts():
        if isinstance(found, Finding):
            yield found
        else:
            yield from islice(_of_account(found, history), FINDINGS_OF_AN_ACCOUNT_MAX)
    yield from audit.repeated_causes()


def _of_account(evidence: Evidence, history: CatalogueHistory) -> Iterator[Finding]:
    for proof in (_terms, _usage_and_ledger):
        try:
            yield from proof(evidence, history)
        except UNREADABLE as error:
            yield evidence.finding("V6", f"a row of this account cannot be read: {error!r}")


def _terms(evidence: Evidence, history: CatalogueHistory) -> Iterator[Finding]:
    return prove_terms(evidence, history)


def _usage_and_ledger(evidence: Evidence, history: CatalogueHistory) -> Iterator[Finding]:
    reserved = yield from prove_holds(evidence)
    included = {grant.id: grant for grant in included_grants(evidence.account.segments, history)}
    used = yield from prove_usage(evidence, reserved)
    bookings = yield from prove_payments(evidence)
    yield from prove_ledger(evidence, used, reserved, included, bookings)


def _read_catalogues(audit: Audit, catalogues: dict[int, Catalogue]) -> Iterator[Finding]:
    """Fills `catalogues`. V6: each version is there, unchanged since it was applied."""
    for version, toml, sha256 in audit.catalogues():
        if hashlib.sha256(toml.encode()).hexdigest() != sha256:
            yield Finding("V6", "", f"catalogue version {version} was changed after it had been applied")
        try:
            catalogues[version] = parse_catalogue(toml)
        except CatalogueError as error:
            yield Finding("V6", "", f"catalogue version {version} cannot be read: {error}")
