"""`make image`: builds the image with the engine at hand, starts it as a careful cluster would, and looks inside.

Without network, with a read-only root, without capabilities. Needs docker, podman or buildah; buildah builds only.
Its own options stand before `--`, those of the engine's `build` after it.
"""

import argparse
import sys
import tomllib

from tests.container.engine import ROOT, Container, Engine, find_engine
from tests.support.dockerfile import instructions

START_SECONDS = 90.0

LOOK = """
import os, sys
assert (os.getuid(), os.getgid()) == (65532, 65532), (os.getuid(), os.getgid())
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert int(status["CapEff"], 16) == 0, status["CapEff"]
for folder in ("/", "/tmp", "/opt/tollhouse", os.path.expanduser("~")):
    try:
        open(os.path.join(folder, "tried"), "w").close()
    except OSError:
        assert folder != "/data", "/data cannot be written to"
    else:
        assert folder == "/data", f"{folder} can be written to"
        os.unlink(os.path.join(folder, "tried"))
"""


def main() -> None:
    """Ends with exit code 1 and the server's log when something is not as it must be."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--engine", help="docker, podman or buildah; otherwise the first of them that works")
    parser.add_argument("--tag", default=f"tollhouse:{_version()}", help="what to call the image")
    parser.add_argument("--only-build", action="store_true", help="do not start it")
    parser.add_argument("--run-option", action="append", default=[], help="one more option of the engine's run")
    parser.add_argument("build_options", nargs="*", metavar="-- BUILD-OPTION", help="options of the engine's build")
    asked = parser.parse_args()
    engine = find_engine(asked.engine)
    if engine is None:
        sys.exit("No container engine works here: install docker, podman or buildah.")
    engine.build(asked.tag, asked.build_options)
    print(f"{engine.name} has built {asked.tag}, {engine.size(asked.tag)}")
    if engine.name == "buildah" or asked.only_build:
        print("It was not started.")
        return
    with engine.started(asked.tag, asked.run_option) as container:
        look(engine, container)


def look(engine: Engine, container: Container) -> None:
    """Asserts what the image promises."""
    seconds = container.wait(_health_command(), START_SECONDS)
    print(f"healthy after {seconds:.1f} s")
    container.run(["python", "-c", LOOK])
    print("uid 65532, no capability, nothing but /data can be written to")
    container.run(["tollhouse", "verify"])
    print("its books are sound")
    seconds = container.stop()
    print(f"stopped after {seconds:.1f} s with exit code 0")


def _health_command() -> list[str]:
    return next(each.command for each in instructions(ROOT / "Dockerfile") if each.name == "HEALTHCHECK")


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


if __name__ == "__main__":
    main()
