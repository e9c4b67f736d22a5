"""Recording usage, and asking what was recorded (requirements U1 to U5, U12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tollhoused.domain.account import MAX_QUANTITY
from tollhoused.domain.books import Operation, Settled
from tollhoused.domain.catalogue import MeterKind
from tollhoused.domain.charts import unbooked_expiries
from tollhoused.domain.commands import Enforcement, RecordUsage
from tollhoused.domain.identity import Match, Subject
from tollhoused.domain.opening import OpenUsage
from tollhoused.errors import InvalidField, OperationNotFound, SubjectNotFound, TollhouseError
from tollhoused.journal.journal import Ticket
from tollhoused.journal.settling import Outcome
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading, single
from tollhoused.usecases.newcomers import NOWHERE, Newcomers, Upsert
from tollhoused.usecases.pages import TimeRange, cursor_text, cursor_values

BATCH_ITEMS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class UsageReport:
    """One usage event as a caller sent it. `event_us` is None where no time was given."""

    user_id: str
    email: str
    org_id: str
    product: str
    meter: str
    quantity: int
    event_us: int | None
    enforcement: Enforcement
    metadata: Mapping[str, str]
    idempotency_key: str
    create_if_missing: bool = False


def record(core: Core, call: Call, report: UsageReport, validate_only: bool) -> Settled:
    """Records one usage event exactly once per key, in one transaction. Raises its refusal."""
    subject = _subject(report)
    try:
        return core.run(call, usage_command(core, call, report, subject), validate_only)
    except SubjectNotFound as unknown:
        if not report.create_if_missing:
            raise
        newcomers = Newcomers(core, call, [report.idempotency_key])
        command = _newcomers_command(core, call, report, subject, newcomers, unknown)
        first = newcomers.commands
        return single(core.run_all(call, [command], validate_only=validate_only, first=first))


def record_batch(
    core: Core, call: Call, reports: Sequence[UsageReport | TollhouseError], *, atomic: bool, validate_only: bool
) -> list[Outcome]:
    """Outcomes in the order of the reports, of which some may have been refused before they came here.

    An atomic batch raises the refusal of any of its items and records none.
    """
    if not 1 <= len(reports) <= BATCH_ITEMS_MAX:
        raise InvalidField("items", f"must have from 1 to {BATCH_ITEMS_MAX} entries")
    prepared, first = _prepare(core, call, reports)
    if not atomic:
        commands = [item for item in prepared if isinstance(item, RecordUsage)]
        settled = iter(core.run_all(call, commands, validate_only=validate_only, first=first) if commands else ())
        return [next(settled) if isinstance(item, RecordUsage) else item for item in prepared]
    for index, item in enumerate(prepared):
        if isinstance(item, TollhouseError):
            raise item.at_item(index)
    commands = [item for item in prepared if isinstance(item, RecordUsage)]
    outcomes = core.run_all(call, commands, validate_only=validate_only, atomic=True, first=first)
    for outcome in outcomes:
        if isinstance(outcome, TollhouseError):
            raise outcome
    return outcomes


@dataclass(frozen=True, slots=True)
class Submission:
    """Reports on their way: those that could be submitted have a ticket, the others their refusals."""

    _core: Core
    _prepared: Sequence[RecordUsage | TollhouseError]
    _ticket: Ticket | None
    _first: int

    @property
    def settled(self) -> bool:
        """Whether `outcomes` would not wait."""
        return self._ticket is None or self._ticket.outcomes is not None

    def outcomes(self) -> list[Outcome]:
        """Outcomes in the order of the reports, once all are known. Raises OutOfTime at the call's deadline."""
        if self._ticket is None:
            return [item for item in self._prepared if isinstance(item, TollhouseError)]
        settled = iter(self._core.settled(self._ticket.commands[self._first :], self._ticket, self._first))
        return [next(settled) if isinstance(item, RecordUsage) else item for item in self._prepared]


def submit_batch(core: Core, call: Call, reports: Sequence[UsageReport | TollhouseError]) -> Submission:
    """Does with independent reports what `record_batch` does, without waiting for the outcomes.

    Raises Overloaded when the queue is full: nothing was submitted then.
    """
    prepared, first = _prepare(core, call, reports)
    commands = [item for item in prepared if isinstance(item, RecordUsage)]
    ticket = core.journal.submit([*first, *commands], call.deadline) if commands else None
    return Submission(core, prepared, ticket, len(first))


def open_usage(
    core: Core,
    call: Call,
    *,
    subject: Subject,
    meter: str,
    quantity: int | None,
    level: int | None = None,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Counts what was used, and settled, elsewhere in the current usage period; nothing is charged for it.

    A gauge has a `level` instead of a `quantity`; the other one is None.
    """
    forms.idempotency_key(idempotency_key)
    found = forms.meter(core.catalogue, meter)
    gauge = found.kind is MeterKind.GAUGE
    named, other = ("level", quantity) if gauge else ("quantity", level)
    if other is not None:
        which = "gauge, which has a level" if gauge else "counter, which has a quantity"
        raise InvalidField("quantity" if gauge else "level", f"{found.code} is a {which}")
    units = forms.in_range((level if gauge else quantity) or 0, 1, MAX_QUANTITY, named)
    match = core.match(subject)
    command = OpenUsage(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        meter=found.code,
        quantity=units,
        gauge=gauge,
    )
    return core.run(call, command, validate_only)


def list_events(
    core: Core,
    call: Call,
    subject: Subject,
    period: TimeRange,
    meter: str,
    product: str,
    page_size: int,
    page_token: str,
) -> tuple[str, list[Operation], str]:
    """A page of an account's usage, newest first: account id, events, the next page's token."""
    code = forms.meter(core.catalogue, meter).code if meter else None
    product = call.product(core.catalogue, product, required=bool(call.products))
    account = core.view(subject).account
    before = _cursor(page_token)
    with reading():
        found = core.store.usage_events(
            account.id,
            period.start_us,
            period.end_us,
            code,
            product or None,
            before,
            page_size + 1,
            unbooked_expiries(account),
        )
    page = found[:page_size]
    last = page[-1] if len(found) > page_size else None
    token = cursor_text([last.stored_us, last.idempotency_key, last.client]) if last else ""
    return account.id, page, token


def get_operation(core: Core, call: Call, idempotency_key: str) -> Operation:
    """What the caller's key stands for. Raises OperationNotFound where nothing was stored under it."""
    forms.idempotency_key(idempotency_key)
    return stored_operation(core, call, idempotency_key)


def stored_operation(core: Core, call: Call, idempotency_key: str) -> Operation:
    """The caller's operation, if it is of no product or of one that the caller speaks for."""
    with reading():
        operation = core.store.operation(idempotency_key, call.client)
    if operation is None or (operation.product and call.products and operation.product not in call.products):
        raise OperationNotFound("nothing was stored under this key")
    return operation


def usage_command(
    core: Core, call: Call, report: UsageReport, subject: Subject, match: Match | None = None, *, keyed: bool = True
) -> RecordUsage:
    """Checks the form of a report and addresses it; questions have no key.

    Raises InvalidField, or the subject's refusal.
    """
    catalogue = core.catalogue
    if keyed:
        forms.idempotency_key(report.idempotency_key)
    product = call.product(catalogue, report.product)
    meter = forms.meter(catalogue, report.meter)
    forms.quantity(meter, report.quantity)
    metadata = forms.metadata(report.metadata)
    match = match or core.match(subject)
    return RecordUsage(
        client=call.client,
        idempotency_key=report.idempotency_key,
        subject=subject,
        account_id=match.account_id,
        matched_by=match.matched_by,
        product=product,
        meter=meter.code,
        quantity=report.quantity,
        event_us=report.event_us,
        enforcement=report.enforcement,
        metadata=metadata,
        gauge=meter.kind is MeterKind.GAUGE,
    )


def _subject(report: UsageReport) -> Subject:
    return forms.subject(report.user_id, report.email, report.org_id)


def _prepare(
    core: Core, call: Call, reports: Sequence[UsageReport | TollhouseError]
) -> tuple[list[RecordUsage | TollhouseError], list[Upsert]]:
    """Each report as a command, or its refusal, and what makes the accounts that are missing.

    Subjects are looked up together.
    """
    prepared: list[RecordUsage | TollhouseError] = []
    subjects: list[Subject | TollhouseError] = []
    for report in reports:
        try:
            subjects.append(report if isinstance(report, TollhouseError) else _subject(report))
        except TollhouseError as refusal:
            subjects.append(refusal)
    matches = core.match_all([item for item in subjects if isinstance(item, Subject)])
    newcomers: Newcomers | None = None
    for index, (report, subject) in enumerate(zip(reports, subjects, strict=True)):
        try:
            if isinstance(report, TollhouseError):
                raise report
            if isinstance(subject, TollhouseError):
                raise subject
            match = matches[subject]
            if isinstance(match, SubjectNotFound) and report.create_if_missing:
                newcomers = newcomers or Newcomers(core, call, _keys(reports))
                prepared.append(_newcomers_command(core, call, report, subject, newcomers, match))
                continue
            if isinstance(match, TollhouseError):
                raise match
            prepared.append(usage_command(core, call, report, subject, match))
        except InvalidField as complaint:
            prepared.append(complaint.under(f"items[{index}]"))
        except TollhouseError as refusal:
            prepared.append(refusal)
    return prepared, list(newcomers.commands) if newcomers else []


def _keys(reports: Sequence[UsageReport | TollhouseError]) -> list[str]:
    return [report.idempotency_key for report in reports if isinstance(report, UsageReport)]


def _newcomers_command(
    core: Core, call: Call, report: UsageReport, subject: Subject, newcomers: Newcomers, unknown: SubjectNotFound
) -> RecordUsage:
    """The command of a report about somebody unknown; nobody is made for one that is badly formed."""
    forms.idempotency_key(report.idempotency_key)
    upsert = newcomers.upsert(subject, report.idempotency_key, unknown)
    match = Match(upsert.new_account_id, upsert.matched_by) if upsert else NOWHERE
    command = usage_command(core, call, report, subject, match)
    if upsert:
        newcomers.keep(upsert)
    return command


def _cursor(token: str) -> tuple[int, str, str] | None:
    if not token:
        return None
    match cursor_values(token):
        case [int(stored_us), str(key), str(client)]:
            return stored_us, key, client
    raise InvalidField("page_token", "is not a token of this list")
