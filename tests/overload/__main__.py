"""The command behind `make overload`: offers servers more than they can do, and writes build/overload.json.

Exits with 0 only when every trial has a verdict and every bound holds.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks import machine, templates
from tests.benchmarks.books import Books
from tests.benchmarks.load import Generator, Pace, choose
from tests.overload.crowds import crowds
from tests.overload.trial import Offer, Tally, Trial, overload
from tests.support.postgres import Cluster

REPORT = Path(__file__).parents[2] / "build" / "overload.json"
ENGINES = ("sqlite", "postgresql")
USERS = [templates.user(number) for number in range(200)]
ADMITTED = 384
CONNECTIONS = 64


def main() -> int:
    options = _options()
    server_cores, other_cores = machine.cores()
    machine.pin(other_cores)
    generator = choose()
    trials: list[Trial] = []
    for engine in [options.engine] if options.engine else ENGINES:
        with _books(engine, server_cores) as books:
            tally = Tally()
            trials += _slow(books, generator, options, tally)
            trials += _busy(books, generator, options, tally)
            proven = Trial(f"{engine}: afterwards")
            proven.bounds = tally.settle(books)
            trials.append(proven)
    passed = all(trial.passed for trial in trials)
    report = {
        "verdict": "passed" if passed else "failed",
        "machine": machine.facts(generator.name, REPORT.parent),
        "trials": {trial.name: trial.as_json() for trial in trials},
    }
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"overload: {report['verdict']}, figures in {REPORT.relative_to(REPORT.parents[1])}")
    return 0 if passed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.overload", description=__doc__)
    parser.add_argument("--engine", choices=ENGINES, help="only this engine (default: both, one after the other)")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long too much is offered in each trial")
    parser.add_argument("--slow-rate", type=float, default=200.0, help="commands a second that the slow database takes")
    return parser.parse_args()


@contextmanager
def _books(engine: str, cores: set[int]) -> Iterator[Books]:
    REPORT.parent.mkdir(exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tollhouse-overload-")))
        if engine == "sqlite":
            url = f"sqlite:///{folder}/books.sqlite3"
        else:
            cluster = Cluster()
            stack.callback(cluster.close)
            url = cluster.create_database("books")
        yield Books(engine, url, USERS, REPORT.with_name(f"overload-{engine}.log"), cores)


def _slow(books: Books, generator: Generator, options: argparse.Namespace, tally: Tally) -> list[Trial]:
    """The writer takes 200 commands a second, and ten times as many are offered."""
    books.seed(generator)
    with books.serve("tests.overload.slow_server", str(1.0 / options.slow_rate)) as server:
        plan = templates.records(books.users)
        capacity = tally.count(generator.run(server, plan, callers=64, seconds=4.0, warmup=1.5))
        offer = Offer(
            callers=4_096,
            pace=Pace(rate=10 * options.slow_rate, timeout_seconds=2.0, connections=CONNECTIONS),
            seconds=options.seconds,
            goodput_least=0.8,
        )
        name = f"{books.engine}: a slow database, ten times as much as it takes"
        return [_told(overload(name, books, server, generator, offer, capacity.rate, tally))]


def _busy(books: Books, generator: Generator, options: argparse.Namespace, tally: Tally) -> list[Trial]:
    """The server as it is, short of processor time, and crowds that want nothing but to be in the way."""
    with books.serve() as server:
        plan = templates.records(books.users)
        capacity = tally.count(generator.run(server, plan, callers=256, seconds=4.0, warmup=1.5)).rate
        offers = {
            "half as much again, in an open loop": Offer(
                callers=4_096,
                pace=Pace(rate=1.5 * capacity, timeout_seconds=2.0, connections=CONNECTIONS),
                seconds=options.seconds,
                goodput_least=0.6,
            ),
            "ten times the admitted callers, who wait as the README tells them": Offer(
                callers=10 * ADMITTED,
                pace=Pace(timeout_seconds=2.0, pause_seconds=0.1, pause_max_seconds=2.0, connections=CONNECTIONS),
                seconds=options.seconds,
                goodput_least=0.6,
            ),
            "ten times the admitted callers, who come back after 0.1 s": Offer(
                callers=10 * ADMITTED,
                pace=Pace(timeout_seconds=2.0, pause_seconds=0.1, connections=CONNECTIONS),
                seconds=options.seconds,
                goodput_least=0.6,
            ),
        }
        trials = [
            _told(overload(f"{books.engine}: {name}", books, server, generator, offer, capacity, tally))
            for name, offer in offers.items()
        ]
        return [*trials, _told(crowds(books, server, tally))]


def _told(trial: Trial) -> Trial:
    print(f"{trial.name}: {'passed' if trial.passed else 'FAILED'}", flush=True)
    for name, bound in trial.bounds.items():
        limit = f"at least {bound.least}" if bound.least is not None else f"at most {bound.most}"
        print(f"  {name:22}{bound.value:10.3f}  {limit}{'' if bound.holds else '  <-- does not hold'}")
    for name, figure in trial.figures.items():
        print(f"  {name:22}{figure if isinstance(figure, dict) else round(figure, 1)}")
    return trial


if __name__ == "__main__":
    sys.exit(main())
