"""The books of one batch: what was loaded, what has been decided on it, and what must be written.

One command is settled at a time, in arrival order: replay or conflict, advance, decide, apply. The journal and the
preview use the same books; only the journal saves them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tollhoused.domain.account import HOUR_US, Account, AccountKind, Cause, CauseKind
from tollhoused.domain.advance import coming_instants, turn
from tollhoused.domain.answers import (
    AccountAnswer,
    Answer,
    CommitAnswer,
    OpeningAnswer,
    ReservationAnswer,
    TickAnswer,
    UsageAnswer,
    VoidAnswer,
)
from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.commands import (
    Command,
    CommitReservation,
    RecordUsage,
    ReserveUsage,
    StoredCommand,
    Tick,
    UpsertOrganization,
    UpsertUser,
)
from tollhoused.domain.deciding import decide
from tollhoused.domain.decision import Decision, Effect, Rules, apply
from tollhoused.domain.directory import Directory
from tollhoused.domain.events import advance_telling, mark, tell
from tollhoused.domain.gauges import SetUsage
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.people import PeopleCommand
from tollhoused.domain.registry import Registry
from tollhoused.domain.registry_commands import RegistryCommand
from tollhoused.domain.reload import heed_reload
from tollhoused.domain.sent import audit_detail, first_difference, sent_json
from tollhoused.domain.stored_answers import answer_from_json, answer_to_json
from tollhoused.domain.voids import Payment, Usage, VoidUsage, decide_void_usage, payments_of
from tollhoused.errors import AlreadyVoided, IdempotencyKeyReused, InvalidField, OperationNotFound, TollhouseError

LISTED_ITEMS = 100
"""How many positions an error lists at the most: metadata travels in trailers of limited size."""

NO_EFFECT = Effect()

VOIDABLE = (RecordUsage.kind, CommitReservation.kind)
"""The kinds of operations that can be taken back."""

CounterKey = tuple[str, int, str]
"""A counter of any account: the account, the segment's start, the meter."""


class Operation(NamedTuple):
    """A stored command with its first answer. Usage fields are None for other kinds."""

    idempotency_key: str
    client: str
    account_id: str
    kind: str
    stored_us: int
    event_us: int
    product: str | None
    meter: str | None
    segment_start_us: int | None
    quantity: int | None
    overage: int | None
    charged_nanos: int | None
    metadata: str | None
    sent: str
    answer: str
    voided_by: str | None = None
    """The key of the operation, of the same client, that took this one back."""

    @property
    def slice(self) -> int:
        """The UTC hour of booking."""
        return self.stored_us // HOUR_US


class AuditEntry(NamedTuple):
    """An administrative act: who did what, when, to which account (empty for clients, keys and the catalogue).

    `detail` is JSON of what was sent, personal data only as fingerprints, never a secret.
    """

    at_us: int
    client: str
    idempotency_key: str
    action: str
    account_id: str
    detail: str


class Settled(NamedTuple):
    """A command's answer; `replayed` says that it was given before, `voided` that it was taken back since."""

    answer: Answer
    replayed: bool = False
    voided: bool = False


class Moved(Exception):
    """The command's subject names another account than the one that was locked for it.

    `touches` are the accounts to lock with it, for commands about people.
    """

    def __init__(self, account_id: str, matched_by: MatchedBy, touches: tuple[str, ...] = ()) -> None:
        super().__init__(account_id)
        self.account_id = account_id
        self.matched_by = matched_by
        self.touches = touches

    def redirected(self, command: Command) -> Command:
        """The command, aimed where its subject is now."""
        if isinstance(command, PeopleCommand):
            return replace(command, account_id=self.account_id, matched_by=self.matched_by, touches=self.touches)
        return replace(command, account_id=self.account_id, matched_by=self.matched_by)


@dataclass(slots=True)
class Books:
    """The loaded set, at the instant `clock_us`.

    `operations` holds what is stored under the batch's keys, and what it adds; `paid` who has paid on the counters
    from which usage is to be taken back, as it is stored.
    """

    clock_us: int
    accounts: dict[str, Account]
    operations: dict[tuple[str, str], Operation]
    directory: Directory
    registry: Registry = field(default_factory=Registry)
    paid: dict[CounterKey, list[Payment]] = field(default_factory=dict)
    added: list[Operation] = field(default_factory=list)
    voided: list[Operation] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)

    def settle(self, command: Command, history: CatalogueHistory, rules: Rules) -> Settled:
        """Settles one command.

        Raises its refusal, which leaves no trace but the passing of time; Moved asks for a rerun.
        """
        replayed = self._replay(command)
        if replayed:
            return replayed
        if isinstance(command, (UpsertUser, UpsertOrganization)):
            return self._upsert(command, history)
        if isinstance(command, PeopleCommand):
            return self._change_people(command)
        if isinstance(command, RegistryCommand):
            answer = self.registry.carry_out(command, self.clock_us)
            self._add(command, answer, self.clock_us)
            return Settled(answer)
        if isinstance(command, Tick):
            account = self.accounts[command.account_id]
            now_us = max(self.clock_us, account.as_of_us)
            advance_telling(account, now_us, history)
            return Settled(TickAnswer(account.id))
        account = self._account(command)
        now_us = max(self.clock_us, account.as_of_us)
        advance_telling(account, now_us, history)
        while command.needs_whole and account.segment.start_us >= now_us:
            now_us += 1  # a segment of no length could not be stored
            advance_telling(account, now_us, history)
        command = self._as_found(command)
        if isinstance(command, VoidUsage):
            decision = self._void(account, command, now_us, history)
        else:
            decision = decide(account, command, now_us, history, rules)
        since = mark(account)
        apply(account, decision.effect, now_us, history)
        heed_reload(account, now_us)
        tell(account, since, now_us, now_us, history.newest.thresholds)
        self._add(command, decision.answer, now_us, decision.effect)
        if isinstance(command, VoidUsage) and command.idempotency_key:
            voided = self.operations[command.voided_key, command.client]._replace(voided_by=command.idempotency_key)
            self.operations[command.voided_key, command.client] = voided
            self.voided.append(voided)
        return Settled(decision.answer)

    def settle_atomic(self, commands: Sequence[Command], history: CatalogueHistory, rules: Rules) -> list[Settled]:
        """Settles commands of one account all or none; a refusal carries the index of its item.

        All keys known: all are replayed. Some known: IdempotencyKeyReused lists them, for such a call is not the one
        that was stored.
        """
        known = [index for index, command in enumerate(commands) if self._operation(command)]
        if known and len(known) < len(commands):
            message = "some of the batch's keys are stored already, so it is not the batch that they came with"
            items = ",".join(str(index) for index in known[:LISTED_ITEMS])
            raise IdempotencyKeyReused(message, items=items)
        before, added = dict(self.accounts), len(self.added)
        for account_id in {command.account_id for command in commands} & self.accounts.keys():
            self.accounts[account_id] = self.accounts[account_id].copy()
        outcomes = []
        for index, command in enumerate(commands):
            try:
                outcomes.append(self.settle(command, history, rules))
            except (TollhouseError, Moved) as refusal:
                self.accounts = before
                for operation in self.added[added:]:
                    del self.operations[operation.idempotency_key, operation.client]
                del self.added[added:]
                if isinstance(refusal, TollhouseError):
                    refusal.at_item(index)
                raise
        return outcomes

    def _operation(self, command: Command) -> Operation | None:
        return self.operations.get((command.idempotency_key, command.client)) if command.idempotency_key else None

    def _replay(self, command: Command) -> Settled | None:
        """The first answer of a known key. Raises IdempotencyKeyReused where the content differs."""
        stored = self._operation(command)
        if stored is None:
            return None
        field_name = first_difference(stored.sent, sent_json(command))
        if field_name:
            message = f"the idempotency key was used before with another {field_name}"
            raise IdempotencyKeyReused(message, field=field_name)
        answer = answer_from_json(stored.kind, stored.answer)
        return Settled(answer, replayed=True, voided=stored.voided_by is not None)

    def _void(self, account: Account, command: VoidUsage, now_us: int, history: CatalogueHistory) -> Decision:
        """The decision on taking usage back, once it is known that it can be."""
        stored = self.operations.get((command.voided_key, command.client))
        if stored is None or stored.account_id != account.id:
            raise OperationNotFound("nothing was stored under this key")
        if stored.kind not in VOIDABLE:
            raise InvalidField("voided_key", f"names a {stored.kind}; only usage can be voided")
        if stored.voided_by is not None:
            raise AlreadyVoided("the usage was voided before", voided_by=stored.voided_by)
        assert stored.meter is not None
        assert stored.segment_start_us is not None
        key = (account.id, stored.segment_start_us, stored.meter)
        payments = payments_of(account, self.paid.get(key, ()), lambda cause: self._counter_of(account, cause) == key)
        usage = Usage(stored.product or "", stored.meter, stored.segment_start_us, stored.quantity or 0)
        return decide_void_usage(account, command, usage, payments, now_us, history)

    def _counter_of(self, account: Account, cause: Cause) -> CounterKey | None:
        """The counter whose use an entry of this batch paid for."""
        if cause.kind is CauseKind.RESERVATION:
            reservation = account.reservations[cause.reference]
            return account.id, reservation.segment_start_us, reservation.meter
        operation = self.operations.get((cause.reference, cause.client))
        if operation is None or operation.segment_start_us is None or operation.meter is None:
            return None
        return account.id, operation.segment_start_us, operation.meter

    def _account(self, command: Command) -> Account:
        """The locked account, if the subject still names it. What is stored stays with its account."""
        if isinstance(command, StoredCommand):
            return self.accounts[command.account_id]
        match = self.directory.resolve(command.subject)
        if match.account_id != command.account_id:
            raise Moved(match.account_id, match.matched_by)
        return self.accounts[command.account_id]

    def _as_found(self, command: Command) -> Command:
        """The command with what finds its account now: of a subject with two names, it may be the other one by now."""
        if command.subject.user_id and command.subject.email:
            matched_by = self.directory.resolve(command.subject).matched_by
            if matched_by is not command.matched_by:
                return replace(command, matched_by=matched_by)
        return command

    def _upsert(self, command: UpsertUser | UpsertOrganization, history: CatalogueHistory) -> Settled:
        """Makes what is missing of a user or an organization, with its account."""
        now_us = self.clock_us
        known = self.directory.owner(command.subject)
        if known:
            if known.account_id not in self.accounts:
                raise Moved(known.account_id, known.matched_by)
            now_us = max(now_us, self.accounts[known.account_id].as_of_us)
        if isinstance(command, UpsertUser):
            account_id, created, matched_by = self.directory.upsert_user(command)
            kind = AccountKind.PERSONAL
        else:
            account_id, created, matched_by = self.directory.upsert_organization(command)
            kind = AccountKind.ORGANIZATION
        if created:
            self.accounts[account_id] = new_account(account_id, kind, command.zone, command.currency, now_us, history)
        account = self.accounts[account_id]
        user = self.directory.user_of(command.subject)
        answer = AccountAnswer(
            account_id=account_id,
            matched_by=matched_by.value,
            kind=account.kind.value,
            currency=account.currency,
            zone=account.zone,
            anchor_us=account.anchor_us,
            user_id=(user.user_id if user else None) or "",
            email=(user.email if user else None) or "",
            org_id=command.subject.org_id,
            created=created,
        )
        self._add(command, answer, now_us)
        return Settled(answer)

    def _change_people(self, command: PeopleCommand) -> Settled:
        """Changes whom a person belongs to, once every account is locked where the person's calls may end."""
        aim = self.directory.aim(command)
        if not {aim.account_id, *aim.touches} <= self.accounts.keys():
            raise Moved(aim.account_id, aim.matched_by, aim.touches)
        answer = self.directory.carry_out(command, aim)
        self._add(command, answer, max(self.clock_us, self.accounts[aim.account_id].as_of_us))
        return Settled(answer)

    def _add(self, command: Command, answer: Answer, now_us: int, effect: Effect = NO_EFFECT) -> None:
        """Adds the operation, unless the command has no key because it is only previewed."""
        if not command.idempotency_key:
            return
        usage = _usage_of(answer)
        charged = usage or (answer if isinstance(answer, VoidAnswer) else None)
        counted = charged or (answer if isinstance(answer, OpeningAnswer) else None)
        # By position, as the usage's own answer is made.
        operation = Operation(
            command.idempotency_key,
            command.client,
            answer.account_id,
            command.kind,
            now_us,
            usage.event_us if usage else now_us,
            _product(command, answer),
            counted.meter if counted else None,
            effect.counter.segment_start_us if effect.counter else None,
            effect.level if effect.level is not None else counted.quantity if counted else None,
            charged.overage_quantity if charged else None,
            charged.charged_nanos if charged else None,
            command.note(),
            sent_json(command),
            answer_to_json(answer),
        )
        self.operations[command.idempotency_key, command.client] = operation
        self.added.append(operation)
        if command.audited:
            act = AuditEntry(
                now_us, command.client, command.idempotency_key, command.kind, answer.account_id, audit_detail(command)
            )
            self.audit.append(act)


def _usage_of(answer: Answer) -> UsageAnswer | None:
    """What the operation recorded, where it recorded usage."""
    if isinstance(answer, CommitAnswer):
        return answer.usage
    return answer if isinstance(answer, UsageAnswer) else None


def _product(command: Command, answer: Answer) -> str | None:
    """The product whose operation it is, where it is one's."""
    if isinstance(command, RecordUsage | ReserveUsage | SetUsage):
        return command.product
    if isinstance(answer, VoidAnswer):
        return answer.product or None
    return answer.reservation.product if isinstance(answer, CommitAnswer | ReservationAnswer) else None


def new_account(
    account_id: str, kind: AccountKind, zone: str, currency: str, now_us: int, history: CatalogueHistory
) -> Account:
    """An account that begins now, on the default plan; its usage periods are anchored here."""
    account = Account(
        id=account_id,
        kind=kind,
        currency=currency,
        zone=zone,
        anchor_us=now_us,
        version=0,
        as_of_us=now_us,
        due_us=0,
        balance_nanos=0,
        debt_nanos=0,
        held_nanos=0,
        open_reservations=0,
        ledger_seq=0,
        whole=True,
    )
    turn(account, now_us, now_us, history)
    account.due_us = min(coming_instants(account, now_us))
    return account
