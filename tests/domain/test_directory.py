import pytest

from tests.domain.builders import upsert_organization, upsert_user
from tollhoused.domain.directory import Aim, Directory
from tollhoused.domain.identity import Match, MatchedBy, Membership, Organization, Subject, User
from tollhoused.domain.people import AddMember, RemoveMember
from tollhoused.errors import MembershipNotFound, NotAMember, SubjectConflict, SubjectNotFound

ANNA = User("user_1", "acct_anna", "anna", "anna@example.com")
BOB = User("user_2", "acct_bob", "bob", "bob@example.com")
MAIL_ONLY = User("user_3", "acct_carl", None, "carl@example.com")
ID_ONLY = User("user_4", "acct_dora", "dora", None)


@pytest.fixture
def directory() -> Directory:
    """Four people, and one organization."""
    directory = Directory(organizations={"org_1": Organization("org_1", "acct_org")})
    for user in (ANNA, BOB, MAIL_ONLY, ID_ONLY):
        directory.add_user(user)
    return directory


def test_a_subject_finds_what_its_parts_name(directory: Directory) -> None:
    found = directory.find(Subject("anna", "bob@example.com", "org_1"))

    assert (found.by_user_id, found.by_email) == (ANNA, BOB)
    assert found.organization == Organization("org_1", "acct_org")
    assert directory.resolve(Subject(email="carl@example.com")) == Match("acct_carl", MatchedBy.EMAIL)


def test_an_empty_part_finds_nobody(directory: Directory) -> None:
    directory.users_by_id[""] = directory.users_by_email[""] = ANNA

    assert directory.find(Subject(org_id="org_1")).by_user_id is None
    assert directory.find(Subject(org_id="org_1")).by_email is None
    assert directory.find(Subject("anna")).organization is None


def test_a_new_person_is_made_with_the_names_that_are_given(directory: Directory) -> None:
    command = upsert_user("erin", "erin@example.com", account_id="acct_erin")

    assert directory.upsert_user(command) == ("acct_erin", True, MatchedBy.USER_ID)

    made = User(command.new_user_id, "acct_erin", "erin", "erin@example.com")
    assert directory.changed_users == {made.id: made}
    assert directory.user_of(Subject("erin")) == directory.user_of(Subject(email="erin@example.com")) == made


@pytest.mark.parametrize(
    ("user_id", "email", "matched_by"), [("erin", "", MatchedBy.USER_ID), ("", "erin@example.com", MatchedBy.EMAIL)]
)
def test_one_name_makes_a_person_too(directory: Directory, user_id: str, email: str, matched_by: MatchedBy) -> None:
    _, created, found_by = directory.upsert_user(upsert_user(user_id, email))

    assert (created, found_by) == (True, matched_by)
    made = directory.user_of(Subject(user_id, email))
    assert made
    assert (made.user_id, made.email) == (user_id or None, email or None)


def test_a_person_known_by_e_mail_gets_the_user_id(directory: Directory) -> None:
    assert directory.upsert_user(upsert_user("carl", "carl@example.com")) == ("acct_carl", False, MatchedBy.EMAIL)

    assert directory.resolve(Subject("carl")) == Match("acct_carl", MatchedBy.USER_ID)
    assert directory.resolve(Subject(email="carl@example.com")) == Match("acct_carl", MatchedBy.EMAIL)


def test_a_person_known_by_user_id_gets_the_e_mail(directory: Directory) -> None:
    assert directory.upsert_user(upsert_user("dora", "dora@example.com")) == ("acct_dora", False, MatchedBy.USER_ID)

    assert directory.resolve(Subject(email="dora@example.com")) == Match("acct_dora", MatchedBy.EMAIL)


def test_a_new_e_mail_takes_the_place_of_the_old_one(directory: Directory) -> None:
    directory.upsert_user(upsert_user("anna", "anna@new.example.com"))

    assert directory.resolve(Subject(email="anna@new.example.com")).account_id == "acct_anna"
    with pytest.raises(SubjectNotFound):
        directory.resolve(Subject(email="anna@example.com"))


def test_a_freed_e_mail_may_be_another_person_s(directory: Directory) -> None:
    directory.upsert_user(upsert_user("anna", "anna@new.example.com"))
    directory.upsert_user(upsert_user("bob", "anna@example.com"))

    assert directory.resolve(Subject(email="anna@example.com")).account_id == "acct_bob"
    assert directory.changed_users["user_2"] == User("user_2", "acct_bob", "bob", "anna@example.com")


@pytest.mark.parametrize(
    "subject", [Subject("anna"), Subject(email="anna@example.com"), Subject("anna", "anna@example.com")]
)
def test_what_is_known_already_changes_nothing(directory: Directory, subject: Subject) -> None:
    _, created, _ = directory.upsert_user(upsert_user(subject.user_id, subject.email))

    assert not created
    assert directory.changed_users == {}


@pytest.mark.parametrize(
    ("user_id", "email"),
    [("anna", "bob@example.com"), ("erin", "bob@example.com"), ("dora", "carl@example.com")],
    ids=["two people", "the e-mail of somebody else", "two halves"],
)
def test_names_of_different_people_are_refused_and_change_nothing(
    directory: Directory, user_id: str, email: str
) -> None:
    before = repr(directory)

    with pytest.raises(SubjectConflict) as caught:
        directory.upsert_user(upsert_user(user_id, email))

    assert caught.value.metadata == {"fields": "user_id,email"}
    assert repr(directory) == before


def test_the_owner_of_a_subject_is_who_an_upsert_would_complete(directory: Directory) -> None:
    assert directory.owner(Subject("anna")) == Match("acct_anna", MatchedBy.USER_ID)
    assert directory.owner(Subject("carl", "carl@example.com")) == Match("acct_carl", MatchedBy.EMAIL)
    assert directory.owner(Subject(org_id="org_1")) == Match("acct_org", MatchedBy.ORG_ID)
    assert directory.owner(Subject("erin", "erin@example.com")) is None
    assert directory.owner(Subject(org_id="org_2")) is None


def _joins(user_id: str, org_id: str, *, is_primary: bool) -> AddMember:
    return AddMember(
        client="local",
        idempotency_key="key",
        subject=Subject(user_id),
        account_id="",
        matched_by=MatchedBy.USER_ID,
        org_id=org_id,
        is_primary=is_primary,
    )


def _leaves(user_id: str, org_id: str) -> RemoveMember:
    command = _joins(user_id, org_id, is_primary=False)
    fields = ("client", "idempotency_key", "subject", "account_id", "matched_by", "org_id")
    return RemoveMember(**{name: getattr(command, name) for name in fields})


def _carry_out(directory: Directory, command: AddMember | RemoveMember) -> Aim:
    aim = directory.aim(command)
    directory.carry_out(command, aim)
    return aim


def test_a_new_primary_membership_takes_the_place_of_the_old_one(directory: Directory) -> None:
    directory.organizations["org_2"] = Organization("org_2", "acct_o2")
    _carry_out(directory, _joins("anna", "org_1", is_primary=True))
    _carry_out(directory, _joins("anna", "org_2", is_primary=True))

    assert directory.resolve(Subject("anna")).account_id == "acct_o2"
    assert directory.resolve(Subject("anna", "", "org_1")).account_id == "acct_org"
    kept = {key: item.is_primary for key, item in directory.changed_memberships.items()}
    assert kept == {("acct_org", "user_1"): False, ("acct_o2", "user_1"): True}


def test_the_account_that_a_person_s_calls_leave_is_locked_too(directory: Directory) -> None:
    directory.organizations["org_2"] = Organization("org_2", "acct_o2")

    assert directory.aim(_joins("anna", "org_1", is_primary=False)).touches == ()
    assert _carry_out(directory, _joins("anna", "org_1", is_primary=True)).touches == ("acct_anna",)
    assert directory.aim(_joins("anna", "org_1", is_primary=True)).touches == ()
    assert directory.aim(_joins("anna", "org_2", is_primary=True)).touches == ("acct_org",)


def test_joining_again_writes_nothing_unless_something_changes(directory: Directory) -> None:
    directory.add_membership(Membership("acct_org", "user_1", "org_1", True))

    _carry_out(directory, _joins("anna", "org_1", is_primary=True))
    assert directory.changed_memberships == {}
    _carry_out(directory, _joins("anna", "org_1", is_primary=False))
    assert directory.resolve(Subject("anna")).account_id == "acct_anna"


def test_who_has_left_may_come_back_in_the_same_batch(directory: Directory) -> None:
    directory.add_membership(Membership("acct_org", "user_1", "org_1", True))

    _carry_out(directory, _leaves("anna", "org_1"))
    with pytest.raises(NotAMember):
        directory.resolve(Subject("anna", "", "org_1"))
    with pytest.raises(MembershipNotFound):
        directory.aim(_leaves("anna", "org_1"))
    _carry_out(directory, _joins("anna", "org_1", is_primary=False))

    assert directory.resolve(Subject("anna", "", "org_1")).account_id == "acct_org"
    assert directory.ended_memberships == {("acct_org", "user_1")}  # deleted before it is written anew


def test_who_or_what_is_unknown_is_not_found(directory: Directory) -> None:
    for command, part in (
        (_joins("anna", "org_9", is_primary=True), "org_id"),
        (_leaves("nobody", "org_1"), "user_id"),
    ):
        with pytest.raises(SubjectNotFound) as caught:
            directory.aim(command)
        assert caught.value.metadata == {"part": part}


def test_an_organization_is_made_once(directory: Directory) -> None:
    new, again = upsert_organization("org_2", account_id="acct_o2"), upsert_organization("org_2")

    assert directory.upsert_organization(new) == ("acct_o2", True, MatchedBy.ORG_ID)
    assert directory.upsert_organization(again) == ("acct_o2", False, MatchedBy.ORG_ID)
    assert directory.new_organizations == [Organization("org_2", "acct_o2")]
