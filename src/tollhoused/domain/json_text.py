"""JSON as it is stored: compact text. Every operation stores two, so the writer is a compiled one."""

from typing import Any

import orjson


def compact_json(value: Any) -> str:
    """A value as compact JSON text; named tuples are written as lists."""
    return orjson.dumps(value, default=list).decode()
