"""JSON as it is stored: compact text, with one encoder for all, since making one costs as much as a small text."""

import json

# No value of ours contains itself, so the check for that is left out.
compact_json = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
"""Writes a value as compact JSON text."""
