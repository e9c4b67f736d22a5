"""A disk that is full or cannot be written to: callers hear of it, nothing is half stored, and it passes by itself."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.books import broken_rules, keys

ROOT = Path(__file__).parents[2]

FULL_DISK = """
import json, resource, sys
from pathlib import Path
from tests.support.house import Clock, Ids, build_core, close_core, give_credits, make_user, record, usage_report
from tollhoused.errors import StoreUnavailable
from tollhoused.journal.journal import Limits
from tollhoused.store.store import open_store

url = sys.argv[1]
core = build_core(open_store(url), clock=Clock(), new_id=Ids(), limits=Limits(away_pause_seconds=0.0))
make_user(core, "ann")
give_credits(core, "ann", 100)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
log = Path(url.removeprefix("sqlite:///") + "-wal")
acknowledged, failed = [], 0
for number in range(60):
    if number == 20:
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 50_000, hard))
    if number == 40:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    try:
        record(core, usage_report("ann", f"key-{number:02}", 11, metadata={"note": "x" * 200}))
        acknowledged.append(f"key-{number:02}")
    except StoreUnavailable:
        failed += 1
        core.store.ping()
close_core(core)
print(json.dumps([acknowledged, failed]))
"""

READ_ONLY = """
import os, shutil, sys, tempfile
from pathlib import Path
from tests.support.house import Clock, Ids, build_core, close_core, make_user, record, usage_report
from tollhoused.errors import StoreUnavailable
from tollhoused.journal.journal import Limits
from tollhoused.store.store import open_store

folder = Path(tempfile.mkdtemp(prefix="tollhouse-read-only-", dir="/tmp"))
path = folder / "books"
shutil.copyfile(sys.argv[1].removeprefix("sqlite:///"), path)
core = build_core(open_store(f"sqlite:///{path}"), clock=Clock(), new_id=Ids())
make_user(core, "ann")
report = usage_report("ann", "key", metadata={"note": "x" * 200})
close_core(core)
core = build_core(open_store(f"sqlite:///{path}"), clock=Clock(), new_id=Ids(), limits=Limits(away_pause_seconds=0.0))
folder.chmod(0o755)
path.chmod(0o444)
folder.chmod(0o555)
if os.geteuid() == 0:
    os.seteuid(65534)
for attempt in range(2):
    try:
        print(record(core, report).replayed)
    except StoreUnavailable:
        print("unavailable")
    os.seteuid(os.getuid())
    folder.chmod(0o755)
    path.chmod(0o644)
close_core(core)
shutil.rmtree(folder)
"""


def _run(program: str, url: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-c", program, url], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert finished.returncode == 0, finished.stderr[-4000:]
    return finished.stdout


def test_a_full_disk_refuses_and_loses_nothing_that_was_acknowledged(sqlite_url: str) -> None:
    acknowledged, failed = json.loads(_run(FULL_DISK, sqlite_url))

    assert failed > 0, "the disk was never full"
    assert acknowledged[-20:] == [f"key-{number}" for number in range(40, 60)]
    assert keys(sqlite_url) == acknowledged
    assert broken_rules(sqlite_url) == {}


def test_a_file_that_cannot_be_written_to_is_unavailable_until_it_can(sqlite_url: str) -> None:
    assert _run(READ_ONLY, sqlite_url).split() == ["unavailable", "False"]
