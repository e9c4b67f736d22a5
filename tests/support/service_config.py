"""The service config that the README tells every client to use."""

import json
import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def service_config() -> str:
    """Its text, for the channel's option `grpc.service_config`."""
    found = re.search(r"```json\n(.*?loadBalancingConfig.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.dumps(json.loads(found[1]))
