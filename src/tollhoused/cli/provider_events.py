"""`tollhouse provider-events`: what the payment provider has told, and what has become of it.

They work on the database, whether or not a server runs on it.
"""

import json
from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import instant_json, print_facts, print_json, print_table
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.store.providers import APPLIED, DEAD, IGNORED, PENDING, ProviderEvent
from tollhoused.usecases import inbox, pages
from tollhoused.usecases.core import Core

STATES = (PENDING, APPLIED, IGNORED, DEAD)
COLUMNS = ("event", "provider", "kind", "state", "received", "attempts", "account", "problem")


def list_(
    context: typer.Context,
    state: Annotated[
        str, typer.Option("--state", help=f"Only those that are {', '.join(STATES)}.", show_default=False)
    ] = "",
    limit: Annotated[
        int, typer.Option("--limit", help="How many to list at the most.", min=1, max=pages.PAGE_SIZE_MAX)
    ] = pages.PAGE_SIZE_DEFAULT,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List events, newest first: pending ones wait or are tried again, ignored ones are about nobody here."""
    if state not in ("", *STATES):
        raise CommandFailed(f"--state must be one of {', '.join(STATES)}")
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        facts = [_facts(event) for event in inbox.list_events(core, state, limit)]
    if as_json:
        print_json(facts)
        return
    print_table(COLUMNS, [[str(fact[column] or "-") for column in COLUMNS] for fact in facts])


def show(
    context: typer.Context,
    event_id: Annotated[str, typer.Argument(metavar="ID", help="The provider's id of the event.")],
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show one event with its body, as it was received. It may name people."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        event = _found(core, event_id)
    facts = _facts(event) | {
        "made": instant_json(event.created_us),
        "next_attempt": instant_json(event.next_attempt_us) if event.state == PENDING else None,
    }
    if as_json:
        print_json(facts | {"body": json.loads(event.body)})
        return
    print_facts([(name, value or "-") for name, value in facts.items()])
    print_line(event.body)


def replay(
    context: typer.Context,
    event_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Events to apply again.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that were given up, instead of ids.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Apply events again, whatever became of them: what they tell of twice has no effect twice.

    Servers that run on the database do so within a second.
    """
    if dead == bool(event_ids):
        raise CommandFailed("say --dead, or which events by their ids")
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        if dead:
            number = inbox.replay_dead(core)
        else:
            events = [_found(core, event_id) for event_id in event_ids or ()]
            for event in events:
                inbox.replay(core, event)
            number = len(events)
    if as_json:
        print_json({"events": number})
        return
    print_line(f"{number} events are applied again")


def _found(core: Core, event_id: str) -> ProviderEvent:
    event = inbox.find(core, event_id)
    if event is None:
        raise CommandFailed(f"there is no event {event_id}: see `tollhouse provider-events list`")
    return event


def _facts(event: ProviderEvent) -> dict[str, str | int | None]:
    return {
        "event": event.id,
        "provider": event.provider,
        "kind": event.kind,
        "state": event.state,
        "received": instant_json(event.received_us),
        "attempts": event.attempts,
        "account": event.account_id,
        "problem": event.problem,
    }
