"""Commands about people: which organizations they belong to (requirement I2), and that they be forgotten (O9)."""

from dataclasses import dataclass

from tollhoused.domain.commands import Command, digest
from tollhoused.domain.identity import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleCommand(Command):
    """What changes whom a person belongs to. The subject names the person alone.

    `account_id` is the account that the command is about, `touches` are the others where calls that name the person
    may end before or after it: all are locked, so that such a call sees all of the change or nothing.
    """

    touches: tuple[str, ...] = ()

    def named(self) -> dict[str, object]:
        return {"user_id": digest(self.subject.user_id), "email": digest(self.subject.email)}

    def subjects(self) -> list[Subject]:
        """What has to be looked up."""
        return [self.subject]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCommand(PeopleCommand):
    """What is about one person in one organization."""

    org_id: str

    def subjects(self) -> list[Subject]:
        return [self.subject, Subject(org_id=self.org_id)]

    def content(self) -> dict[str, object]:
        return {"org_id": digest(self.org_id)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AddMember(MemberCommand):
    """Makes a person a member, or changes whether that membership is the primary one."""

    kind = "add_member"
    is_primary: bool

    def content(self) -> dict[str, object]:
        return {"org_id": digest(self.org_id), "is_primary": self.is_primary}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveMember(MemberCommand):
    """Ends a membership."""

    kind = "remove_member"


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseUser(PeopleCommand):
    """Makes a person unfindable: names give way to a pseudonym, memberships end. The books stay as they are."""

    kind = "erase_user"
    discreet = True

    def content(self) -> dict[str, object]:
        return {}
