"""Logs on standard error, times in UTC: plain lines for people, or one JSON object a line for programs.

A record may carry `fields`, a mapping of names to values, as `log.info("...", extra={"fields": {...}})`. What looks
like a secret is blotted out of every line, wherever it came from: nobody means to log one, and once suffices.
"""

import json
import logging
import re
import time
from collections.abc import Mapping

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(threadName)s: %(message)s"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"
BLOT = "***"

_KEY_TEXT = re.compile(r"\btollhouse_(test|live)_(?!\*)[0-9A-Za-z]+_[0-9A-Za-z_]{16,}")
_URL_PASSWORD = re.compile(r"(\w+://[^:/?#\s@]*):[^/?#\s]*@")
_NAMED_PASSWORD = re.compile(r"(?i)\b((?:ssl)?password=)[^&\s'\"]+")


def start_logging(level: str, form: str = "text") -> None:
    """Everything of ours from this level on; libraries from warnings on. `form` is "text" or "json"."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tollhoused").setLevel(level.upper())
    logging.getLogger("grpc._cython.cygrpc").addFilter(_shows_no_header)


def _shows_no_header(record: logging.LogRecord) -> bool:
    """gRPC logs a header whose value is no text, with a traceback: an API key with a damaged byte would stand there."""
    return not str(record.msg).startswith("Invalid encoding on")


def without_secrets(text: str) -> str:
    """The text with the secrets of API keys and the passwords of URLs blotted out."""
    text = _KEY_TEXT.sub(rf"tollhouse_\1_{BLOT}", text)
    return _NAMED_PASSWORD.sub(rf"\1{BLOT}", _URL_PASSWORD.sub(rf"\1:{BLOT}@", text))


class TextFormatter(logging.Formatter):
    """A line for people; fields follow the message as name=value."""

    def __init__(self) -> None:
        super().__init__(FORMAT, TIME_FORMAT)
        self.converter = time.gmtime

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = "".join(f" {name}={value}" for name, value in _fields(record).items())
        return super().formatMessage(record) + fields

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, thread, message, the record's fields, and a traceback as `exception`."""

    def __init__(self) -> None:
        super().__init__()
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, object] = {
            "time": f"{self.formatTime(record, TIME_FORMAT)}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": without_secrets(record.getMessage()),
            **{
                name: without_secrets(value) if isinstance(value, str) else value
                for name, value in _fields(record).items()
            },
        }
        if record.exc_info:
            values["exception"] = without_secrets(self.formatException(record.exc_info))
        return json.dumps(values, ensure_ascii=False, default=str)


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields: Mapping[str, object] = getattr(record, "fields", {})
    return fields
