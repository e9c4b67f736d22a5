"""What a command imports before it does anything: probes are started every few seconds."""

import subprocess
import sys

HEAVY = {"alembic", "psycopg", "rich", "sqlalchemy", "tollhouse", "tollhoused.store", "tollhoused.usecases"}

PROGRAM = """
import sys
from tollhoused.__main__ import main
sys.argv = ["tollhouse", "healthcheck", "--address", "127.0.0.1:1"]
try:
    main()
except SystemExit as ended:
    assert ended.code == 1
print(*sorted(sys.modules))
"""


def test_a_healthcheck_loads_no_database_and_no_service() -> None:
    finished = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)

    assert "127.0.0.1:1 does not answer" in finished.stderr
    loaded = set(finished.stdout.split())
    assert "grpc" in loaded
    assert loaded & HEAVY == set()
