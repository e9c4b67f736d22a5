"""A key's text tells only its own key, says what is wrong to nobody who does not hold it, and shows no secret."""

import zlib
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import START_US
from tollhoused.domain.keys import (
    SECRET_BYTES,
    TEXT_LENGTH_MAX,
    Environment,
    Key,
    Scope,
    check_key,
    read_key,
    secret_sha256,
    write_key,
)
from tollhoused.errors import KeyExpired, KeyInvalid, KeyOfOtherEnvironment, KeyRevoked, Unauthenticated

SECRET = bytes(range(SECRET_BYTES))
ID = "key_01k9zq3v4w5x6y7z8a9b0c1d2e"
TEXT = write_key(Environment.TEST, ID, SECRET)
KEY = Key(
    id=ID,
    client="talk-backend",
    secret_sha256=secret_sha256(SECRET),
    scopes=frozenset({Scope.USAGE_WRITE}),
    products=frozenset({"talk"}),
    environment=Environment.TEST,
    may_create=False,
    created_us=START_US,
    expires_us=None,
)


def _opened(key: Key | None, text: str = TEXT, now_us: int = START_US) -> Key:
    return check_key(read_key(text), key, Environment.TEST, now_us)


def test_a_text_names_its_environment_and_id_and_can_be_selected_by_a_double_click() -> None:
    assert TEXT.startswith("tollhouse_test_01k9zq3v4w5x6y7z8a9b0c1d2e_")
    assert TEXT.replace("_", "").isalnum()
    assert len(TEXT) < TEXT_LENGTH_MAX


@given(st.sampled_from(Environment), st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_a_text_opens_its_own_key(environment: Environment, secret: bytes) -> None:
    key = replace(KEY, environment=environment, secret_sha256=secret_sha256(secret))
    text = write_key(environment, ID, secret)

    assert check_key(read_key(text), key, environment, START_US) is key


def test_no_other_secret_opens_it() -> None:
    for bit in range(8 * SECRET_BYTES):
        other = (int.from_bytes(SECRET) ^ 1 << bit).to_bytes(SECRET_BYTES)
        with pytest.raises(KeyInvalid):
            _opened(KEY, write_key(Environment.TEST, ID, other))


def test_every_typing_mistake_is_noticed_without_a_look_up() -> None:
    for place, typed in product(range(len(TEXT)), "0az_"):
        damaged = TEXT[:place] + typed + TEXT[place + 1 :]
        if damaged != TEXT:
            with pytest.raises(KeyInvalid):
                read_key(damaged)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "_",
        "____",
        "tollhouse_test",
        TEXT[:-1],
        TEXT + "0",
        TEXT.upper(),
        f" {TEXT}",
        f"{TEXT}\n",
        f"{TEXT}_{TEXT}",
        TEXT.replace("_", "-"),
        TEXT.replace("tollhouse", "stripe"),
        TEXT[:-1] + "\N{FULLWIDTH DIGIT ONE}",
        "\ud800",
        "\0",
        "x" * 1_000_000,
        "_" * 1_000_000,
    ],
)
def test_whatever_is_no_key_gets_the_one_answer(text: str) -> None:
    with pytest.raises(KeyInvalid) as refused:
        read_key(text)

    assert (refused.value.message, refused.value.metadata) == ("the API key is not valid", {})


@given(st.text())
def test_no_text_is_too_odd_to_be_refused(text: str) -> None:
    for odd in (text, TEXT + text + "x", f"tollhouse_test_{text}_x_00000000"):
        with pytest.raises(KeyInvalid):
            read_key(odd)


def test_a_well_formed_text_of_an_unknown_environment_is_no_key() -> None:
    body = TEXT.replace("_test_", "_prod_").rpartition("_")[0]

    with pytest.raises(KeyInvalid):
        read_key(f"{body}_{zlib.crc32(body.encode()):08x}")


def test_an_unknown_key_and_a_wrong_secret_have_the_same_answer() -> None:
    answers = []
    for key in (None, replace(KEY, secret_sha256=secret_sha256(b"another"))):
        with pytest.raises(KeyInvalid) as refused:
            _opened(key)
        answers.append((refused.value.message, refused.value.metadata))

    assert answers[0] == answers[1]


def test_a_key_of_the_other_environment_is_told_by_its_text_whether_or_not_it_exists() -> None:
    text = write_key(Environment.LIVE, ID, SECRET)

    for key in (None, KEY, replace(KEY, environment=Environment.LIVE)):
        with pytest.raises(KeyOfOtherEnvironment, match="serves the environment test"):
            _opened(key, text)


def test_a_text_that_lies_about_the_environment_opens_nothing() -> None:
    with pytest.raises(KeyInvalid):
        _opened(replace(KEY, environment=Environment.LIVE))


ENDED: list[tuple[Key, type[Unauthenticated]]] = [
    (replace(KEY, revoked_us=START_US), KeyRevoked),
    (replace(KEY, expires_us=START_US), KeyExpired),
    (replace(KEY, retires_us=START_US), KeyExpired),
    (replace(KEY, expires_us=START_US, revoked_us=START_US), KeyRevoked),
]


@pytest.mark.parametrize(("key", "refusal"), ENDED)
def test_why_a_key_has_ended_hears_only_who_holds_its_secret(key: Key, refusal: type[Unauthenticated]) -> None:
    with pytest.raises(refusal):
        _opened(key)
    with pytest.raises(KeyInvalid):
        _opened(key, write_key(Environment.TEST, ID, b"another"))


def test_a_key_ends_at_the_earlier_of_its_two_ends_to_the_microsecond() -> None:
    for expires, retires in ((3, 9), (9, 3), (3, None), (None, 3)):
        key = replace(KEY, expires_us=expires, retires_us=retires)
        assert key.ends_us == 3
        assert (key.live(2), key.live(3)) == (True, False)
    assert KEY.ends_us is None


def test_a_scope_allows_itself_and_admin_allows_all() -> None:
    for given_scope, wanted in product(Scope, Scope):
        allowed = replace(KEY, scopes=frozenset({given_scope})).allows(wanted)
        assert allowed == (given_scope is wanted or given_scope is Scope.ADMIN)


def test_neither_secret_nor_hash_is_shown() -> None:
    secret = read_key(TEXT).secret

    for shown in (repr(KEY), str(KEY), repr(read_key(TEXT)), repr([KEY])):
        assert secret not in shown
        assert KEY.secret_sha256 not in shown
