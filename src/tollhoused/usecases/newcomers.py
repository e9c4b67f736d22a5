"""Accounts that are made because somebody unknown has used something (requirement I1, `create_if_missing`)."""

from collections.abc import Iterable

from tollhoused.domain.commands import UpsertOrganization, UpsertUser, digest
from tollhoused.domain.identity import ERASED_PREFIX, Match, MatchedBy, Subject
from tollhoused.errors import CreationNotAllowed, SubjectNotFound
from tollhoused.store.wanted import Wanted
from tollhoused.usecases.core import Call, Core, reading

KEY_PREFIX = "create/"
ZONE = "UTC"
NOWHERE = Match("", MatchedBy.USER_ID)
"""Where to look for a key that is stored already: the account of a replay is in its answer."""

Upsert = UpsertUser | UpsertOrganization


class Newcomers:
    """What must be made before one call's usage can be recorded; `keys` are those of its usage events."""

    def __init__(self, core: Core, call: Call, keys: Iterable[str]) -> None:
        """A key that is stored already makes nobody: its first answer is all that is wanted."""
        self._core = core
        self._call = call
        with reading():
            wanted = Wanted(keys={(key, call.client) for key in keys if key})
            self._stored = {key for key, _ in core.store.snapshot(wanted, core.clock).operations}
        self._made: dict[Subject, Upsert] = {}

    def upsert(self, subject: Subject, key: str, unknown: SubjectNotFound) -> Upsert | None:
        """The command that makes the account for the usage event under `key`; None where the event is stored already.

        One for each subject. Its own key is derived from both, so that a retry finds it, and so that somebody who was
        erased since can be made anew. Raises `unknown` where making somebody would not help, for memberships are not
        invented, and CreationNotAllowed.
        """
        if key in self._stored:
            return None
        if (subject.org_id and (subject.user_id or subject.email)) or subject.user_id.startswith(ERASED_PREFIX):
            raise unknown
        if not self._call.may_create:
            message = f"{unknown.message}, and the API key may not ask for accounts to be made"
            raise CreationNotAllowed(message, **unknown.metadata)
        return self._made.get(subject) or self._command(subject, key)

    def keep(self, upsert: Upsert) -> None:
        """Somebody needs it."""
        self._made[upsert.subject] = upsert

    @property
    def commands(self) -> list[Upsert]:
        """What is needed, in the order of the events."""
        return list(self._made.values())

    def _command(self, subject: Subject, key: str) -> Upsert:
        core, client = self._core, self._call.client
        derived = KEY_PREFIX + digest("\0".join((subject.user_id, subject.email, subject.org_id, key)))
        account_id, currency = core.new_id("acct"), core.catalogue.currency
        if subject.org_id:
            return UpsertOrganization(
                client=client,
                idempotency_key=derived,
                subject=subject,
                account_id="",
                matched_by=MatchedBy.ORG_ID,
                new_account_id=account_id,
                zone=ZONE,
                currency=currency,
            )
        return UpsertUser(
            client=client,
            idempotency_key=derived,
            subject=subject,
            account_id="",
            matched_by=MatchedBy.USER_ID if subject.user_id else MatchedBy.EMAIL,
            new_user_id=core.new_id("user"),
            new_account_id=account_id,
            zone=ZONE,
            currency=currency,
        )
