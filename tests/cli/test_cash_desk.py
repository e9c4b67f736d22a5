"""The provider's settings: what cannot be is refused, no secret is shown, and the library is wanted only then."""

import subprocess
import sys

import pytest

from tollhoused.addresses import SettingsError
from tollhoused.cli.cash_desk import desk_of
from tollhoused.cli.program import CommandFailed
from tollhoused.domain.instants import DAY_US
from tollhoused.settings import Settings, read_settings

TEST_KEY, LIVE_KEY = ("_".join(["sk", mode, "0" * 24]) for mode in ("test", "live"))
SECRETS = "whsec_one, whsec_two"


def settings(**changes: object) -> Settings:
    """Those of a till, with changes."""
    return Settings(**{"provider": "stripe", "stripe_api_key": TEST_KEY, **changes})  # type: ignore[arg-type]


def test_a_desk_knows_what_holds_for_its_deployment() -> None:
    desk = desk_of(settings(return_origins="https://a.example.org,http://localhost:3000", past_due_grace_days=2))

    assert desk
    assert (desk.name, desk.grace_us) == ("stripe", 2 * DAY_US)
    assert desk.return_origins == {"https://a.example.org", "http://localhost:3000"}
    assert desk_of(Settings()) is None


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"provider": "dodo"}, "provider: must be one of stripe, or empty"),
        ({"stripe_api_key": ""}, "stripe_api_key: must be set where provider is stripe"),
        ({"stripe_api_key": "pk_" + "test_1"}, "stripe_api_key: must be a secret or a restricted key"),
        ({"stripe_api_key": TEST_KEY + " "}, "stripe_api_key: must be a secret or a restricted key"),
        ({"stripe_webhook_secrets": "whsec_one;whsec_two x"}, "stripe_webhook_secrets: each must be"),
        ({"stripe_webhook_secrets": TEST_KEY}, "stripe_webhook_secrets: each must be"),
        ({"stripe_api_base": "http://stripe.example.org"}, "stripe_api_base: 'http://stripe.example.org' must begin"),
        ({"stripe_api_base": "https://stripe.example.org/"}, "stripe_api_base: "),
        ({"return_origins": "https://a.example.org/"}, "return_origins: "),
        ({"return_origins": "https://A.example.org"}, "return_origins: "),
        ({"return_origins": "https://u@a.example.org"}, "return_origins: "),
        ({"return_origins": "https://a.example.org:0"}, "return_origins: "),
        ({"return_origins": "https://a.example.org, *"}, "return_origins: '*' is no origin"),
        ({"return_origins": "http://a.example.org"}, "return_origins: 'http://a.example.org' must begin"),
        ({"past_due_grace_days": 366}, "past_due_grace_days: must be from 0 to 365"),
        ({"only": "https"}, "only: must be one of http, grpc"),
        ({"only": "http"}, "http_listen: must be set where only http is served"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**changes)

    assert str(refused.value).startswith(complaint)
    assert TEST_KEY not in str(refused.value)


@pytest.mark.parametrize(("environment", "key"), [("test", LIVE_KEY), ("live", TEST_KEY)])
def test_a_key_of_the_other_environment_is_refused(environment: str, key: str) -> None:
    with pytest.raises(SettingsError, match=rf"^stripe_api_key: is a key .*, but environment is {environment}$"):
        desk_of(settings(environment=environment, stripe_api_key=key))

    restricted = "rk" + {"test": TEST_KEY, "live": LIVE_KEY}[environment][2:]
    assert desk_of(settings(environment=environment, stripe_api_key=restricted))


def test_no_secret_is_shown() -> None:
    variables = {"TOLLHOUSE_STRIPE_API_KEY": TEST_KEY, "TOLLHOUSE_STRIPE_WEBHOOK_SECRETS": SECRETS}
    read = read_settings({"provider": "stripe"}, variables)

    assert read.webhook_secrets == ("whsec_one", "whsec_two")
    assert "stripe_api_key='***'" in repr(read)
    assert TEST_KEY not in repr(read)
    assert "whsec" not in repr(read)


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "stripe", None)

    with pytest.raises(CommandFailed, match=r"^provider: stripe is missing: install tollhouse\[stripe\]$"):
        desk_of(settings())


def test_without_a_provider_its_library_is_not_loaded() -> None:
    program = "import sys, tollhoused.cli.serve as s; s.desk_of(s.Settings()); print('stripe' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "False\n"
