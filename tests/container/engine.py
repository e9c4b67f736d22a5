"""Container engines behind their common commands."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMES = ("docker", "podman", "buildah")
COMMAND_SECONDS = 60.0
STOP_SECONDS = 45
"""As long as the manifests give a server to end."""

RESTRICTIONS = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none")


@dataclass(frozen=True, slots=True)
class Container:
    """One that was started and will be removed."""

    engine: str
    name: str

    def wait(self, command: Sequence[str], seconds_max: float) -> float:
        """Repeats a command inside until it succeeds; returns the seconds it took. AssertionError if it never does."""
        begun = time.monotonic()
        while True:
            tried = self._exec(command)
            seconds = time.monotonic() - begun
            if tried.returncode == 0:
                return seconds
            assert seconds < seconds_max, tried.stdout + tried.stderr
            assert self._state("Running") == "true", "it has ended"
            time.sleep(0.2)  # the engine is asked again, not drowned

    def run(self, command: Sequence[str]) -> None:
        """Runs a command inside that must succeed."""
        done = self._exec(command)
        assert done.returncode == 0, done.stdout + done.stderr

    def stop(self) -> float:
        """SIGTERM; returns how many seconds the end took. AssertionError unless the exit code is 0."""
        begun = time.monotonic()
        _output([self.engine, "stop", "-t", str(STOP_SECONDS), self.name], STOP_SECONDS + COMMAND_SECONDS)
        seconds = time.monotonic() - begun
        code = self._state("ExitCode")
        assert code == "0", f"exit code {code}"
        return seconds

    def _state(self, name: str) -> str:
        return _output([self.engine, "inspect", f"--format={{{{.State.{name}}}}}", self.name])

    def _exec(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        inside = [self.engine, "exec", self.name, *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)


@dataclass(frozen=True, slots=True)
class Engine:
    """One of NAMES."""

    name: str

    def build(self, tag: str, options: Sequence[str]) -> None:
        """Builds our Dockerfile, its output shown. HEALTHCHECK needs Docker's format, not everybody's default."""
        form = () if self.name == "docker" else ("--format=docker",)
        subprocess.run([self.name, "build", *form, f"--tag={tag}", *options, "."], cwd=ROOT, check=True)

    def size(self, tag: str) -> str:
        """An image's size for people."""
        return _output([self.name, "images", "--format={{.Size}}", tag])

    @contextmanager
    def started(self, tag: str, options: Sequence[str]) -> Iterator[Container]:
        """Runs an image on its loopback, and removes the container with its volumes. Shows its log on failure."""
        # Podman lays writable memory over /tmp and /run unless it is told not to.
        strict = ("--read-only-tmpfs=false",) if self.name == "podman" else ()
        environment = "--env=TOLLHOUSE_LISTEN=127.0.0.1:50051"
        started = _output([self.name, "run", "--detach", *RESTRICTIONS, *strict, environment, *options, tag])
        try:
            yield Container(self.name, started)
        except BaseException:
            subprocess.run([self.name, "logs", started], stdout=sys.stderr, check=False)
            raise
        finally:
            subprocess.run([self.name, "rm", "--force", "--volumes", started], stdout=subprocess.DEVNULL, check=False)


def find_engine(wanted: str | None) -> Engine | None:
    """The engine of that name, or the first of NAMES that answers; a client without its daemon does not."""
    for name in (wanted,) if wanted else NAMES:
        if shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0:
            return Engine(name)
    return None


def _output(command: Sequence[str], seconds_max: float = COMMAND_SECONDS) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=seconds_max, check=True)
    return done.stdout.strip()
