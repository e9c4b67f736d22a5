from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollhoused.domain.identity import (
    Found,
    Match,
    MatchedBy,
    Membership,
    Memberships,
    Organization,
    Subject,
    User,
    normalized_email,
    resolve,
)
from tollhoused.errors import NotAMember, SubjectConflict, SubjectNotFound, TollhouseError

ANNA = User("user_1", "acct_anna", "anna", "anna@example.com")
BOB = User("user_2", "acct_bob", "bob", "bob@example.com")
MAIL_ONLY = User("user_3", "acct_carl", None, "carl@example.com")
ORG = Organization("org_1", "acct_org")


def test_a_user_id_finds_the_personal_account() -> None:
    assert resolve(Subject(user_id="anna"), Found(by_user_id=ANNA)) == Match("acct_anna", MatchedBy.USER_ID)


def test_an_e_mail_finds_the_account_where_no_user_id_is_given() -> None:
    assert resolve(Subject(email="anna@example.com"), Found(by_email=ANNA)) == Match("acct_anna", MatchedBy.EMAIL)


def test_an_org_id_finds_the_organization_s_account() -> None:
    assert resolve(Subject(org_id="org_1"), Found(organization=ORG)) == Match("acct_org", MatchedBy.ORG_ID)


def test_a_known_user_id_decides_whatever_unknown_e_mail_stands_beside_it() -> None:
    subject = Subject("anna", "anna@elsewhere.example.com")

    assert resolve(subject, Found(by_user_id=ANNA)) == Match("acct_anna", MatchedBy.USER_ID)


def test_both_names_of_one_person_match_by_the_user_id() -> None:
    subject = Subject("anna", "anna@example.com")

    assert resolve(subject, Found(by_user_id=ANNA, by_email=ANNA)).matched_by is MatchedBy.USER_ID


def test_an_unknown_user_id_falls_back_to_the_e_mail_of_a_user_who_has_none() -> None:
    subject = Subject("carl", "carl@example.com")

    assert resolve(subject, Found(by_email=MAIL_ONLY)) == Match("acct_carl", MatchedBy.EMAIL)


def test_an_unknown_user_id_with_the_e_mail_of_somebody_who_has_another_is_a_conflict() -> None:
    with pytest.raises(SubjectConflict) as caught:
        resolve(Subject("anne", "anna@example.com"), Found(by_email=ANNA))

    assert caught.value.metadata == {"fields": "user_id,email"}


def test_names_of_two_people_are_a_conflict() -> None:
    with pytest.raises(SubjectConflict) as caught:
        resolve(Subject("anna", "bob@example.com"), Found(by_user_id=ANNA, by_email=BOB))

    assert caught.value.metadata == {"fields": "user_id,email"}


@pytest.mark.parametrize(
    ("subject", "part"),
    [
        (Subject(user_id="nobody"), "user_id"),
        (Subject(email="nobody@example.com"), "email"),
        (Subject("nobody", "nobody@example.com"), "user_id,email"),
        (Subject("nobody", "", "org_1"), "user_id"),
        (Subject(org_id="org_9"), "org_id"),
    ],
)
def test_an_unknown_subject_is_refused_with_the_parts_that_were_looked_up(subject: Subject, part: str) -> None:
    organization = ORG if subject.org_id == "org_1" else None

    with pytest.raises(SubjectNotFound) as caught:
        resolve(subject, Found(organization=organization))

    assert caught.value.metadata == {"part": part}


def test_a_person_beside_an_organization_must_be_its_member() -> None:
    with pytest.raises(NotAMember):
        resolve(Subject("anna", "", "org_1"), Found(by_user_id=ANNA, organization=ORG))


def _member(user: User, organization: Organization, *, is_primary: bool = False) -> Mapping[str, Memberships]:
    membership = Membership(organization.account_id, user.id, organization.org_id, is_primary)
    return {user.id: {organization.account_id: membership}}


def test_an_organization_is_selected_among_those_of_the_person() -> None:
    for is_primary in (False, True):
        found = Found(by_user_id=ANNA, organization=ORG, memberships=_member(ANNA, ORG, is_primary=is_primary))

        assert resolve(Subject("anna", "", "org_1"), found) == Match("acct_org", MatchedBy.USER_ID)


def test_an_organization_is_selected_by_an_e_mail_too() -> None:
    found = Found(by_email=MAIL_ONLY, organization=ORG, memberships=_member(MAIL_ONLY, ORG))

    assert resolve(Subject("", "carl@example.com", "org_1"), found) == Match("acct_org", MatchedBy.EMAIL)


def test_a_person_alone_stands_for_the_organization_of_the_primary_membership() -> None:
    found = Found(by_user_id=ANNA, memberships=_member(ANNA, ORG, is_primary=True))

    assert resolve(Subject("anna"), found) == Match("acct_org", MatchedBy.USER_ID)


def test_a_membership_that_is_not_primary_leaves_a_person_alone_on_the_personal_account() -> None:
    found = Found(by_user_id=ANNA, memberships=_member(ANNA, ORG))

    assert resolve(Subject("anna"), found) == Match("acct_anna", MatchedBy.USER_ID)


def test_the_membership_of_somebody_else_does_not_count() -> None:
    found = Found(by_user_id=ANNA, organization=ORG, memberships=_member(BOB, ORG, is_primary=True))

    assert resolve(Subject("anna"), found).account_id == "acct_anna"
    with pytest.raises(NotAMember):
        resolve(Subject("anna", "", "org_1"), found)


def test_a_person_beside_an_unknown_organization_is_not_found() -> None:
    with pytest.raises(SubjectNotFound) as caught:
        resolve(Subject("anna", "", "org_9"), Found(by_user_id=ANNA))

    assert caught.value.metadata == {"part": "org_id"}


def test_a_refusal_never_tells_the_names_themselves() -> None:
    for subject in (Subject("nobody", "nobody@example.com"), Subject(org_id="nobody")):
        with pytest.raises(TollhouseError) as caught:
            resolve(subject, Found())

        assert "nobody" not in caught.value.message


def test_e_mails_are_compared_trimmed_and_in_lower_case() -> None:
    assert normalized_email("  Anna@Example.COM\t") == "anna@example.com"


users = st.sampled_from([None, ANNA, BOB, MAIL_ONLY])


@given(users, users, st.sampled_from([None, ORG]))
def test_more_names_never_find_an_account_that_fewer_would_not(
    by_user_id: User | None, by_email: User | None, organization: Organization | None
) -> None:
    subject = Subject(
        user_id="someone", email="someone@example.com" if by_email else "", org_id="org_1" if organization else ""
    )
    named = {user.account_id for user in (by_user_id, by_email) if user}
    try:
        found = resolve(subject, Found(by_user_id, by_email, organization))
    except TollhouseError:
        return

    assert found.account_id in named
    assert by_user_id is None or found == Match(by_user_id.account_id, MatchedBy.USER_ID)
