"""The server's certificates: checked when they are read, and read again when their files change."""

import logging
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

import grpc

from tollhoused.addresses import SettingsError
from tollhoused.settings import Settings

log = logging.getLogger(__name__)

ATTEMPTS_MAX = 3
"""Files that change while they are read are read again."""

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the server's certificate and key, and the authorities of its clients, none where that is empty."""

    cert: str
    key: str
    client_ca: str = ""

    @property
    def by_setting(self) -> dict[str, Path]:
        """The files under the names of their settings."""
        named = {"tls_cert": self.cert, "tls_key": self.key, "tls_client_ca": self.client_ca}
        return {name: Path(text) for name, text in named.items() if text}


class Certificates:
    """The pair in force. A broken one that replaces it is logged once and not used."""

    def __init__(self, files: TlsFiles) -> None:
        """Raises SettingsError, naming the setting whose file cannot be read or used."""
        self._files = files
        self._lock = threading.Lock()
        self._complaint = ""
        self._stamp = _stamp(files)
        self.first = _read(files)

    def renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """What has replaced the pair in force, and is in force from now on; None where nothing did.

        gRPC asks at every new connection, before the handshake.
        """
        with self._lock:
            try:
                stamp = _stamp(self._files)
                if stamp == self._stamp:
                    return None
                self._stamp = stamp
                renewed = _read(self._files)
            except SettingsError as error:
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    log.error("the certificate in force stays, the new one cannot be used: %s", error)
                return None
            self._complaint = ""
            log.info("the certificate was renewed: %s", self._files.cert)
            return renewed


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What a server with TLS needs; None without. Raises SettingsError for files that cannot be used."""
    if not settings.tls_cert:
        return None
    certificates = Certificates(TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca))
    return grpc.dynamic_ssl_server_credentials(
        certificates.first,
        certificates.renewed,  # type: ignore[arg-type]  # gRPC takes None for no change, its stubs do not say so
        require_client_authentication=bool(settings.tls_client_ca),
    )


def _stamp(files: TlsFiles) -> Stamp:
    """Changes when a file is replaced, also behind a link, which is how Kubernetes renews a secret."""
    found = []
    for setting, path in files.by_setting.items():
        try:
            status = path.stat()
        except OSError as error:
            raise SettingsError(f"{setting}: {path}: {error.strerror}") from error
        found.append((status.st_ino, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _read(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    """The pair as it stands in the files, once it has stood still for a moment."""
    for _ in range(ATTEMPTS_MAX):
        before = _contents(files)
        check_pair("tls_cert, tls_key", files.cert, files.key)
        if files.client_ca:
            check_authorities("tls_client_ca", files.client_ca)
        if _contents(files) == before:
            pair = (before["tls_key"], before["tls_cert"])
            return grpc.ssl_server_certificate_configuration([pair], before.get("tls_client_ca"))
    raise SettingsError("tls_cert: its files keep changing")


def _contents(files: TlsFiles) -> dict[str, bytes]:
    return {setting: contents(setting, path) for setting, path in files.by_setting.items()}


def contents(setting: str, path: Path) -> bytes:
    """A file that a setting names. Raises SettingsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting}: {path}: {error.strerror}") from error


def check_pair(settings: str, cert: str, key: str) -> None:
    """Raises SettingsError, naming the settings, unless the certificate can be read and the key is its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A password would be asked for at the terminal otherwise.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise SettingsError(f"{settings}: {cert} and {key} are no pair: {reason}") from error


def check_authorities(setting: str, path: str) -> None:
    """Raises SettingsError, naming the setting, unless the file holds a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise SettingsError(f"{setting}: {path} holds no certificate: {reason}") from error
