import subprocess
import sys

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.protos.contract import Contract
from tests.support.protoc import PROTOS


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    """The protos with their comments, which generated code does not carry."""
    image = tmp_path_factory.mktemp("protos") / "image.binpb"
    sources = sorted(str(source.relative_to(PROTOS)) for source in PROTOS.rglob("*.proto"))
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        "-I.",
        "--include_source_info",
        f"--descriptor_set_out={image}",
    ]
    subprocess.run([*command, *sources], cwd=PROTOS, check=True)
    return Contract(FileDescriptorSet.FromString(image.read_bytes()))
