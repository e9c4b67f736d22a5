"""`python -m tests.torture` itself: a run that comes to no verdict counts as failed."""

import json
import sys
from pathlib import Path

import pytest

from tests.torture import __main__ as command
from tests.torture.figures import Figures
from tests.torture.plan import Plan
from tests.torture.run import NoVerdict


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
