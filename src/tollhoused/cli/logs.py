"""Logs: plain lines on standard error, times in UTC."""

import logging
import time

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(threadName)s: %(message)s"


def start_logging(level: str) -> None:
    """Everything of ours from this level on; libraries from warnings on."""
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("tollhoused").setLevel(level.upper())
    logging.getLogger("grpc._cython.cygrpc").addFilter(_shows_no_header)


def _shows_no_header(record: logging.LogRecord) -> bool:
    """gRPC logs a header whose value is no text, with a traceback: an API key with a damaged byte would stand there."""
    return not str(record.msg).startswith("Invalid encoding on")
