"""Subjects, users and organizations: how a caller's words find an account (requirement I1)."""

from dataclasses import dataclass
from enum import StrEnum
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


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization's directory entry."""

    org_id: str
    account_id: str


class Found(NamedTuple):
    """The directory entries that the parts of one subject name."""

    by_user_id: User | None = None
    by_email: User | None = None
    organization: Organization | None = None


class Match(NamedTuple):
    """The account that a subject names, and by which of its parts."""

    account_id: str
    matched_by: MatchedBy


def resolve(subject: Subject, found: Found) -> Match:
    """Applies the lookup order user_id, then e-mail, then org_id.

    Raises SubjectNotFound for an unknown subject, SubjectConflict where the parts name different people, and
    NotAMember where a user is named together with an organization that does not count the user as a member.
    """
    if subject.user_id or subject.email:
        match = _person(subject, found)
        if not subject.org_id:
            return match
        if found.organization is None:
            raise SubjectNotFound("no organization is known under this org_id", part="org_id")
        raise NotAMember("the user is not a member of this organization")
    if found.organization is not None:
        return Match(found.organization.account_id, MatchedBy.ORG_ID)
    raise SubjectNotFound("no account is known under this org_id", part="org_id")


def _person(subject: Subject, found: Found) -> Match:
    """The account of the person that user_id and e-mail name between them."""
    if subject.user_id and found.by_user_id is not None:
        if found.by_email is not None and found.by_email.id != found.by_user_id.id:
            raise SubjectConflict("user_id and email belong to different users", fields="user_id,email")
        return Match(found.by_user_id.account_id, MatchedBy.USER_ID)
    if found.by_email is None:
        parts = [name for name in ("user_id", "email") if getattr(subject, name)]
        raise SubjectNotFound(f"no account is known under this {' and '.join(parts)}", part=",".join(parts))
    if subject.user_id and found.by_email.user_id is not None:
        raise SubjectConflict("the e-mail belongs to a user with another user_id", fields="user_id,email")
    return Match(found.by_email.account_id, MatchedBy.EMAIL)
