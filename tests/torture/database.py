"""A PostgreSQL that can be restarted while this process talks gRPC."""

import subprocess
import sys

from tests.support.postgres import Cluster

# Becomes `nobody` after the start, because Python forks to start a program as another user, and a fork takes gRPC's
# locks along as they happen to stand.
AS_NOBODY = (
    "import os, pwd, sys; user = pwd.getpwnam('nobody'); os.setgroups([]); os.setgid(user.pw_gid);"
    " os.setuid(user.pw_uid); os.execvp(sys.argv[1], sys.argv[1:])"
)


class Database(Cluster):
    """A cluster whose programs are started without a fork of this process."""

    def _popen(self, *command: str, stdin: int) -> subprocess.Popen[bytes]:
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
