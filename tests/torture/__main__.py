"""The command behind `make torture`: runs, prints the figures, writes them to build/torture.json.

The logs of the servers go beside it. The short form is one run on each engine; the long form (`--long`) makes runs,
each from an empty database to its verdict, until their sum reaches the quota.

Exits with 0 only when every run came to a verdict and found nothing.
"""

import argparse
import faulthandler
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.support.postgres import Cluster
from tests.torture.faults import FAULTS, NAMED_POINTS
from tests.torture.figures import Figures
from tests.torture.money_faults import MONEY_POINTS
from tests.torture.nursery import Nursery
from tests.torture.plan import Plan
from tests.torture.run import LOG_NAME, NoVerdict, Run
from tests.torture.totals import total

REPORT = Path(__file__).parents[2] / "build" / "torture.json"
ENGINES = ("sqlite", "postgresql")

KILLS = 100
DATABASE_RESTARTS = 20
UNARY = 100_000
BATCHED = 500_000
"""The quota of the long form, for each engine."""

LIVENESS_SECONDS = 10.0
OVERTIME_SECONDS = 900.0
"""So much longer than its servers are killed may a run take, however busy the machine is."""

RUNS_MAX = 30
"""How many runs it may take on one engine."""


def main() -> int:
    options = _options()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    engines = [options.engine] if options.engine else list(ENGINES)
    totals: dict[str, dict[str, object]] = {}
    report: dict[str, object] = {"verdict": "none", "seed": seed, "form": _form(options), "engines": totals}
    _write(report)
    print(
        f"torture: seed {seed}, {_form(options)} form, {options.seconds:g} s a run, on {', '.join(engines)}", flush=True
    )
    passed = True
    for engine in engines:
        runs: list[Figures] = []
        while not runs or (options.long and not _enough(runs)):
            if len(runs) == RUNS_MAX:
                print(f"{engine}: the quota is not reached after {RUNS_MAX} runs, which counts as failed")
                return 1
            try:
                runs.append(_run(_plan(options, engine, seed + len(runs))))
            except NoVerdict as failure:
                print(f"{engine}: no verdict, which counts as failed\n{failure}")
                return 1
            totals[engine] = total(runs)
            _write(report)
            if options.long:
                print(f"  {engine}: {_progress(runs)}", flush=True)
        _print(totals[engine])
        passed = passed and all(figures.passed for figures in runs)
    report["verdict"] = "passed" if passed else "failed"
    _write(report)
    print(f"torture: {report['verdict']}, seed {seed}, figures in {REPORT.relative_to(REPORT.parents[1])}")
    return 0 if passed else 1


def _form(options: argparse.Namespace) -> str:
    return "long" if options.long else "short"


def _enough(runs: Sequence[Figures]) -> bool:
    """Whether the runs of one engine reach the quota of the long form. A run that failed ends it as well."""
    restarts = sum(figures.database_restarts for figures in runs)
    return not all(figures.passed for figures in runs) or (
        sum(figures.kills for figures in runs) >= KILLS
        and sum(figures.unary for figures in runs) >= UNARY
        and sum(figures.batched for figures in runs) >= BATCHED
        and (runs[0].engine == "sqlite" or restarts >= DATABASE_RESTARTS)
    )


def _progress(runs: Sequence[Figures]) -> str:
    names = ("unary", "batched", "kills", "database_restarts", "lost", "doubled", "wrong")
    return ", ".join(f"{sum(getattr(figures, name) for figures in runs)} {name}" for name in names)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, help="only this engine (default: both, one after the other)")
    parser.add_argument("--long", action="store_true", help="as many runs as the quota takes: half an hour or more")
    parser.add_argument("--seconds", type=float, help="how long servers are killed in a run (default: 60, long 120)")
    parser.add_argument("--seed", type=int, help="repeats what chance decided in another run")
    parser.add_argument("--clients", type=int, default=8, help="client threads")
    parser.add_argument("--servers", type=int, help="servers on one database (default: 1 on SQLite, 2 on PostgreSQL)")
    parser.add_argument(
        "--liveness",
        type=float,
        default=LIVENESS_SECONDS,
        metavar="SECONDS",
        help="how soon after the last fault all calls must succeed (default: 10; more for a busy machine)",
    )
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plants a fault, which must be found")
    options = parser.parse_args()
    options.seconds = options.seconds or (120.0 if options.long else 60.0)
    return options


def _plan(options: argparse.Namespace, engine: str, seed: int) -> Plan:
    fault = FAULTS[options.fault] if options.fault else None
    on_postgresql = engine == "postgresql"
    return Plan(
        engine=engine,
        seed=seed,
        seconds=options.seconds,
        clients=options.clients,
        servers=options.servers or (2 if on_postgresql else 1),
        fault=options.fault or "",
        points=fault.points if fault else NAMED_POINTS + MONEY_POINTS,
        blind_kills=not (fault and fault.points),
        database_restarts=(5 if options.long else 2) if on_postgresql else 0,
        line=on_postgresql and not fault,
        upgrades=not fault,
        pause_seconds=(3.0, 10.0) if options.long else (0.1, 1.2),
        money_share=0.02 if options.long else 0.04,
        liveness_seconds=options.liveness,
        bulk_share=0.008 if options.long else 0.005,
    )


def _run(plan: Plan) -> Figures:
    """One run. A run that hangs ends the command with a trace of where, and without a verdict."""
    with ExitStack() as stack:
        faulthandler.dump_traceback_later(plan.seconds + OVERTIME_SECONDS, exit=True)
        stack.callback(faulthandler.cancel_dump_traceback_later)
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollhouse-torture-")))
        database = Cluster() if plan.engine == "postgresql" else None
        if database is not None:
            stack.callback(database.close)
        nursery = Nursery()
        stack.callback(nursery.close)
        log = REPORT.with_name(f"torture-{plan.engine}.log")
        stack.callback(lambda: shutil.copyfile(scratch / LOG_NAME, log))
        return Run(plan, nursery, scratch, database, lambda: time.time_ns() // 1_000).verdict()


def _print(figures: dict[str, object]) -> None:
    shown = dict(figures)
    examples = shown.pop("examples")
    print("\n".join(f"  {name:22}{value}" for name, value in shown.items()))
    assert isinstance(examples, dict)
    for invariant, texts in examples.items():
        for text in texts:
            print(f"  {invariant}: {text}")


def _write(report: dict[str, object]) -> None:
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
