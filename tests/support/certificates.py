"""Certificates for tests, made at run time: authorities, servers' and clients' pairs, as PEM files."""

from dataclasses import dataclass, field
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path


@dataclass(slots=True)
class Authority:
    """Signs certificates; its own is in `file`."""

    folder: Path
    name: str
    file: Path = field(init=False)
    _authority: trustme.CA = field(init=False, default_factory=lambda: trustme.CA(key_type=trustme.KeyType.ECDSA))

    def __post_init__(self) -> None:
        self.file = self.folder / f"{self.name}.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def pair(self, name: str, host: str = "127.0.0.1") -> Pair:
        """A pair for a server of this host, or for a client; made again under the same name it replaces the first."""
        made = self._authority.issue_cert(host, key_type=trustme.KeyType.ECDSA)
        found = Pair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        made.private_key_pem.write_to_path(str(found.key))
        found.cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        return found
