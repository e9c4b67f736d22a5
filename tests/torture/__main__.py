"""The command behind `make torture`: runs, prints the figures, writes them to build/torture.json.

The logs of the servers go beside it.

Exits with 0 only when every run came to a verdict and found nothing.
"""

import argparse
import json
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.postgres import Cluster
from tests.torture.faults import FAULTS, NAMED_POINTS
from tests.torture.figures import Figures
from tests.torture.nursery import Nursery
from tests.torture.plan import Plan
from tests.torture.run import LOG_NAME, NoVerdict, Run

REPORT = Path(__file__).parents[2] / "build" / "torture.json"
ENGINES = ("sqlite", "postgresql")


def main() -> int:
    options = _options()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    engines = [options.engine] if options.engine else list(ENGINES)
    report: dict[str, object] = {"verdict": "none", "seed": seed, "engines": {}}
    _write(report)
    print(f"torture: seed {seed}, {options.seconds:g} s on each of {', '.join(engines)}", flush=True)
    results = {}
    for engine in engines:
        try:
            figures = _run(_plan(options, engine, seed))
        except NoVerdict as failure:
            print(f"{engine}: no verdict, which counts as failed\n{failure}")
            return 1
        results[engine] = figures
        report["engines"] = {name: item.as_json() for name, item in results.items()}
        _write(report)
        _print(figures)
    passed = all(figures.passed for figures in results.values())
    report["verdict"] = "passed" if passed else "failed"
    _write(report)
    print(f"torture: {report['verdict']}, seed {seed}, figures in {REPORT.relative_to(REPORT.parents[1])}")
    return 0 if passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, help="only this engine (default: both, one after the other)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long servers are killed, on each engine")
    parser.add_argument("--seed", type=int, help="repeats what chance decided in another run")
    parser.add_argument("--clients", type=int, default=8, help="client threads")
    parser.add_argument("--servers", type=int, help="servers on one database (default: 1 on SQLite, 2 on PostgreSQL)")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="plants a fault, which must be found")
    return parser.parse_args()


def _plan(options: argparse.Namespace, engine: str, seed: int) -> Plan:
    fault = FAULTS[options.fault] if options.fault else None
    return Plan(
        engine=engine,
        seed=seed,
        seconds=options.seconds,
        clients=options.clients,
        servers=options.servers or (2 if engine == "postgresql" else 1),
        fault=options.fault or "",
        points=fault.points if fault else NAMED_POINTS,
        blind_kills=not (fault and fault.points),
        database_restarts=1 if engine == "postgresql" else 0,
    )


def _run(plan: Plan) -> Figures:
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollhouse-torture-")))
        database = Cluster() if plan.engine == "postgresql" else None
        if database is not None:
            stack.callback(database.close)
        nursery = Nursery()
        stack.callback(nursery.close)
        log = REPORT.with_name(f"torture-{plan.engine}.log")
        stack.callback(lambda: shutil.copyfile(scratch / LOG_NAME, log))
        return Run(plan, nursery, scratch, database, lambda: time.time_ns() // 1_000).verdict()


def _print(figures: Figures) -> None:
    shown = figures.as_json()
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
