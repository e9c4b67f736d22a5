"""Where things are: addresses to listen on, databases, origins; read strictly, shown without passwords."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_PREFIX = "postgresql://"

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?")


class SettingsError(Exception):
    """A setting that cannot be; the message names it and says what it must be."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port, written `host:port` or `[ipv6]:port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def shown_url(url: str) -> str:
    """The database's URL for people and logs: without a password, wherever it stands."""
    hidden = re.sub(r"^([^:/]+://[^:/?#]*):[^/?#]*@", r"\1:***@", url)
    return re.sub(r"(?i)([?&](?:ssl)?password=)[^&]*", r"\1***", hidden)


def parse_address(setting: str, text: str) -> Address:
    """Reads `host:port` or `[ipv6]:port`. Raises SettingsError."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\]@]+)):([0-9]{1,5})", text)
    if match is None:
        raise SettingsError(f"{setting}: {shown_url(text)!r} is no address: write host:port, such as 127.0.0.1:50051")
    if int(match[3]) > 65_535:
        raise SettingsError(f"{setting}: the port must be from 0 to 65535")
    return Address(match[1] or match[2], int(match[3]))


def check_origin(setting: str, text: str) -> None:
    """Refuses what is no `https://host[:port]` as browsers write an origin; http is for this machine."""
    match = _ORIGIN.fullmatch(text)
    if match is None or (match[3] and not 0 < int(match[3]) <= 65_535):
        raise SettingsError(
            f"{setting}: {shown_url(text)!r} is no origin: write https://host:port in lower case, without a path"
        )
    if match[1] == "http" and not Address(match[2].strip("[]"), 0).is_loopback:
        raise SettingsError(f"{setting}: {text!r} must begin with https://, for it is not on this machine")


def check_database_url(url: str) -> None:
    """Refuses what a driver would refuse by repeating the URL, password included."""
    if url.startswith(SQLITE_PREFIX):
        path = url.removeprefix(SQLITE_PREFIX)
        if path in ("", ":memory:") or path.endswith("/"):
            raise SettingsError("database_url: must name a file: sqlite:///path/to/file")
        if re.search(r"[?#%]", path):
            raise SettingsError("database_url: the path of an SQLite file is taken as it is, without ? # or %")
        return
    if not url.startswith(POSTGRESQL_PREFIX):
        raise SettingsError("database_url: must begin with sqlite:/// or postgresql://")
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        raise SettingsError("database_url: a % must be followed by two hexadecimal digits; % itself is written %25")
    try:
        _port(urlsplit(url))
    except ValueError:
        raise SettingsError("database_url: its host and port cannot be read") from None


def _port(parts: SplitResult) -> int | None:
    """The port, where there is just one host: libpq also takes several, each with its own."""
    return None if "," in parts.netloc else parts.port
