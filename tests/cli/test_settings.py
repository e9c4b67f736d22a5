"""Settings come from flags, then variables, then defaults; what cannot be is refused by name, and nothing leaks."""

import pytest

from tests.cli.commands import failed
from tollhoused.addresses import Address, SettingsError, parse_address, shown_url
from tollhoused.settings import Settings, describe, read_settings, variables


def test_every_default_runs_on_a_laptop() -> None:
    settings = read_settings({}, {})

    assert settings == Settings()
    assert settings.database_url == "sqlite:///tollhouse.sqlite3"
    assert settings.listen_address == Address("127.0.0.1", 50051)
    assert settings.catalogue == "hub"
    assert settings.late_window_days == 35


def test_a_flag_goes_before_its_variable_and_a_variable_before_the_default() -> None:
    environment = {"TOLLHOUSE_LATE_WINDOW_DAYS": "40", "TOLLHOUSE_QUEUE_MAX": "1000", "PATH": "/bin"}

    settings = read_settings({"late_window_days": 50, "queue_max": None}, environment)

    assert (settings.late_window_days, settings.queue_max, settings.batch_max) == (50, 1000, 512)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("reflection", "on", True),
        ("reflection", "FALSE", False),
        ("linger_seconds", "0.01", 0.01),
        ("drain_seconds", "5", 5.0),
        ("queue_max", "600", 600),
        ("catalogue", "memory_store", "memory_store"),
    ],
)
def test_a_variable_is_read_as_its_setting_is_meant(name: str, text: str, expected: object) -> None:
    assert getattr(read_settings({}, {f"TOLLHOUSE_{name.upper()}": text}), name) == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("TOLLHOUSE_DATABASE_URI", "did you mean TOLLHOUSE_DATABASE_URL?"),
        ("TOLLHOUSE_Listen", "did you mean TOLLHOUSE_LISTEN?"),
        ("TOLLHOUSE_WORKERS_PER_CORE", "known are TOLLHOUSE_DATABASE_URL, "),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_by_name(name: str, hint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({}, {name: "x"})

    assert str(refused.value).startswith(f"{name}: there is no such setting; ")
    assert hint in str(refused.value)


def test_variables_of_the_tests_are_not_ours() -> None:
    assert read_settings({}, {"TOLLHOUSE_TEST_PG_BIN": "/somewhere"}) == Settings()


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"late_window_days": 0}, "late_window_days: must be from 1 to 36,500"),
        ({"future_tolerance_seconds": -1}, "future_tolerance_seconds: must be from 0 to 3,600"),
        ({"linger_seconds": float("nan")}, "linger_seconds: must be from 0 to 1"),
        ({"batch_max": 600, "queue_max": 500}, "batch_max: must not be more than queue_max"),
        ({"log_level": "loud"}, "log_level: must be one of debug, info, warning, error"),
        ({"listen": "127.0.0.1"}, "listen: '127.0.0.1' is no address"),
        ({"listen": "127.0.0.1:70000"}, "listen: the port must be from 0 to 65535"),
        ({"address": "127.0.0.1:0"}, "address: the port must be from 1 to 65535"),
        ({"database_url": "books.sqlite3"}, "database_url: must begin with sqlite:/// or postgresql://"),
        ({"database_url": "postgres://a@b/c"}, "database_url: must begin with sqlite:/// or postgresql://"),
        ({"database_url": "sqlite:///"}, "database_url: must name a file"),
        ({"database_url": "sqlite:///:memory:"}, "database_url: must name a file"),
        ({"processes": 2}, "processes: must be 1 on SQLite"),
        ({"processes": 65, "database_url": "postgresql://a@b/c"}, "processes: must be from 1 to 64"),
        ({"database_url": "sqlite:///books?mode=ro"}, "database_url: the path of an SQLite file is taken as it is"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(values: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(values, {})

    assert str(refused.value).startswith(complaint)


@pytest.mark.parametrize(
    ("variable", "kind"),
    [("QUEUE_MAX", "a whole number"), ("LINGER_SECONDS", "a number"), ("REFLECTION", "on or off")],
)
def test_a_variable_of_another_type_is_refused_by_name(variable: str, kind: str) -> None:
    with pytest.raises(SettingsError, match=rf"^TOLLHOUSE_{variable}: must be {kind}, not 'many'$"):
        read_settings({}, {f"TOLLHOUSE_{variable}": "many"})


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"database_url": "postgresql://a:s3cret@b/c", "reflection": True, "linger_seconds": 0.25, "processes": 3},
        {"only": "grpc", "return_origins": "https://a.example", "drain_seconds": 0.0},
    ],
)
def test_variables_make_the_same_settings_in_another_process(values: dict[str, object]) -> None:
    settings = read_settings(values, {})

    assert read_settings({}, variables(settings)) == settings


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:s3cret@db:5432/books", "postgresql://ada:***@db:5432/books"),
        ("postgresql://ada@db/books?password=s3cret&a=b", "postgresql://ada@db/books?password=***&a=b"),
        ("postgresql://ada:s3cret@one:1,two:2/books", "postgresql://ada:***@one:1,two:2/books"),
        ("postgresql://ada:s3@cret@db/books", "postgresql://ada:***@db/books"),
        ("sqlite:///books.sqlite3", "sqlite:///books.sqlite3"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert repr(Settings(database_url=url)).startswith(f"Settings(database_url={shown!r}, ")


@pytest.mark.parametrize(
    "url", ["postgresql://a:s3cret%@b/c", "postgresql://a:s3cret@[b/c", "postgresql://a:s3cret@b:x/c"]
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^database_url: ") as refused:
        Settings(database_url=url)

    assert "s3cret" not in str(refused.value)


def test_an_api_key_is_taken_from_its_variable_and_never_shown() -> None:
    settings = read_settings({}, {"TOLLHOUSE_API_KEY": "tollhouse_test_s3cret"})

    assert settings.api_key == "tollhouse_test_s3cret"
    assert "s3cret" not in repr(settings)
    assert "api_key='***'" in repr(settings)
    assert "api_key=''" in repr(Settings())


@pytest.mark.parametrize("text", ["s3cret with spaces", "s3cret\n", "s3cr\N{LATIN SMALL LETTER E WITH ACUTE}t"])
def test_an_api_key_that_cannot_be_sent_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(SettingsError, match=r"^api_key: must be the text of an API key") as refused:
        read_settings({}, {"TOLLHOUSE_API_KEY": text})

    assert "s3cr" not in str(refused.value)


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert parse_address("listen", "[::1]:50051") == Address("::1", 50051)
    assert str(Address("::1", 50051)) == "[::1]:50051"
    with pytest.raises(SettingsError):
        parse_address("listen", "::1:50051")


def test_help_says_what_a_setting_means_its_default_and_its_variable() -> None:
    assert describe("queue_max") == (
        "How many commands may wait before callers hear OVERLOADED. [default: 8192; variable: TOLLHOUSE_QUEUE_MAX]"
    )


def test_a_command_refuses_a_misspelt_variable_before_it_does_anything() -> None:
    complaint = failed("migrate", code=2, TOLLHOUSE_DATABSE_URL="sqlite:///other")

    assert complaint == (
        "tollhouse: TOLLHOUSE_DATABSE_URL: there is no such setting; did you mean TOLLHOUSE_DATABASE_URL?\n"
    )
