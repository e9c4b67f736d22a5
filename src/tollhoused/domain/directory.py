"""The part of the directory that a batch touches: who is known, and what the batch makes."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tollhoused.domain.answers import Answer, ErasureAnswer, MemberAnswer
from tollhoused.domain.commands import (
    UpsertOrganization,
    UpsertUser,
)
from tollhoused.domain.identity import (
    NO_MEMBERSHIPS,
    Found,
    Match,
    MatchedBy,
    Membership,
    Organization,
    Subject,
    User,
    erased,
    home_of,
    is_erased,
    person_of,
    resolve,
)
from tollhoused.domain.people import AddMember, EraseUser, MemberCommand, PeopleCommand, RemoveMember
from tollhoused.errors import MembershipNotFound, SubjectConflict, SubjectNotFound


class Aim(NamedTuple):
    """What a command about a person is about, and the other accounts that must be locked with that one."""

    account_id: str
    matched_by: MatchedBy
    touches: tuple[str, ...]
    user: User


@dataclass(slots=True)
class Directory:
    """Users by `user_id` and by e-mail, organizations by `org_id`: complete for the subjects that the batch names.

    `memberships` are those of all these users, by the users' ids and the organizations' accounts.
    """

    users_by_id: dict[str, User] = field(default_factory=dict)
    users_by_email: dict[str, User] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    memberships: dict[str, dict[str, Membership]] = field(default_factory=dict)
    changed_users: dict[str, User] = field(default_factory=dict)
    new_organizations: list[Organization] = field(default_factory=list)
    changed_memberships: dict[tuple[str, str], Membership] = field(default_factory=dict)
    ended_memberships: set[tuple[str, str]] = field(default_factory=set)

    def add_user(self, user: User) -> None:
        """Makes a user findable, unless erased."""
        if is_erased(user):
            return
        if user.user_id:
            self.users_by_id[user.user_id] = user
        if user.email:
            self.users_by_email[user.email] = user

    def add_membership(self, membership: Membership) -> None:
        """Makes a membership count."""
        self.memberships.setdefault(membership.user, {})[membership.account_id] = membership

    def find(self, subject: Subject) -> Found:
        """The entries that a subject names."""
        return Found(
            by_user_id=self.users_by_id.get(subject.user_id) if subject.user_id else None,
            by_email=self.users_by_email.get(subject.email) if subject.email else None,
            organization=self.organizations.get(subject.org_id) if subject.org_id else None,
            memberships=self.memberships,
        )

    def resolve(self, subject: Subject) -> Match:
        """The account that a subject names; raises as `identity.resolve` does."""
        if not subject.email and not subject.org_id:  # as most are named: by a user_id, and members of nothing
            user = self.users_by_id.get(subject.user_id)
            if user and user.id not in self.memberships:
                return Match(user.account_id, MatchedBy.USER_ID)
        return resolve(subject, self.find(subject))

    def owner(self, subject: Subject) -> Match | None:
        """The account that an upsert of this subject would complete; None where it would make one."""
        found = self.find(subject)
        if subject.org_id:
            return Match(found.organization.account_id, MatchedBy.ORG_ID) if found.organization else None
        known = found.by_user_id or found.by_email
        if known is None:
            return None
        return Match(known.account_id, MatchedBy.USER_ID if found.by_user_id else MatchedBy.EMAIL)

    def user_of(self, subject: Subject) -> User | None:
        """The user that a subject names, after an upsert."""
        found = self.find(subject)
        return found.by_user_id or found.by_email

    def upsert_user(self, command: UpsertUser) -> tuple[str, bool, MatchedBy]:
        """Makes the user, or adds what was not known; returns account, whether it is new, and what matched.

        Raises SubjectConflict where user_id and e-mail belong to different users.
        """
        subject = command.subject
        found = self.find(subject)
        matched_by = MatchedBy.USER_ID if subject.user_id else MatchedBy.EMAIL
        by_id, by_email = found.by_user_id, found.by_email
        if by_id and by_email and by_id.id != by_email.id:
            raise SubjectConflict("user_id and email belong to different users", fields="user_id,email")
        if by_id is None and by_email and subject.user_id and by_email.user_id:
            raise SubjectConflict("the e-mail belongs to a user with another user_id", fields="user_id,email")
        known = by_id or by_email
        if known is None:
            user = User(command.new_user_id, command.new_account_id, subject.user_id or None, subject.email or None)
            self._change(user)
            return user.account_id, True, matched_by
        completed = replace(known, user_id=subject.user_id or known.user_id, email=subject.email or known.email)
        if completed != known:
            if known.email and known.email != completed.email:
                del self.users_by_email[known.email]
            self._change(completed)
        return known.account_id, False, MatchedBy.USER_ID if by_id else MatchedBy.EMAIL

    def upsert_organization(self, command: UpsertOrganization) -> tuple[str, bool, MatchedBy]:
        """Makes the organization where it is unknown."""
        known = self.organizations.get(command.subject.org_id)
        if known:
            return known.account_id, False, MatchedBy.ORG_ID
        organization = Organization(command.subject.org_id, command.new_account_id)
        self.organizations[organization.org_id] = organization
        self.new_organizations.append(organization)
        return organization.account_id, True, MatchedBy.ORG_ID

    def aim(self, command: PeopleCommand) -> Aim:
        """What the command is about. Raises SubjectNotFound, SubjectConflict or MembershipNotFound."""
        user, matched_by = person_of(command.subject, self.find(command.subject))
        memberships = self.memberships.get(user.id, NO_MEMBERSHIPS)
        if isinstance(command, EraseUser):
            return Aim(user.account_id, matched_by, tuple(memberships), user)
        assert isinstance(command, MemberCommand)
        organization = self.organizations.get(command.org_id)
        if organization is None:
            raise SubjectNotFound("no organization is known under this org_id", part="org_id")
        account_id = organization.account_id
        if isinstance(command, RemoveMember) and account_id not in memberships:
            raise MembershipNotFound("the user is not a member of this organization")
        # Whoever makes another membership the primary one takes calls away from where the user counted so far.
        leaves = isinstance(command, AddMember) and command.is_primary and home_of(user, memberships) != account_id
        return Aim(account_id, matched_by, (home_of(user, memberships),) if leaves else (), user)

    def carry_out(self, command: PeopleCommand, aim: Aim) -> Answer:
        """Changes what the command changes; `aim` has refused everything that can be refused."""
        found = self.memberships.get(aim.user.id, NO_MEMBERSHIPS)
        if isinstance(command, EraseUser):
            ended = list(found.values())
            for membership in ended:
                self._end(membership)
            self.users_by_id.pop(aim.user.user_id or "", None)
            self.users_by_email.pop(aim.user.email or "", None)
            self._change(erased(aim.user))
            return ErasureAnswer(aim.account_id, aim.matched_by.value, len(ended))
        assert isinstance(command, MemberCommand)
        if isinstance(command, AddMember):
            if command.is_primary:
                for other in list(found.values()):
                    if other.is_primary and other.account_id != aim.account_id:
                        self._put(other._replace(is_primary=False))
            membership = Membership(aim.account_id, aim.user.id, command.org_id, command.is_primary)
            self._put(membership)
        else:
            membership = found[aim.account_id]
            self._end(membership)
        return MemberAnswer(aim.account_id, aim.matched_by.value, membership.org_id, membership.is_primary)

    def _put(self, membership: Membership) -> None:
        if self.memberships.get(membership.user, {}).get(membership.account_id) != membership:
            self.add_membership(membership)
            self.changed_memberships[membership.account_id, membership.user] = membership

    def _end(self, membership: Membership) -> None:
        key = (membership.account_id, membership.user)
        del self.memberships[membership.user][membership.account_id]
        self.changed_memberships.pop(key, None)
        self.ended_memberships.add(key)

    def _change(self, user: User) -> None:
        self.changed_users[user.id] = user
        self.add_user(user)
