"""`tollhouse import`: brings customers, memberships, plans, balances and usage into the books (requirement O9)."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tollhoused.cli.import_line import carry_out
from tollhoused.cli.import_lines import KINDS, WHO, BadLine, ImportFile, ImportLine
from tollhoused.cli.lines import complain, print_line
from tollhoused.cli.loading import UNREADABLE, Reject
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import console, print_json, print_table
from tollhoused.cli.program import Program
from tollhoused.cli.usage_load import Rejects
from tollhoused.errors import InvalidField, TollhouseError
from tollhoused.usecases.core import Core
from tollhoused.usecases.rehearsal import Rehearsal

CALLERS = 32
"""How many lines are under way at once: they share transactions."""

PORTION = 2_000
"""Lines that are read ahead."""

# What use cases call the fields of a line.
FIELDS = {"amount_nanos": "amount", "expire_time": "expires", "end_time": "end", "start_time": "start"}

Key = tuple[str, str]


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="NDJSON: one object per line, see the README.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and write nothing.")] = False,
    rejects_to: Annotated[
        Path | None,
        typer.Option("--rejects", help="Write every reject to this file, as NDJSON.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Bring customers, memberships, plans, balances and the current period's usage into the books.

    Works on the database, whether or not a server runs on it. What was imported before stays as it is, so that the
    command may be repeated, after an interruption or with a file that has grown. Usage counts against allowances and
    is never charged.

    What is refused is listed by line on standard error; everything else is imported. Exit code 1 if anything was.
    """
    source = ImportFile(file)
    total = source.count()
    done: Counter[Key] = Counter()
    program, settings = Program.of(context), settings_from(database_url=database_url)
    with opened_core(program, settings, writes=not dry_run) as core, Rejects(rejects_to) as rejects:
        for number, message in source.unreadable():
            rejects.add(Reject(number, UNREADABLE, message))
        actor = Rehearsal(core) if dry_run else core
        with _progress(total) as advance:
            advance(rejects.count)
            for kind in KINDS:
                _import_kind(actor, source, kind, done, rejects, advance)
    if as_json:
        print_json(
            {
                "lines": total,
                "dry_run": dry_run,
                "kinds": {kind: {state: done[kind, state] for state in STATES} for kind in KINDS},
                "unreadable": rejects.count - sum(done[kind, "refused"] for kind in KINDS),
            }
        )
    else:
        _print(done, rejects, total, dry_run)
    if rejects.count:
        raise typer.Exit(1)


STATES = ("imported", "there before", "refused")


def _import_kind(
    core: Core,
    source: ImportFile,
    kind: str,
    done: Counter[Key],
    rejects: Rejects,
    advance: Callable[[int], None],
) -> None:
    lines = source.lines(kind)
    callers = 1 if isinstance(core, Rehearsal) else CALLERS  # a story has an order
    with ThreadPoolExecutor(callers) as pool:
        while portion := list(islice(lines, PORTION)):
            for outcomes in pool.map(lambda group: [_outcome(core, line) for line in group], _by_subject(portion)):
                for state, reject in outcomes:
                    done[kind, state] += 1
                    if reject:
                        rejects.add(reject)
            advance(len(portion))


def _by_subject(lines: list[ImportLine]) -> list[list[ImportLine]]:
    """Lines that name the same, in their order; others do not wait for each other. Memberships are a person's."""
    groups: dict[tuple[str, ...], list[ImportLine]] = {}
    for line in lines:
        names = WHO[:2] if line.kind == "membership" else WHO
        groups.setdefault(tuple(str(line.values.get(field, "")) for field in names), []).append(line)
    return list(groups.values())


def _outcome(core: Core, line: ImportLine) -> tuple[str, Reject | None]:
    """What became of a line."""
    try:
        settled = carry_out(core, line)
    except BadLine as error:
        return "refused", Reject(line.number, UNREADABLE, str(error))
    except InvalidField as error:
        field = error.field.removeprefix("subject.")
        return "refused", Reject(line.number, error.reason, f"{FIELDS.get(field, field)}: {error.description}")
    except TollhouseError as error:
        return "refused", Reject(line.number, error.reason, error.message)
    return "there before" if settled.replayed else "imported", None


def _print(done: Counter[Key], rejects: Rejects, total: int, dry_run: bool) -> None:
    if rejects.hidden:
        complain(f"and {rejects.hidden:,} more; --rejects FILE writes all of them")
    heading = ["", *(f"{'would be ' if dry_run and state == 'imported' else ''}{state}>" for state in STATES)]
    print_table(heading, [[kind, *(f"{done[kind, state]:,}" for state in STATES)] for kind in KINDS])
    refused = f", {rejects.count:,} refused" if rejects.count else ""
    print_line(f"{total:,} lines{refused}{'; nothing was written' if dry_run else ''}")


@contextmanager
def _progress(lines: int) -> Iterator[Callable[[int], None]]:
    """Shows how many lines are done, where somebody watches."""
    shown = console(errors=True)
    if not shown.is_terminal:
        yield lambda _: None
        return
    columns = (TextColumn("lines"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=shown, transient=True) as progress:
        task = progress.add_task("", total=lines)
        yield lambda done: progress.advance(task, done)
