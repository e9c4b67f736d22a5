"""`verify` ends with 0 on right books, with 1 on wrong ones, and names what is wrong."""

import json
import sqlite3

from tests.cli.commands import done, done_json, tollhouse


def test_a_difference_is_named_and_ends_with_1(sqlite_url: str) -> None:
    url = ["--database-url", sqlite_url]
    done("catalog", "apply", "hub", *url)
    done("accounts", "provision", "--count", "2", "--credits", "1.00", *url)
    assert done("verify", *url).rstrip().endswith("The books are right.")
    assert done_json("verify", *url)["findings"] == []
    wrong = done_json("accounts", "list", "--user-id", "user-1", *url)[0]["account_id"]
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE accounts SET balance_nanos = balance_nanos + 1 WHERE id = ?", (wrong,))
        connection.execute("DROP TRIGGER ledger_entries_no_update")
    connection.close()

    told = tollhouse("verify", *url)
    data = tollhouse("verify", "--json", *url)

    assert told.code == data.code == 1
    assert "schema -: the trigger ledger_entries_no_update on ledger_entries is missing" in told.out
    assert f"V5 {wrong}: " in told.out
    assert told.out.rstrip().endswith("The books are wrong.")
    findings = json.loads(data.out)["findings"]
    assert {finding["account_id"] for finding in findings if finding["invariant"] == "V5"} == {wrong}
    assert json.loads(data.out)["verified"] is False
