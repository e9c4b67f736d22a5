"""`python -m tests.torture` itself: a run that comes to no verdict counts as failed."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.torture import __main__ as command
from tests.torture.checker import Evidence
from tests.torture.figures import Figures, figures_of
from tests.torture.nemesis import Deeds
from tests.torture.plan import Plan
from tests.torture.rows import Stored
from tests.torture.run import NoVerdict
from tests.torture.stories import Violation

FOUND = Violation("V1", "something is lost")


def _figures(plan: Plan, found: Sequence[Violation] = ()) -> Figures:
    evidence = Evidence([], Stored([], {}), {}, set(), {}, {})
    return figures_of(plan, evidence, found, Deeds(), 0.0, 0.0)


def _command(
    monkeypatch: pytest.MonkeyPatch, folder: Path, run: Callable[[Plan], Figures], *options: str
) -> tuple[int, str]:
    """The exit code and the verdict in the report, which an earlier run has left as passed."""
    report = folder / "build" / "torture.json"
    report.parent.mkdir()
    report.write_text('{"verdict": "passed"}')
    monkeypatch.setattr(command, "_run", run)
    monkeypatch.setattr(command, "REPORT", report)
    monkeypatch.setattr(sys, "argv", ["torture", "--seconds", "1", *options])
    return command.main(), json.loads(report.read_text(encoding="utf-8"))["verdict"]


def test_runs_that_found_nothing_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _command(monkeypatch, tmp_path, _figures) == (0, "passed")


@pytest.mark.parametrize("options", [(), ("--long",)])
def test_one_run_that_found_something_fails_all(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def find(plan: Plan) -> Figures:
        return _figures(plan, [FOUND] if plan.engine == "sqlite" else [])

    monkeypatch.setattr(command, "_enough", lambda runs: True)

    assert _command(monkeypatch, tmp_path, find, *options) == (1, "failed")


def test_a_quota_that_is_not_reached_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert _command(monkeypatch, tmp_path, _figures, "--long") == (1, "none")


def test_a_run_that_breaks_down_in_another_way_leaves_no_verdict(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fall(plan: Plan) -> Figures:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _command(monkeypatch, tmp_path, fall)

    assert json.loads((tmp_path / "build" / "torture.json").read_text(encoding="utf-8"))["verdict"] == "none"


def test_a_run_without_a_verdict_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_down(plan: Plan) -> Figures:
        raise NoVerdict(f"seed {plan.seed}: it broke")

    report = tmp_path / "build" / "torture.json"
    monkeypatch.setattr(command, "_run", break_down)
    monkeypatch.setattr(command, "REPORT", report)
    monkeypatch.setattr(sys, "argv", ["torture", "--seed", "7", "--seconds", "1"])

    assert command.main() == 1
    assert json.loads(report.read_text(encoding="utf-8")) == {
        "verdict": "none",
        "seed": 7,
        "form": "short",
        "engines": {},
    }
    assert "seed 7" in capsys.readouterr().out
