"""`tollhouse events`: where outgoing events are sent to, and what was not taken.

They work on the database, whether or not a server runs on it.
"""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import cli_call, opened_core
from tollhoused.cli.options import AsJson, DatabaseUrl, setting, settings_from
from tollhoused.cli.output import instant_json, print_facts, print_json, print_table
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.account import HOUR_US
from tollhoused.domain.endpoints import Endpoint
from tollhoused.usecases import endpoints
from tollhoused.usecases.core import Core
from tollhoused.usecases.endpoints import NewSecret

EndpointId = Annotated[str, typer.Argument(metavar="ENDPOINT_ID", help="The endpoint's id, such as endpoint_01...")]


def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to, such as https://host/path.")],
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="A kind of event to send; may be repeated. Otherwise all.", show_default=False),
    ] = None,
    events_allow_private: Annotated[
        bool | None, setting("events_allow_private", "--events-allow-private/--no-events-allow-private")
    ] = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL from now on. The secret that signs them is shown once."""
    program = Program.of(context)
    settings = settings_from(database_url=database_url, events_allow_private=events_allow_private)
    with opened_core(program, settings, writes=True) as core:
        made = endpoints.create(
            core, cli_call(), url=url, kinds=kinds or [], idempotency_key=program.new_id("cli"), validate_only=False
        )
    _print_new(made, as_json)


def rotate(
    context: typer.Context,
    endpoint_id: EndpointId,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", help="How long both secrets sign.", min=0, max=720)
    ] = 24,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make another secret for an endpoint; the old one signs beside it for the overlap."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        made = endpoints.rotate(
            core,
            cli_call(),
            endpoint_id=endpoint_id,
            overlap_us=overlap_hours * HOUR_US,
            idempotency_key=program.new_id("cli"),
            validate_only=False,
        )
    _print_new(made, as_json)


def list_(context: typer.Context, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List endpoints; never their secrets."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        found = endpoints.list_endpoints(core)
    facts = [
        {
            "endpoint": item.id,
            "url": item.url,
            "kinds": ", ".join(sorted(item.kinds)) or "all",
            "reached": item.reached,
            "made": instant_json(item.created_us),
        }
        for item in found
    ]
    if as_json:
        print_json(facts)
        return
    columns = ["endpoint", "url", "kinds", "reached", "made"]
    print_table(columns, [[str(fact[column]) for column in columns] for fact in facts])


def remove(
    context: typer.Context, endpoint_id: EndpointId, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """Send an endpoint nothing any more."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        endpoints.delete(
            core, cli_call(), endpoint_id=endpoint_id, idempotency_key=program.new_id("cli"), validate_only=False
        )
    if as_json:
        print_json({"endpoint_id": endpoint_id})
        return
    print_line(f"{endpoint_id} is sent nothing any more")


def list_dead(context: typer.Context, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List events that an endpoint has not taken in three days: they are not sent again by themselves."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        found = endpoints.list_dead(core)
    facts = [
        {
            "endpoint": letter.endpoint_id,
            "position": letter.event.position,
            "event": letter.event.id,
            "kind": letter.event.kind.value,
            "attempts": letter.attempts,
            "problem": letter.problem,
        }
        for letter in found
    ]
    if as_json:
        print_json(facts)
        return
    columns = ["endpoint", "position", "event", "kind", "attempts", "problem"]
    print_table(columns, [[str(fact[column]) for column in columns] for fact in facts])


def redeliver(
    context: typer.Context,
    endpoint_id: EndpointId,
    first: Annotated[int | None, typer.Option("--from", help="The first position.", min=1)] = None,
    last: Annotated[int | None, typer.Option("--to", help="The last position.", min=1)] = None,
    dead: Annotated[bool, typer.Option("--dead", help="All that it has not taken, instead of positions.")] = False,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Send an endpoint events again, under the ids that they had: what it was given up on, or a range of positions.

    Servers that run on the database send them within a second.
    """
    if dead == bool(first and last):
        raise CommandFailed("say --dead, or --from and --to")
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        endpoint = _found(core, endpoint_id)
        if dead:
            letters = endpoints.list_dead(core, endpoint_id)
            ranges = [(letter.event.position or 0,) * 2 for letter in letters]
        else:
            ranges = [(first or 0, last or 0)]
        number = sum(endpoints.send_again(core, endpoint, *each) for each in ranges)
    if as_json:
        print_json({"endpoint_id": endpoint_id, "events": number})
        return
    print_line(f"{number} events are sent again")


def _found(core: Core, endpoint_id: str) -> Endpoint:
    for endpoint in endpoints.list_endpoints(core):
        if endpoint.id == endpoint_id:
            return endpoint
    raise CommandFailed(f"there is no endpoint {endpoint_id}: see `tollhouse events endpoints list`")


def _print_new(made: NewSecret, as_json: bool) -> None:
    answer = made.answer
    if as_json:
        print_json({"endpoint_id": answer.endpoint_id, "url": answer.url, "secret": made.secret})
        return
    print_facts([("endpoint", answer.endpoint_id), ("url", answer.url), ("kinds", ", ".join(answer.kinds) or "all")])
    print_line("Its secret, shown only now:")
    print_line(made.secret)  # a table would fold it, and nobody could copy it
