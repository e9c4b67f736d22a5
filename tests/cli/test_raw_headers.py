"""Headers that are no text come from clients that are not gRPC's own: they open nothing and are not logged."""

import pytest

from tests.cli.commands import done, done_json, serving
from tests.support.wire import call_with_headers
from tollhoused.domain.keys import read_key

METHOD = "/tollhouse.v1.UsageService/GetOperation"


@pytest.mark.parametrize("name", ["authorization", "x-api-key"])
def test_a_key_with_a_byte_that_is_no_text_is_refused_and_not_logged(sqlite_url: str, name: str) -> None:
    done("catalog", "apply", "hub", "--database-url", sqlite_url)
    done("clients", "create", "talk-backend", "--database-url", sqlite_url)
    made = done_json("keys", "create", "talk-backend", "--scope", "admin", "--database-url", sqlite_url)
    text = made["text"]
    prefix = b"Bearer " if name == "authorization" else b""

    with serving(sqlite_url, "--log-level", "debug", asks_for_keys=True) as server:
        good = call_with_headers(server.address, METHOD, [(name.encode(), prefix + text.encode())])
        bad = call_with_headers(server.address, METHOD, [(name.encode(), prefix + text.encode() + b"\xff")])

    assert b"idempotency_key: is required" in good
    assert b"the API key is not valid" in bad
    assert read_key(text).secret not in server.log
    assert "Traceback" not in server.log


def test_no_header_ends_the_server_or_fills_its_log(sqlite_url: str) -> None:
    done("catalog", "apply", "hub", "--database-url", sqlite_url)
    odd = [b"\xff\xfe", b"\xc3\xa9", b"a\nb", b"\0", b"\x7f", b"", b"!" * 126]

    with serving(sqlite_url, "--log-level", "error", asks_for_keys=True) as server:
        for value in odd:
            for name in (b"authorization", b"x-api-key", b"x-api-key-bin", b"anything", b"a\xffb", b"Upper", b""):
                assert call_with_headers(server.address, METHOD, [(name, value)]), (name, value)
        assert server.running

    assert "Traceback" not in server.log
