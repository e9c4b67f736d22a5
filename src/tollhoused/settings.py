"""The settings of a process: one frozen object, made of flags, TOLLHOUSE_* variables and defaults, in this order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from tollhoused.addresses import (
    SQLITE_PREFIX,
    Address,
    SettingsError,
    check_database_url,
    check_origin,
    parse_address,
    shown_url,
)

ENVIRONMENT_PREFIX = "TOLLHOUSE_"
TESTS_PREFIX = "TOLLHOUSE_TEST_"
"""Variables that tell the tests about the machine; a server that the tests start inherits and ignores them."""

SECRETS = ("api_key", "stripe_api_key", "stripe_webhook_secrets")
"""Never shown, and no flags: everybody on a machine sees those."""

ENVIRONMENTS = ("test", "live")
PROVIDERS = ("stripe",)
DOORS = ("http", "grpc")
LOG_FORMATS = ("text", "json")
LOG_LEVELS = ("debug", "info", "warning", "error")

_STRIPE_KEY = re.compile(r"(?:sk|rk)_(?:test|live)_[!-~]{1,500}")
_STRIPE_SECRET = re.compile(r"whsec_[!-~]{1,500}")

_CHOICES = {"environment": ENVIRONMENTS, "log_format": LOG_FORMATS, "log_level": LOG_LEVELS}
_CHOICES |= {"only": ("", *DOORS), "provider": ("", *PROVIDERS)}
_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Every default runs on a laptop. Nothing is pruned from the books, so no horizon for idempotency keys is set."""

    database_url: str = field(
        default="sqlite:///tollhouse.sqlite3",
        metadata={"help": "Where the books are: sqlite:///path/to/file or postgresql://user@host/name."},
    )
    listen: str = field(
        default="127.0.0.1:50051",
        metadata={"help": "The address to serve gRPC on, without TLS of this machine only; port 0 takes a free one."},
    )
    health_listen: str = field(
        default="",
        metadata={"help": "One more address that answers health only, in plain text, for probes; none when empty."},
    )
    tls_cert: str = field(
        default="", metadata={"help": "The server's certificate with its chain, a PEM file: serve with TLS."}
    )
    tls_key: str = field(default="", metadata={"help": "The private key of tls_cert, a PEM file without a password."})
    tls_client_ca: str = field(
        default="",
        metadata={
            "help": "Clients must show a certificate that an authority in this PEM file has signed (mutual TLS)."
        },
    )
    address: str = field(
        default="127.0.0.1:50051", metadata={"help": "The address at which the server is reached, host:port."}
    )
    api_key: str = field(
        default="",
        metadata={"help": "The API key that commands send; a variable only, for everybody on a machine sees flags."},
    )
    tls: bool = field(
        default=False,
        metadata={"help": "Commands reach the server with TLS, and trust the authorities that gRPC does."},
    )
    tls_ca: str = field(
        default="",
        metadata={"help": "Commands reach the server with TLS, and trust the authorities in this PEM file only."},
    )
    tls_client_cert: str = field(
        default="", metadata={"help": "The certificate that commands show to a server that asks for one, a PEM file."}
    )
    tls_client_key: str = field(default="", metadata={"help": "The private key of tls_client_cert, a PEM file."})
    catalogue: str = field(
        default="hub",
        metadata={"help": "What an empty database starts with: a shipped catalogue's name, or a TOML file's path."},
    )
    late_window_days: int = field(
        default=35, metadata={"help": "How old a usage event may be, in days.", "least": 1, "most": 36_500}
    )
    future_tolerance_seconds: int = field(
        default=300,
        metadata={"help": "How far ahead of our clock a usage event may be, in seconds.", "least": 0, "most": 3_600},
    )
    queue_max: int = field(
        default=8_192,
        metadata={"help": "How many commands may wait before callers hear OVERLOADED.", "least": 1, "most": 1_000_000},
    )
    batch_max: int = field(
        default=512, metadata={"help": "How many commands share a transaction.", "least": 1, "most": 10_000}
    )
    linger_seconds: float = field(
        default=0.005,
        metadata={"help": "How long a transaction waits for company, in seconds.", "least": 0, "most": 1},
    )
    calls_max: int = field(
        default=384,
        metadata={
            "help": "How many calls may be under way before callers hear OVERLOADED.",
            "least": 1,
            "most": 10_000,
        },
    )
    items_per_minute: int = field(
        default=60_000,
        metadata={
            "help": "How many items a client may send a minute over all replicas; a call counts as one, a batch as its "
            "items. Without API keys nobody is counted.",
            "least": 1,
            "most": 1_000_000_000,
        },
    )
    replicas: int = field(
        default=1,
        metadata={
            "help": "How many servers share the clients, each with its part of their limits.",
            "least": 1,
            "most": 1_000,
        },
    )
    processes: int = field(
        default=1,
        metadata={
            "help": "How many processes serve on the one port, with PostgreSQL; who ends is started again.",
            "least": 1,
            "most": 64,
        },
    )
    events_allow_private: bool = field(
        default=False,
        metadata={"help": "Let events be sent to addresses that are not public, and without TLS."},
    )
    drain_seconds: float = field(
        default=20.0,
        metadata={"help": "How long calls may take to finish when the server stops.", "least": 0, "most": 600},
    )
    environment: str = field(
        default="test",
        metadata={"help": "Whose money it is, test or live; a database keeps the one that it was first served with."},
    )
    insecure_no_auth: bool = field(
        default=False, metadata={"help": "Serve without API keys, on this machine's loopback only."}
    )
    reflection: bool = field(default=False, metadata={"help": "Let clients ask for the contract (gRPC reflection)."})
    http_listen: str = field(
        default="",
        metadata={
            "help": "The address to serve /livez, /readyz and /metrics on, in plain HTTP; none of them is secret."
        },
    )
    only: str = field(
        default="",
        metadata={
            "help": "Open one door: http, a sidecar that takes webhooks, or grpc, which takes none; both if empty."
        },
    )
    provider: str = field(
        default="", metadata={"help": f"Who takes customers' money: {', '.join(PROVIDERS)}; nobody when empty."}
    )
    stripe_api_key: str = field(
        default="", metadata={"help": "The secret or restricted key of the Stripe account; a variable only."}
    )
    stripe_webhook_secrets: str = field(
        default="", metadata={"help": "Secrets of the webhook endpoint, whsec_..., with commas; a variable only."}
    )
    stripe_api_base: str = field(
        default="", metadata={"help": "Where Stripe's API is, for tests: https, or this machine. Stripe when empty."}
    )
    return_origins: str = field(
        default="", metadata={"help": "Origins that customers may be sent back to, https://host, with commas."}
    )
    past_due_grace_days: int = field(
        default=7,
        metadata={"help": "How long a plan counts after a payment for it has failed.", "least": 0, "most": 365},
    )
    traces: bool = field(
        default=False,
        metadata={"help": "Send OpenTelemetry traces to where OTEL_EXPORTER_OTLP_ENDPOINT says (the extra `otel`)."},
    )
    log_calls: bool = field(default=False, metadata={"help": "Log every call, not only what failed or took long."})
    log_format: str = field(default="text", metadata={"help": f"How logs are written: {', '.join(LOG_FORMATS)}."})
    log_level: str = field(default="info", metadata={"help": f"What is logged: {', '.join(LOG_LEVELS)}."})

    def __post_init__(self) -> None:
        check_database_url(self.database_url)
        parse_address("listen", self.listen)
        if self.health_listen:
            parse_address("health_listen", self.health_listen)
        if parse_address("address", self.address).port == 0:
            raise SettingsError("address: the port must be from 1 to 65535")
        self._check_tls()
        if not re.fullmatch(r"[!-~]*", self.api_key):
            raise SettingsError("api_key: must be the text of an API key, without spaces")
        for name, metadata in _METADATA.items():
            if "least" in metadata and not metadata["least"] <= getattr(self, name) <= metadata["most"]:
                raise SettingsError(f"{name}: must be from {metadata['least']:,} to {metadata['most']:,}")
        if self.batch_max > self.queue_max:
            raise SettingsError("batch_max: must not be more than queue_max")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                empty = ", or empty" if "" in known else ""
                raise SettingsError(f"{name}: must be one of {', '.join(filter(None, known))}{empty}")
        if self.http_listen:
            parse_address("http_listen", self.http_listen)
        if self.processes > 1 and self.on_sqlite:
            raise SettingsError("processes: must be 1 on SQLite, where one writes at a time; PostgreSQL takes more")
        if self.processes > 1 and self.only == "http":
            raise SettingsError("processes: must be 1 where only http is served")
        self._check_provider()

    def _check_tls(self) -> None:
        for cert, key in (("tls_cert", "tls_key"), ("tls_client_cert", "tls_client_key")):
            for name, other in ((cert, key), (key, cert)):
                if getattr(self, name) and not getattr(self, other):
                    raise SettingsError(f"{other}: must be set where {name} is")
        if self.tls_client_ca and not self.tls_cert:
            raise SettingsError("tls_cert: must be set where tls_client_ca is")
        if self.tls_client_cert and not self.uses_tls:
            raise SettingsError("tls_client_cert: is shown with TLS only, so tls_ca or tls must be set")

    def _check_provider(self) -> None:
        if self.only == "http" and not self.http_listen:
            raise SettingsError("http_listen: must be set where only http is served")
        if self.provider == "stripe" and not self.stripe_api_key:
            raise SettingsError("stripe_api_key: must be set where provider is stripe")
        if self.stripe_api_key and not _STRIPE_KEY.fullmatch(self.stripe_api_key):
            raise SettingsError("stripe_api_key: must be a secret or a restricted key, sk_test_... or rk_live_...")
        if not all(_STRIPE_SECRET.fullmatch(secret) for secret in self.webhook_secrets):
            raise SettingsError("stripe_webhook_secrets: each must be the signing secret of an endpoint, whsec_...")
        for name in ("stripe_api_base", "return_origins"):
            for origin in listed(getattr(self, name)):
                check_origin(name, origin)

    def check_key_environment(self) -> None:
        """Refuses real money for tests, and the other way round; not before a command has read its database's."""
        if self.stripe_api_key and f"_{self.environment}_" not in self.stripe_api_key[:8]:
            other = "live" if self.environment == "test" else "test"
            raise SettingsError(
                f"stripe_api_key: is a key of Stripe's {other} mode, but environment is {self.environment}"
            )

    def __repr__(self) -> str:
        secret = {name: "***" if getattr(self, name) else "" for name in SECRETS}
        hidden = {"database_url": shown_url(self.database_url)} | secret
        values = {name: getattr(self, name) for name in _METADATA} | hidden
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in values.items())})"

    @property
    def listen_address(self) -> Address:
        """Where to serve."""
        return parse_address("listen", self.listen)

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The signing secrets of the webhook endpoint, any of which is good."""
        return listed(self.stripe_webhook_secrets)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where customers may be sent back to."""
        return listed(self.return_origins)

    @property
    def uses_tls(self) -> bool:
        """Whether commands reach the server with TLS."""
        return self.tls or bool(self.tls_ca)

    @property
    def on_sqlite(self) -> bool:
        """Whether the books are an SQLite file."""
        return self.database_url.startswith(SQLITE_PREFIX)


_METADATA = {item.name: item.metadata for item in fields(Settings)}
_DEFAULTS = {item.name: item.default for item in fields(Settings)}


def describe(name: str) -> str:
    """One setting for people: what it means, its default, its variable."""
    default = _DEFAULTS[name]
    shown = "off" if default is False or default == "" else default
    return f"{_METADATA[name]['help']} [default: {shown}; variable: {variable(name)}]"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + name.upper()


def variables(settings: Settings) -> dict[str, str]:
    """The variables that make the same settings in another process: secrets, too."""
    values = {name: getattr(settings, name) for name in _DEFAULTS}
    return {
        variable(name): ("on" if value else "off") if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value != _DEFAULTS[name]
    }


def read_settings(flags: Mapping[str, object], environment: Mapping[str, str]) -> Settings:
    """The settings: flags that are not None, then variables, then defaults.

    Raises SettingsError for a value that cannot be, and for a TOLLHOUSE_* variable that is no setting: a misspelt name
    must not leave a default in force that nobody meant.
    """
    values: dict[str, object] = {}
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT_PREFIX) or name.startswith(TESTS_PREFIX):
            continue
        setting = name.removeprefix(ENVIRONMENT_PREFIX).lower()
        if setting not in _DEFAULTS or name != variable(setting):
            raise SettingsError(_unknown(name))
        values[setting] = _converted(setting, text)
    values |= {name: value for name, value in flags.items() if value is not None}
    return Settings(**values)  # type: ignore[arg-type]


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas between them, without those that are empty."""
    return tuple(part for part in (part.strip() for part in text.split(",")) if part)


def _unknown(name: str) -> str:
    close = get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX).lower(), _DEFAULTS, n=1)
    hint = f"did you mean {variable(close[0])}?" if close else f"known are {', '.join(map(variable, _DEFAULTS))}"
    return f"{name}: there is no such setting; {hint}"


def _converted(setting: str, text: str) -> object:
    """A variable's text as the type of the setting's default."""
    default = _DEFAULTS[setting]
    try:
        match default:
            case bool():
                return _BOOLEANS[text.strip().lower()]
            case int():
                return int(text)
            case float():
                return float(text)
    except (KeyError, ValueError):
        kind = {bool: "on or off", int: "a whole number", float: "a number"}[type(default)]
        raise SettingsError(f"{variable(setting)}: must be {kind}, not {shown_url(text)!r}") from None
    return text
