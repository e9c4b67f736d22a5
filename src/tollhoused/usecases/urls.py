"""Where customers may be sent back to: only to origins that the deployment lists, compared exactly (requirement C5)."""

import re
from urllib.parse import urlsplit

from tollhoused.errors import InvalidField

URL_LENGTH_MAX = 2_000
ALLOWED = re.compile(r"[!-~]+")
FORBIDDEN = set('\\"<>^`{|}')
PORTS = {"http": 80, "https": 443}


def return_url(field: str, value: str, origins: frozenset[str]) -> str:
    """A URL of one of the origins. Raises InvalidField for anything that a browser might read as another one."""
    if not value:
        raise InvalidField(field, "is required")
    if len(value) > URL_LENGTH_MAX:
        raise InvalidField(field, f"is longer than {URL_LENGTH_MAX} characters")
    if not ALLOWED.fullmatch(value) or FORBIDDEN & set(value):
        raise InvalidField(field, "has characters that do not belong in a URL")
    origin = origin_of(value)
    if origin is None or origin not in origins:
        raise InvalidField(field, "does not lead to an origin that this server sends customers back to")
    return value


def origin_of(url: str) -> str | None:
    """Scheme, host and port as they are compared, such as "https://shop.example.com"; None for what has none.

    A name with a password or user before it, and one that ends in a dot, is no origin of ours.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    scheme, host = parts.scheme.lower(), (parts.hostname or "").lower()
    if scheme not in PORTS or not host or host.endswith(".") or "@" in parts.netloc or "%" in parts.netloc:
        return None
    if not url.lower().startswith(f"{scheme}://"):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, PORTS[scheme]) else f"{scheme}://{shown}:{port}"
