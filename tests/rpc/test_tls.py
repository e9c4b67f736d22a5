"""TLS at the door: who is let in, whom a client trusts, and certificates that are renewed while the server runs."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.certificates import Authority, Pair
from tests.support.house import CoreMaker
from tollhoused.addresses import SettingsError
from tollhoused.rpc.channel import CallFailed, Target, check_health, target_of
from tollhoused.rpc.server import GrpcServer
from tollhoused.rpc.tls import server_credentials
from tollhoused.settings import Settings

KEY = "tollhouse_test_made_up"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "theirs")


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.pair("server")


@pytest.fixture
def start(sqlite_url: str, make_core: CoreMaker) -> Iterator[Callable[[Settings], Settings]]:
    """Starts a server with the settings, and gives settings that name its address."""
    servers = []

    def started(settings: Settings) -> Settings:
        server = GrpcServer(make_core(sqlite_url), None)
        servers.append(server)
        port = server.start("127.0.0.1:0", server_credentials(settings))
        server.health.report(True)
        return replace(settings, address=f"127.0.0.1:{port}")

    yield started
    for server in servers:
        server.drain(0, notice_seconds=0)


def _of(pair: Pair, client_ca: Path | str = "") -> Settings:
    return Settings(tls_cert=str(pair.cert), tls_key=str(pair.key), tls_client_ca=str(client_ca))


def _serves(settings: Settings) -> bool:
    """Whether a client with these settings gets an answer: otherwise no connection comes about."""
    try:
        return check_health(target_of(settings), timeout_seconds=5)
    except CallFailed:
        return False


def test_a_client_is_served_that_trusts_the_servers_authority(
    start: Callable[[Settings], Settings], pair: Pair, authority: Authority, stranger: Authority
) -> None:
    server = start(_of(pair))

    assert _serves(replace(server, tls_ca=str(authority.file)))
    assert not _serves(replace(server, tls_ca=str(stranger.file)))
    assert not _serves(replace(server, tls=True))
    assert not _serves(server)


def test_a_name_that_is_not_the_servers_is_refused(start: Callable[[Settings], Settings], authority: Authority) -> None:
    server = start(_of(authority.pair("other", "other.example.org")))

    assert not _serves(replace(server, tls_ca=str(authority.file)))


def test_with_a_client_authority_only_its_clients_are_served(
    start: Callable[[Settings], Settings], pair: Pair, authority: Authority, stranger: Authority
) -> None:
    clients = Authority(authority.folder, "clients")
    server = replace(start(_of(pair, clients.file)), tls_ca=str(authority.file))

    def shows(shown: Pair) -> Settings:
        return replace(server, tls_client_cert=str(shown.cert), tls_client_key=str(shown.key))

    assert _serves(shows(clients.pair("client", "talk-backend")))
    assert not _serves(shows(stranger.pair("stranger", "talk-backend")))
    assert not _serves(server)


def test_a_renewed_certificate_is_used_without_a_restart_and_a_broken_one_is_not(
    start: Callable[[Settings], Settings],
    pair: Pair,
    authority: Authority,
    stranger: Authority,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = start(_of(pair))
    ours, theirs = (replace(server, tls_ca=str(each.file)) for each in (authority, stranger))

    pair.cert.write_bytes(stranger.pair("new").cert.read_bytes())
    assert [_serves(ours), _serves(ours)] == [True, True]
    (said,) = [record.message for record in caplog.records]
    assert said.startswith("the certificate in force stays, the new one cannot be used: tls_cert, tls_key: ")

    shutil.copyfile(stranger.folder / "new.key", pair.key)
    assert _serves(theirs)
    assert not _serves(ours)

    pair.cert.unlink()
    assert _serves(theirs)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda pair: pair.cert.unlink(), r"^tls_cert: .*server\.crt: No such file or directory$"),
        (lambda pair: pair.key.unlink(), r"^tls_key: .*server\.key: No such file or directory$"),
        (lambda pair: pair.key.write_text("nothing"), r"^tls_cert, tls_key: .* are no pair: "),
        (lambda pair: shutil.copyfile(pair.cert.with_name("second.key"), pair.key), r" are no pair: "),
        (lambda pair: pair.cert.with_name("ours.pem").write_text(""), r"^tls_client_ca: .* holds no certificate: "),
    ],
)
def test_files_that_cannot_be_used_are_refused_by_their_settings(
    pair: Pair, authority: Authority, spoil: Callable[[Pair], object], complaint: str
) -> None:
    authority.pair("second")
    settings = _of(pair, authority.file)
    server_credentials(settings)
    spoil(pair)

    with pytest.raises(SettingsError, match=complaint):
        server_credentials(settings)


def test_what_a_command_is_given_is_refused_by_its_settings(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.pem"
    with pytest.raises(SettingsError, match=r"^tls_ca: .*nothing\.pem: No such file"):
        target_of(Settings(tls_ca=str(nothing)))
    nothing.write_text("nothing")
    with pytest.raises(SettingsError, match=r"^tls_ca: .*nothing\.pem holds no certificate"):
        target_of(Settings(tls_ca=str(nothing)))


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"tls_cert": "a"}, "tls_key: must be set where tls_cert is"),
        ({"tls_key": "a"}, "tls_cert: must be set where tls_key is"),
        ({"tls_client_ca": "a"}, "tls_cert: must be set where tls_client_ca is"),
        ({"tls_client_key": "a"}, "tls_client_cert: must be set where tls_client_key is"),
        ({"tls_client_cert": "a", "tls_client_key": "b"}, "tls_client_cert: is shown with TLS only"),
    ],
)
def test_settings_that_need_each_other_are_refused_alone(values: dict[str, str], complaint: str) -> None:
    with pytest.raises(SettingsError, match=f"^{complaint}"):
        Settings(**values)  # type: ignore[arg-type]


def test_a_key_is_not_sent_in_plain_text_to_another_machine(authority: Authority) -> None:
    far = Settings(address="billing.example.org:50051", api_key=KEY)

    with pytest.raises(SettingsError, match=r"^api_key: would travel to billing\.example\.org:50051 in plain text"):
        target_of(far)
    assert target_of(replace(far, tls=True)).api_key == KEY
    assert target_of(replace(far, tls_ca=str(authority.file))).api_key == KEY
    for near in ("127.0.0.1:1", "[::1]:1", "localhost:1"):
        assert KEY not in repr(Target(near, KEY))
    assert target_of(far, shows_key=False).metadata == ()
