"""What callers sent, as it is stored beside operations and compared with what comes under the same key again."""

import json

from tollhoused.domain.commands import Command
from tollhoused.domain.json_text import compact_json

SENT_VERSION = 1


def sent_json(command: Command) -> str:
    """What the caller sent, and nothing else, as stored beside the operation (design: idempotency)."""
    return compact_json({"v": SENT_VERSION, "kind": command.kind, **command.named(), **command.content()})


def audit_detail(command: Command) -> str:
    """What the audit log says about a command: what was sent, with fingerprints for names."""
    return compact_json({"v": SENT_VERSION, "kind": command.kind}) if command.discreet else sent_json(command)


def first_difference(stored: str, sent: str) -> str | None:
    """The first field in which two contents differ, None when they are the same."""
    if stored == sent:
        return None
    before, after = json.loads(stored), json.loads(sent)
    for name in after:
        if name != "v" and before.get(name) != after[name]:
            return str(name)
    return None
