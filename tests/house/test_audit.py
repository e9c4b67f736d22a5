"""`make audit` finds what it is there for. Planted credentials are made when a test runs: none is written down here."""

import base64
import json
import random
import string
import sys
from pathlib import Path

import pytest

from tests.house import dependencies, secrets
from tests.house.dependencies import Answer, NotAsked
from tollhoused.domain.keys import Environment, write_key

CHANCE = random.Random(6)


def _signs(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(CHANCE.choices(alphabet, k=count))


def _token(header: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({header: _signs(12)}).encode()).decode().rstrip("=")


PLANTED = {
    "a private key": f"-----BEGIN {'EC'} PRIVATE KEY-----",
    "an API key of ours": write_key(Environment.LIVE, "key_" + _signs(12, string.digits), CHANCE.randbytes(32)),
    "a key of Stripe": f"sk_{'live'}_{_signs(24)}",
    "a webhook's signing secret": f"wh{'sec'}_{_signs(32)}",
    "a key of AWS": "AK" + "IA" + _signs(16, string.ascii_uppercase + string.digits),
    "a key of Google": "AI" + "za" + _signs(35),
    "a token of GitHub": "gh" + "p_" + _signs(36),
    "a token of GitLab": "gl" + "pat-" + _signs(20),
    "a token of Slack": "xo" + "xb-" + _signs(24),
    "a token of npm or PyPI": "np" + "m_" + _signs(36),
    "a key of OpenAI or Anthropic": "s" + "k-" + _signs(40),
    "a JSON web token": f"{_token('alg')}.{_token('sub')}.{_signs(43)}",
    "a password in a URL": f"postgresql://books:{_signs(12)}@db.example.org/books",
    "a secret by its name": f'DODO_API_KEY = "{_signs(40)}"',
}


def test_nothing_that_is_tracked_looks_like_a_credential() -> None:
    assert secrets.scan(secrets.ROOT, secrets.tracked()) == []


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_credential_is_found_where_it_stands(kind: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(f"first line\nsecond: {PLANTED[kind]}\n", encoding="utf-8")

    found = secrets.scan(tmp_path, ["notes.txt"])

    assert ("notes.txt", 2, kind) in found


def test_every_shape_is_planted() -> None:
    assert set(PLANTED) == {*secrets.KINDS, "a secret by its name"}


def test_what_is_found_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.toml").write_text("\n".join(PLANTED.values()), encoding="utf-8")
    monkeypatch.setattr(secrets, "ROOT", tmp_path)
    monkeypatch.setattr(secrets, "tracked", lambda: ["settings.toml"])

    assert secrets.main() == 1

    printed = capsys.readouterr().out
    assert "settings.toml:3: looks like a key of Stripe" in printed
    assert not any(planted in printed for planted in PLANTED.values())


@pytest.mark.parametrize(
    "line",
    [
        'token = "a-name-that-people-have-chosen"',
        "password: ${POSTGRES_PASSWORD:?set it in .env}",
        'api_key = os.environ["TOLLHOUSE_API_KEY"]',
        "postgresql://user@host/name",
    ],
)
def test_what_people_write_about_credentials_is_none(line: str) -> None:
    assert list(secrets.findings("README.md", line)) == []


REPORT = {
    "dependencies": [
        {"name": "safe", "version": "1.0", "vulns": []},
        {"name": "holed", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"]}]},
        {"name": "own", "skip_reason": "not found"},
    ]
}


def _pip_audit(tmp_path: Path, output: str, code: int = 0) -> list[str]:
    """A command that answers as pip-audit would."""
    path = tmp_path / "pip_audit.py"
    path.write_text(f"import sys\nprint({output!r})\nprint('no network', file=sys.stderr)\nsys.exit({code})\n")
    return [sys.executable, str(path)]


def test_an_unsafe_version_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = _pip_audit(tmp_path, json.dumps(REPORT), code=1)

    assert dependencies.ask(command) == Answer({"holed 2.0": ["PYSEC-1, mended in 2.1"]}, {"own": "not found"}, 3)
    assert dependencies.main(command) == 1
    assert "1 of 3 NOT AUDITED, the first because: not found" in capsys.readouterr().out


def test_without_the_network_nothing_is_claimed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = _pip_audit(tmp_path, "", code=1)

    with pytest.raises(NotAsked, match="no network"):
        dependencies.ask(command)
    assert dependencies.main(command) == 0
    assert "NOT AUDITED" in capsys.readouterr().out
    assert dependencies.main([str(tmp_path / "nowhere")]) == 0
