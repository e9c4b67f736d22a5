"""The part of the directory that a batch touches: who is known, and what the batch makes."""

from dataclasses import dataclass, field, replace

from tollhoused.domain.commands import UpsertOrganization, UpsertUser
from tollhoused.domain.identity import Found, Match, MatchedBy, Organization, Subject, User, resolve
from tollhoused.errors import SubjectConflict


@dataclass(slots=True)
class Directory:
    """Users by `user_id` and by e-mail, organizations by `org_id`: complete for the subjects that the batch names."""

    users_by_id: dict[str, User] = field(default_factory=dict)
    users_by_email: dict[str, User] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    changed_users: dict[str, User] = field(default_factory=dict)
    new_organizations: list[Organization] = field(default_factory=list)

    def add_user(self, user: User) -> None:
        """Makes a user findable."""
        if user.user_id:
            self.users_by_id[user.user_id] = user
        if user.email:
            self.users_by_email[user.email] = user

    def find(self, subject: Subject) -> Found:
        """The entries that a subject names."""
        return Found(
            by_user_id=self.users_by_id.get(subject.user_id) if subject.user_id else None,
            by_email=self.users_by_email.get(subject.email) if subject.email else None,
            organization=self.organizations.get(subject.org_id) if subject.org_id else None,
        )

    def resolve(self, subject: Subject) -> Match:
        """The account that a subject names; raises as `identity.resolve` does."""
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
            user = User(command.new_user_id, command.account_id, subject.user_id or None, subject.email or None)
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
        organization = Organization(command.subject.org_id, command.account_id)
        self.organizations[organization.org_id] = organization
        self.new_organizations.append(organization)
        return organization.account_id, True, MatchedBy.ORG_ID

    def _change(self, user: User) -> None:
        self.changed_users[user.id] = user
        self.add_user(user)
