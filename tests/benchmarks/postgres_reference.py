"""What PostgreSQL does with the same rows by hand: COPY, one transaction per request, and one stored function."""

import math
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.benchmarks.sqlite_reference import BATCH, SAMPLES, Rows, Sample

# pgbench's variables are numbers, so the copy's accounts get numbers for names; what belongs to one account is found
# the same way.
NUMBERED = """
SET session_replication_role = replica;
CREATE TEMPORARY TABLE numbered AS SELECT id, 'acct_' || row_number() OVER (ORDER BY id) AS name FROM accounts;
UPDATE accounts SET id = name FROM numbered WHERE numbered.id = accounts.id;
UPDATE counters SET account = name, segment_start_us = 0 FROM numbered WHERE numbered.id = account;
UPDATE grants SET account = name, id = 'grant' FROM numbered WHERE numbered.id = account;
VACUUM ANALYZE;
"""

KEY = """lpad(to_hex(cast(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)), 16, '0')
    || lpad(to_hex(cast(:client_id AS integer)), 8, '0') || lpad(to_hex(cast(:chance AS bigint)), 8, '0')"""

# What a careful author writes for one usage event beyond the allowance: lock, look, and write the five rows.
TRANSACTION = """
\\set n {account}
\\set chance random(0, 2147483647)
BEGIN;
SELECT version, balance_nanos - {charge} AS balance, ledger_seq + 1 AS seq FROM accounts
    WHERE id = 'acct_' || cast(:n AS text) FOR UPDATE \\gset
SELECT c.used + 1 AS used, c.charged_nanos + {charge} AS charged, g.remaining_nanos - {charge} AS remaining
    FROM counters c JOIN grants g ON g.account = c.account
    WHERE c.account = 'acct_' || cast(:n AS text) AND c.segment_start_us = 0 AND c.meter = '{meter}'
    AND g.remaining_nanos > 0 \\gset
INSERT INTO operations SELECT {key}, client, 'acct_' || cast(:n AS text), kind, slice, stored_at_us, event_at_us,
    product, meter, segment_start_us, quantity, overage, charged_nanos, metadata, sent, answer, voided_by
    FROM sample_operation;
INSERT INTO ledger_entries SELECT slice, 'acct_' || cast(:n AS text), cast(:seq AS bigint), booked_us, effective_us,
    'grant', -{charge}, cast(:balance AS bigint), cause_kind, {key}, cause_client FROM sample_entry;
UPDATE counters SET used = :used, overage = overage + 1, charged_nanos = :charged
    WHERE account = 'acct_' || cast(:n AS text) AND segment_start_us = 0 AND meter = '{meter}';
UPDATE grants SET remaining_nanos = :remaining WHERE account = 'acct_' || cast(:n AS text) AND id = 'grant';
UPDATE accounts SET version = cast(:version AS bigint) + 1, balance_nanos = :balance, ledger_seq = :seq
    WHERE id = 'acct_' || cast(:n AS text) AND version = :version;
COMMIT;
"""

FUNCTION = """
CREATE FUNCTION record_usage(account_id text, key text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    held accounts;
    balance bigint;
BEGIN
    SELECT * INTO held FROM accounts WHERE id = account_id FOR UPDATE;
    balance := held.balance_nanos - {charge};
    PERFORM 1 FROM operations WHERE idempotency_key = key AND client = 'bench';
    UPDATE counters SET used = used + 1, overage = overage + 1, charged_nanos = charged_nanos + {charge}
        WHERE account = account_id AND segment_start_us = 0 AND meter = '{meter}';
    UPDATE grants SET remaining_nanos = remaining_nanos - {charge}
        WHERE account = account_id AND id = 'grant' AND remaining_nanos >= {charge};
    INSERT INTO operations SELECT key, client, account_id, kind, slice, stored_at_us, event_at_us, product, meter,
        segment_start_us, quantity, overage, charged_nanos, metadata, sent, answer, voided_by FROM sample_operation;
    INSERT INTO ledger_entries SELECT slice, account_id, held.ledger_seq + 1, booked_us, effective_us, 'grant',
        -{charge}, balance, cause_kind, key, cause_client FROM sample_entry;
    UPDATE accounts SET version = version + 1, balance_nanos = balance, ledger_seq = ledger_seq + 1
        WHERE id = account_id;
    RETURN balance;
END $$;
"""

CALL = """
\\set n random(1, :accounts)
\\set chance random(0, 2147483647)
SELECT record_usage('acct_' || cast(:n AS text), {key});
"""


class PostgresReference:
    """A copy of the seeded books, written to by hand."""

    def __init__(self, url: str, binaries: Path) -> None:
        """Changes the database at `url`: it must be a copy of its own."""
        self._url = url
        self._pgbench = binaries / "pgbench"
        self._connection = psycopg.connect(url, autocommit=True)
        self._sample = Sample(*[self._connection.execute(query).fetchall() for query in SAMPLES])
        self._rows = Rows(self._sample)
        operation, entry = self._sample.operations[0], self._sample.entries[0]
        self._names = {"charge": -entry[6], "meter": operation[8]}
        self._execute(
            "CREATE TABLE sample_operation AS SELECT * FROM operations WHERE idempotency_key = %s", operation[0]
        )
        self._execute("CREATE TABLE sample_entry AS SELECT * FROM ledger_entries WHERE cause = %s", operation[0])
        for statement in NUMBERED.split(";")[:-1]:
            self._execute(statement)
        self._execute(FUNCTION.format(**self._names))
        self._accounts = len(self._sample.operations)

    @property
    def version(self) -> str:
        """The server's version."""
        return self._connection.info.parameter_status("server_version") or ""

    def copies(self, seconds: float) -> float:
        """Operations with their ledger entries per second by COPY, in batches; making the rows is not counted."""
        rates = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            rates.append(BATCH / self._copy())
        return statistics.median(rates)

    def transactions(self, seconds: float, *, clients: int, hot: bool = False) -> float:
        """Usage events per second, one transaction of eight statements each, all on one account where `hot`."""
        account = "1" if hot else "random(1, :accounts)"
        script = TRANSACTION.format(account=account, key=KEY, **self._names)
        output, _ = self._run(script, seconds, clients)
        found = re.search(r"tps = ([0-9.]+)", output)
        assert found, output
        return float(found[1])

    def function_p50_ms(self, seconds: float) -> float:
        """The median time of the whole transaction as one stored function, one client."""
        _, latencies_us = self._run(CALL.format(key=KEY), seconds, clients=1)
        return statistics.median(latencies_us) / 1_000

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()

    def _copy(self) -> float:
        drawn = list(self._rows.batch())
        operations = _copy_text([operation for operation, _, _ in drawn])
        entries = _copy_text([entry for _, entry, _ in drawn])
        begin = time.perf_counter()
        with self._connection.transaction(), self._connection.cursor() as cursor:
            with cursor.copy("COPY operations FROM STDIN") as copy:
                copy.write(operations)
            with cursor.copy("COPY ledger_entries FROM STDIN") as copy:
                copy.write(entries)
        return time.perf_counter() - begin

    def _run(self, script: str, seconds: float, clients: int) -> tuple[str, list[int]]:
        """What pgbench prints, and each transaction's time in microseconds."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "script.sql"
            path.write_text(script)
            done = subprocess.run(
                [self._pgbench, "--no-vacuum", "--protocol=prepared", f"--client={clients}", "--jobs=1", "--log",
                 f"--time={max(1, math.ceil(seconds))}", f"--define=accounts={self._accounts}", f"--file={path}",
                 self._url],
                cwd=folder, capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode != 0:
                raise RuntimeError(f"pgbench failed: {done.stderr[-2_000:]}")
            logs = Path(folder).glob("pgbench_log.*")
            return done.stdout, [int(line.split()[2]) for log in logs for line in log.read_text().splitlines()]

    def _execute(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values or None)


def _copy_text(rows: list[tuple[Any, ...]]) -> bytes:
    lines = ["\t".join(_copy_value(value) for value in row) for row in rows]
    return ("\n".join(lines) + "\n").encode()


def _copy_value(value: Any) -> str:
    return "\\N" if value is None else str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
