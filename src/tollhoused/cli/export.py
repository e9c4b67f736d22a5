"""`tollhouse export`: the books for other programs."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tollhoused.cli.books_formats import WRITERS
from tollhoused.cli.opening import opened_store
from tollhoused.cli.options import DatabaseUrl, settings_from
from tollhoused.cli.program import CommandFailed
from tollhoused.cli.times import read_iso
from tollhoused.usecases import exporting


class Format(StrEnum):
    """How the journal is written."""

    BEANCOUNT = "beancount"
    NDJSON = "ndjson"
    CSV = "csv"


def export(
    form: Annotated[Format, typer.Option("--format", help="How the journal is written.")] = Format.BEANCOUNT,
    start: Annotated[
        str, typer.Option("--from", help="From this instant on; what was before is one opening.", metavar="TIME")
    ] = "",
    end: Annotated[str, typer.Option("--to", help="Before this instant.", metavar="TIME")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", help="Write this file instead of standard output.", metavar="FILE")
    ] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write the books as a double-entry journal.

    Every ledger entry is a transaction that balances, followed by what each account must amount to: without --to, what
    the books say beside the ledger. `bean-check` proves a journal for beancount. Reads one snapshot, also beside a
    running server, and changes nothing. Times are ISO 8601, UTC unless they say otherwise.
    """
    from_us, to_us = _instant("--from", start), _instant("--to", end)
    if from_us is not None and to_us is not None and from_us >= to_us:
        raise CommandFailed("--from must be earlier than --to")
    with opened_store(settings_from(database_url=database_url), guarded=False) as store:
        records = exporting.export(store, from_us, to_us)
        if output is None:
            WRITERS[form](records, sys.stdout)
            sys.stdout.flush()
            return
        unfinished = output.with_name(f"{output.name}.unfinished")
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                WRITERS[form](records, file)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(output)
        except OSError as error:
            raise CommandFailed(f"{output}: {error.strerror}") from error
        finally:
            unfinished.unlink(missing_ok=True)


def _instant(option: str, text: str) -> int | None:
    if not text:
        return None
    try:
        return read_iso(text)
    except ValueError as error:
        raise CommandFailed(f"{option}: {text!r} {error}") from error
