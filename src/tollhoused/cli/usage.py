"""`tollhouse usage load`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tollhoused.cli.options import AsJson, ReachTrusting, ReachWithTls, ServerAddress, settings_from
from tollhoused.cli.output import print_json
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.cli.times import FORMATS, time_reader
from tollhoused.cli.usage_file import UsageFile, usage_file
from tollhoused.cli.usage_layout import Layout, Source, measures_of
from tollhoused.cli.usage_load import Rejects, load_file, print_loaded
from tollhoused.domain.commands import Enforcement
from tollhoused.rpc.channel import target_of
from tollhoused.usecases.usage import BATCH_ITEMS_MAX


def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a heading, or NDJSON: one object per line.")],
    meters: Annotated[
        list[str] | None,
        typer.Option(
            "--meter",
            metavar="METER=COLUMNS",
            help="Count a column on a meter, or the sum of several: ai_tokens=prompt+answer. A number counts the same"
            " for every row: api_calls=1. May be repeated: each is a usage event of its own.",
            show_default=False,
        ),
    ] = None,
    meter_column: Annotated[
        str, typer.Option("--meter-column", help="Instead of --meter: the column that names the meter.")
    ] = "",
    quantity_column: Annotated[
        str, typer.Option("--quantity-column", help="With --meter-column: the column that holds the units.")
    ] = "",
    product: Annotated[str, typer.Option("--product", help="The product that used it, for every row.")] = "",
    product_column: Annotated[str, typer.Option("--product-column", help="The column that names the product.")] = "",
    user_column: Annotated[str, typer.Option("--user-column", help="The column with user ids.")] = "",
    email_column: Annotated[str, typer.Option("--email-column", help="The column with e-mail addresses.")] = "",
    org_column: Annotated[str, typer.Option("--org-column", help="The column with organizations' ids.")] = "",
    user_id: Annotated[str, typer.Option("--user-id", help="The same user for every row.")] = "",
    email: Annotated[str, typer.Option("--email", help="The same e-mail address for every row.")] = "",
    org_id: Annotated[str, typer.Option("--org-id", help="The same organization for every row.")] = "",
    spread: Annotated[
        int, typer.Option("--spread", help="Deal the rows to this many users in turn.", min=0, max=1_000_000)
    ] = 0,
    subject_prefix: Annotated[
        str, typer.Option("--subject-prefix", help="With --spread: what the user ids begin with; a number follows.")
    ] = "user-",
    time_column: Annotated[
        str, typer.Option("--time-column", help="The column that says when. Without it, the time of loading counts.")
    ] = "",
    time_format: Annotated[
        str, typer.Option("--time-format", help=f"How times are written: {FORMATS}. UTC where no zone is named.")
    ] = "iso",
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move all times by one span, so that the last is just before now.")
    ] = False,
    enforcement: Annotated[
        Enforcement, typer.Option("--enforcement", help="enforce refuses what exceeds the plan; record never does.")
    ] = Enforcement.ENFORCE,
    form: Annotated[str, typer.Option("--format", help="csv or ndjson; auto looks at the file's name.")] = "auto",
    delimiter: Annotated[str, typer.Option("--delimiter", help="What separates the fields of a CSV file.")] = ",",
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Usage events per call.", min=1, max=BATCH_ITEMS_MAX)
    ] = BATCH_ITEMS_MAX,
    rejects_to: Annotated[
        Path | None,
        typer.Option("--rejects", help="Write every reject to this file, as NDJSON.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    address: ServerAddress = None,
    tls: ReachWithTls = None,
    tls_ca: ReachTrusting = None,
) -> None:
    """Record usage from a file, through a running server.

    For example, calls.csv with the columns at, customer, prompt and answer:

    tollhouse usage load calls.csv --product talk --user-column customer --time-column at
    --meter ai_tokens=prompt+answer --meter api_calls=1

    Keys are made of the file's content and the line, so loading a file twice records nothing twice, and a load that was
    interrupted goes on where it stopped. Accounts must exist: see `tollhouse accounts provision`. A server that asks
    for keys wants one with the scope usage.write, from TOLLHOUSE_API_KEY.

    What is refused is listed by line on standard error. Exit code 1 if anything was.
    """
    target = target_of(settings_from(address=address, tls=tls, tls_ca=tls_ca))
    layout = Layout(
        measures=measures_of(meters or [], meter_column, quantity_column),
        user_id=_source("--user-column", user_column, "--user-id", user_id),
        email=_source("--email-column", email_column, "--email", email),
        org_id=_source("--org-column", org_column, "--org-id", org_id),
        spread=spread,
        spread_prefix=subject_prefix,
        product=_source("--product-column", product_column, "--product", product),
        time_column=time_column,
        read_time=_time_reader(time_format),
        enforcement=enforcement,
    )
    source = usage_file(file, form, delimiter)
    _check(source, layout, shift_to_now)
    clock = Program.of(context).clock if shift_to_now else None
    with Rejects(rejects_to) as rejects:
        loaded = load_file(source, layout, target, batch_size, clock, rejects)
    if as_json:
        print_json(loaded.to_json())
    else:
        print_loaded(loaded, rejects)
    if loaded.failure:
        raise CommandFailed(f"stopped: {loaded.failure}. The same command goes on where this one stopped")
    if loaded.tally.rejects:
        raise typer.Exit(1)


def _source(column_option: str, column: str, constant_option: str, constant: str) -> Source:
    if column and constant:
        raise CommandFailed(f"{column_option} and {constant_option} exclude each other")
    return Source(column, constant)


def _time_reader(form: str) -> Callable[[str], int]:
    try:
        return time_reader(form)
    except ValueError as error:
        raise CommandFailed(f"--time-format: {error}") from error


def _check(source: UsageFile, layout: Layout, shift_to_now: bool) -> None:
    """Refuses what would refuse every row, before the first one is sent."""
    given = [bool(each.column or each.constant) for each in (layout.user_id, layout.email, layout.org_id)]
    if any(given) == bool(layout.spread):
        raise CommandFailed("say whose usage it is: --spread, or a column or a value for user, e-mail or organization")
    if not (layout.product.column or layout.product.constant):
        raise CommandFailed("say which product used it: --product or --product-column")
    if shift_to_now and not layout.time_column:
        raise CommandFailed("--shift-to-now needs --time-column")
    columns = source.columns()
    unknown = sorted(layout.columns() - set(columns)) if columns is not None else []
    if unknown:
        raise CommandFailed(
            f"{source.path}: has no column {', '.join(unknown)}; its columns are {', '.join(columns or [])}"
        )
