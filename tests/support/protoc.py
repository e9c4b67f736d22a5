"""The one way in which Python is generated from protos: `python -m tests.support.protoc FOLDER`."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROTOS = ROOT / "protos"


def generate(target: Path) -> None:
    """Writes the messages, their types and the gRPC code of every proto below protos/ into `target`."""
    target.mkdir(parents=True, exist_ok=True)
    for stale in target.rglob("*_pb2*.py*"):
        stale.unlink()
    sources = sorted(str(source.relative_to(PROTOS)) for source in PROTOS.rglob("*.proto"))
    outputs = [f"--{kind}_out={target.resolve()}" for kind in ("python", "pyi", "grpc_python", "mypy_grpc")]
    plugin = f"--plugin={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}"  # gRPC's own output has no types
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", "-I.", plugin, *outputs, *sources], cwd=PROTOS, check=True
    )


if __name__ == "__main__":
    generate(Path(sys.argv[1]))
