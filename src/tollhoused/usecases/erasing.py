"""Forgetting a person without touching the books (requirement O9)."""

import time

from tollhoused.domain.account import HOUR_US
from tollhoused.domain.books import Settled
from tollhoused.domain.identity import MatchedBy
from tollhoused.domain.people import EraseUser
from tollhoused.errors import OutOfTime
from tollhoused.store.wanted import whole_accounts
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.members import aimed

OPERATIONS_AT_ONCE = 500
"""In one transaction, so that nobody waits long for it."""

HOURS_AT_ONCE = 31 * 24
"""How far one look reaches: operations are found by the hour."""


def erase_user(
    core: Core, call: Call, *, user_id: str, email: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Makes a person unfindable, then clears what the personal account's operations hold about people.

    The first is one command; the rest are small transactions, and goes on where it stopped when the command is
    repeated under its key. Raises OutOfTime where the call's deadline comes before the end.
    """
    forms.idempotency_key(idempotency_key)
    command = EraseUser(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=forms.person(user_id, email),
        account_id="",
        matched_by=MatchedBy.USER_ID,
    )
    settled = core.run(call, aimed(core, command), validate_only)
    if not validate_only:
        _clear(core, call, settled.answer.account_id)
    return settled


def _clear(core: Core, call: Call, account_id: str) -> None:
    with reading():
        account = core.store.snapshot(whole_accounts([account_id], core.clock()), core.clock).accounts[account_id]
    end_us = max(core.clock(), account.as_of_us) + 1
    # The latest first: a call that is repeated finds them cleared, and the personal data of today soonest gone.
    while end_us > account.anchor_us:
        start_us = max(account.anchor_us, end_us - HOURS_AT_ONCE * HOUR_US)
        cleared = OPERATIONS_AT_ONCE
        while cleared == OPERATIONS_AT_ONCE:
            if time.monotonic() > call.deadline:
                raise OutOfTime("the person is erased, but not all notes are cleared: repeat with the same key")
            with reading():
                cleared = core.store.erase_notes(account_id, start_us, end_us, OPERATIONS_AT_ONCE)
        end_us = start_us
