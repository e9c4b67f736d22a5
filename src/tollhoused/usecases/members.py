"""Who belongs to which organization, and so on which account a person's calls count (requirements I1, I2)."""

from dataclasses import replace
from typing import TypeVar

from tollhoused.domain.books import Settled
from tollhoused.domain.identity import MatchedBy, Member, Subject
from tollhoused.domain.people import AddMember, PeopleCommand, RemoveMember
from tollhoused.errors import InvalidField, TollhouseError
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading
from tollhoused.usecases.pages import cursor_text, cursor_values

CommandT = TypeVar("CommandT", bound=PeopleCommand)


def add_member(
    core: Core,
    call: Call,
    *,
    user_id: str,
    email: str,
    org_id: str,
    is_primary: bool,
    idempotency_key: str,
    validate_only: bool,
) -> Settled:
    """Makes a person a member, or changes whether that membership is the primary one."""
    forms.idempotency_key(idempotency_key)
    command = AddMember(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=forms.person(user_id, email),
        account_id="",
        matched_by=MatchedBy.USER_ID,
        org_id=forms.text("org_id", org_id, forms.ID_LENGTH_MAX),
        is_primary=is_primary,
    )
    return core.run(call, aimed(core, command), validate_only)


def remove_member(
    core: Core, call: Call, *, user_id: str, email: str, org_id: str, idempotency_key: str, validate_only: bool
) -> Settled:
    """Ends a membership."""
    forms.idempotency_key(idempotency_key)
    command = RemoveMember(
        client=call.client,
        idempotency_key=idempotency_key,
        subject=forms.person(user_id, email),
        account_id="",
        matched_by=MatchedBy.USER_ID,
        org_id=forms.text("org_id", org_id, forms.ID_LENGTH_MAX),
    )
    return core.run(call, aimed(core, command), validate_only)


def list_members(core: Core, org_id: str, page_size: int, page_token: str) -> tuple[str, list[Member], str]:
    """A page of an organization's members: its account, who they are, and the next page's token."""
    after = _cursor(page_token)
    match = core.resolve(Subject(org_id=forms.text("org_id", org_id, forms.ID_LENGTH_MAX)))
    with reading():
        found = core.store.members(match.account_id, after, page_size + 1)
    page = found[:page_size]
    return match.account_id, page, cursor_text([page[-1].user.id]) if len(found) > page_size else ""


def aimed(core: Core, command: CommandT) -> CommandT:
    """The command with the accounts to lock for it, as a hint. Refusals are the journal's to tell: the key may be
    known.
    """
    with reading():
        directory = core.store.directory(set(command.subjects()))
    try:
        aim = directory.aim(command)
    except TollhouseError:
        return command
    return replace(command, account_id=aim.account_id, matched_by=aim.matched_by, touches=aim.touches)


def _cursor(token: str) -> str:
    if not token:
        return ""
    match cursor_values(token):
        case [str(user)]:
            return user
    raise InvalidField("page_token", "is not a token of this list")
