"""Accounts are made to try with, listed, found and looked at; credits are granted once per key."""

import pytest

from tests.cli.commands import done, done_json, failed
from tests.support.house import make_organization
from tollhoused.__main__ import Ids, new_secret, wall_clock
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import settings_from
from tollhoused.cli.program import Program


@pytest.fixture
def url(database_url: str) -> list[str]:
    """The option that names a database with a catalogue, on each engine in turn."""
    done("catalog", "apply", "hub", "--database-url", database_url)
    return ["--database-url", database_url]


def test_accounts_are_provisioned_once_and_listed_in_order(url: list[str]) -> None:
    arguments = ["accounts", "provision", "--count", "12", "--prefix", "u", "--plan", "pro", "--credits", "2.50", *url]

    assert done(*arguments).startswith("12 accounts made, 0 were there already, in ")
    assert done(*arguments).startswith("0 accounts made, 12 were there already, in ")

    accounts = done_json("accounts", "list", *url)
    assert {account["users"][0]["user_id"] for account in accounts} == {f"u{number}" for number in range(1, 13)}
    assert {(account["plan"], account["balance_nanos"]) for account in accounts} == {("pro", 2_500_000_000)}
    ids = [account["account_id"] for account in accounts]
    assert ids == sorted(ids)
    assert [account["account_id"] for account in done_json("accounts", "list", "--after", ids[9], *url)] == ids[10:]
    page = done("accounts", "list", "--limit", "2", *url)
    assert page.count("acct_") == 3
    assert page.rstrip().endswith(f"there are more: --after {ids[1]}")
    assert "The books are right." in done("verify", *url)


def test_an_account_is_found_and_shown(url: list[str]) -> None:
    done("accounts", "provision", "--count", "2", "--credits", "1.00", *url)

    (found,) = done_json("accounts", "list", "--user-id", "user-2", *url)
    shown = done_json("accounts", "show", "--user-id", "user-2", *url)
    text = " ".join(done("accounts", "show", "--user-id", "user-2", *url).split())

    assert found["account_id"] == shown["account_id"]
    assert shown["matched_by"] == "user_id"
    assert [meter["meter"] for meter in shown["meters"] if meter["included"] == 1_000] == ["api_calls"]
    assert shown["grants"][0]["remaining_nanos"] == 1_000_000_000
    assert "plan hobby, catalogue version 1" in text
    assert "api_calls 0 1,000 1,000 0 0.00 usd credits" in text
    assert "promotional 1.00 usd 1.00 usd 100 - any meter" in text


def test_members_are_added_listed_and_removed(url: list[str]) -> None:
    done("accounts", "provision", "--count", "1", *url)
    complaint = failed("accounts", "members", "add", "acme", "--user-id", "user-1", *url)
    assert complaint == "tollhouse: no organization is known under this org_id\n"
    with opened_core(Program(wall_clock, Ids(), new_secret), settings_from(database_url=url[1]), writes=True) as core:
        make_organization(core, "acme")

    add = ["accounts", "members", "add", "acme", "--user-id", "user-1", "--primary", *url]
    assert done(*add, "--dry-run").startswith("would be a member, on acct_")
    assert done_json("accounts", "members", "list", "acme", *url)["members"] == []
    assert done(*add).startswith("is a member, on acct_")
    members = done_json("accounts", "members", "list", "acme", *url)["members"]
    assert members == [{"user_id": "user-1", "email": None, "is_primary": True}]
    assert done_json("accounts", "show", "--user-id", "user-1", *url)["kind"] == "organization"
    done("accounts", "members", "remove", "acme", "--user-id", "user-1", *url)
    assert "user-1" not in done("accounts", "members", "list", "acme", *url)
    assert "The books are right." in done("verify", *url)


def test_a_person_is_erased(url: list[str]) -> None:
    done("accounts", "provision", "--count", "2", *url)
    erase = ["accounts", "erase", "--user-id", "user-1", *url]

    assert "add --yes to do it" in failed(*erase)
    assert done(*erase, "--dry-run").startswith("would be erased: account acct_")
    assert done(*erase, "--yes", "--key", "k").startswith("erased: account acct_")
    assert done(*erase, "--yes", "--key", "k").startswith("erased: account acct_")
    assert "no account is known" in failed("accounts", "show", "--user-id", "user-1", *url)
    names = {account["users"][0]["user_id"] for account in done_json("accounts", "list", *url)}
    assert "user-2" in names
    assert any(name.startswith("erased:user_") for name in names)
    assert "The books are right." in done("verify", *url)


def test_who_is_not_there_is_not_found(url: list[str]) -> None:
    assert failed("accounts", "show", "--user-id", "nobody", *url) == (
        "tollhouse: no account is known under this user_id\n"
    )
    assert "no account is known" in failed("accounts", "list", "--email", "nobody@example.com", *url)
    assert "needs a user_id, an email or an org_id" in failed("accounts", "show", *url)


def test_credits_are_granted_once_per_key(url: list[str]) -> None:
    done("accounts", "provision", "--count", "1", *url)
    grant = ["credits", "grant", "25.00", "--user-id", "user-1", "--reason", "welcome", "--key", "welcome-1", *url]

    preview = done_json(*grant, "--dry-run")
    first = done_json(*grant)
    again = done_json(*grant)

    assert (preview["state"], first["state"], again["state"]) == ("previewed", "granted", "replayed")
    assert preview["balance_nanos"] == first["balance_nanos"] == 25_000_000_000
    assert again["grant_id"] == first["grant_id"]
    assert "another amount_nanos" in failed(*[item.replace("25.00", "26.00") for item in grant])
    assert done_json("accounts", "list", *url)[0]["balance_nanos"] == 25_000_000_000


def test_a_grant_may_expire_and_pay_for_one_meter_only(url: list[str]) -> None:
    done("accounts", "provision", "--count", "1", *url)
    rules = ["--expires", "2199-12-31", "--meter", "voice_minute", "--category", "paid", "--priority", "7"]

    text = " ".join(done("credits", "grant", "0.5", "--user-id", "user-1", *rules, *url).split())
    (grant,) = done_json("accounts", "show", "--user-id", "user-1", *url)["grants"]

    assert "granted 0.50 usd to acct_" in text
    assert grant["expires"] == "2199-12-31T00:00:00Z"
    assert (grant["meters"], grant["category"], grant["priority"]) == (["voice_minutes"], "paid", 7)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["0.5e3"], "AMOUNT: '0.5e3' is not an amount"),
        (["0"], "amount_nanos: must be from 1 to 2^62"),
        (["1", "--expires", "tomorrow"], "--expires: 'tomorrow' is not a time"),
        (["1", "--expires", "2001-01-01"], "expire_time: must be later than"),
        (["1", "--meter", "steps"], "meters[0]: 'steps' is not a meter"),
        (["1", "--priority", "1001"], "priority: must be from 0 to 1000"),
    ],
)
def test_a_grant_that_cannot_be_is_refused_by_name(sqlite_url: str, arguments: list[str], complaint: str) -> None:
    url = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *url)
    done("accounts", "provision", "--count", "1", *url)

    assert complaint in failed("credits", "grant", *arguments, "--user-id", "user-1", *url)


def test_a_database_without_a_catalogue_is_refused(sqlite_url: str) -> None:
    complaint = failed("accounts", "list", "--database-url", sqlite_url)

    assert complaint == "tollhouse: the database has no catalogue: run `tollhouse catalog apply hub`, or another file\n"
