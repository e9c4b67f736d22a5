"""Subjects, users and organizations: how a caller's words find an account (requirement I1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from tollhoused.errors import NotAMember, SubjectConflict, SubjectNotFound


class MatchedBy(StrEnum):
    """Which part of the subject found the account."""

    USER_ID = "user_id"
    EMAIL = "email"
    ORG_ID = "org_id"


@dataclass(frozen=True, slots=True)
class Subject:
    """How a caller names an account; empty parts were not given. E-mails are stored trimmed and lower-cased."""

    user_id: str = ""
    email: str = ""
    org_id: str = ""


def normalized_email(text: str) -> str:
    """E-mail addresses are compared trimmed and in lower case."""
    return text.strip().lower()


@dataclass(frozen=True, slots=True)
class User:
    """A person's directory entry; at least one of `user_id` and `email` is given."""

    id: str
    account_id: str
    user_id: str | None
    email: str | None


ERASED_PREFIX = "erased:"
"""What the user_id of nobody else may begin with."""


def erased(user: User) -> User:
    """What remains of a user: an entry that leads operators to the account, and nobody else."""
    return User(user.id, user.account_id, ERASED_PREFIX + user.id, None)


def is_erased(user: User) -> bool:
    """Whether the names of a user were erased."""
    return user.user_id == ERASED_PREFIX + user.id


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization's directory entry."""

    org_id: str
    account_id: str


class Membership(NamedTuple):
    """That a user (by the id of the directory entry) belongs to an organization, named by its account.

    The primary one is where the user counts when no organization is named; a user has one at the most.
    """

    account_id: str
    user: str
    org_id: str
    is_primary: bool


class Member(NamedTuple):
    """A membership and whose it is."""

    user: User
    membership: Membership


Memberships = Mapping[str, Membership]
"""One user's, by the organizations' accounts."""

NO_MEMBERSHIPS: Memberships = MappingProxyType({})


class Found(NamedTuple):
    """The directory entries that the parts of one subject name, and the memberships of these users by their ids."""

    by_user_id: User | None = None
    by_email: User | None = None
    organization: Organization | None = None
    memberships: Mapping[str, Memberships] = MappingProxyType({})


class Match(NamedTuple):
    """The account that a subject names, and by which of its parts."""

    account_id: str
    matched_by: MatchedBy


def resolve(subject: Subject, found: Found) -> Match:
    """Applies the lookup order user_id, then e-mail, then org_id (legacy).

    A person alone stands for the organization of the primary membership, without one for the personal account; an
    org_id beside a person selects among the memberships. Raises SubjectNotFound for an unknown subject,
    SubjectConflict where the parts name different people, and NotAMember where the person does not belong to the
    organization.
    """
    if subject.user_id or subject.email:
        user, matched_by = person_of(subject, found)
        memberships = found.memberships.get(user.id, NO_MEMBERSHIPS)
        if not subject.org_id:
            return Match(home_of(user, memberships), matched_by)
        if found.organization is None:
            raise SubjectNotFound("no organization is known under this org_id", part="org_id")
        if found.organization.account_id not in memberships:
            raise NotAMember("the user is not a member of this organization")
        return Match(found.organization.account_id, matched_by)
    if found.organization is not None:
        return Match(found.organization.account_id, MatchedBy.ORG_ID)
    raise SubjectNotFound("no account is known under this org_id", part="org_id")


def home_of(user: User, memberships: Memberships) -> str:
    """The account that the user alone stands for."""
    for membership in memberships.values():
        if membership.is_primary:
            return membership.account_id
    return user.account_id


def person_of(subject: Subject, found: Found) -> tuple[User, MatchedBy]:
    """The person that user_id and e-mail name between them. Raises SubjectNotFound or SubjectConflict."""
    if subject.user_id and found.by_user_id is not None:
        if found.by_email is not None and found.by_email.id != found.by_user_id.id:
            raise SubjectConflict("user_id and email belong to different users", fields="user_id,email")
        return found.by_user_id, MatchedBy.USER_ID
    if found.by_email is None:
        parts = [name for name in ("user_id", "email") if getattr(subject, name)]
        raise SubjectNotFound(f"no account is known under this {' and '.join(parts)}", part=",".join(parts))
    if subject.user_id and found.by_email.user_id is not None:
        raise SubjectConflict("the e-mail belongs to a user with another user_id", fields="user_id,email")
    return found.by_email, MatchedBy.EMAIL
