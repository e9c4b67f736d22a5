"""`tollhouse clients` and `tollhouse keys`: who may call.

They work on the database, whether or not a server runs on it.
"""

from typing import Annotated

import typer

from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import cli_call, opened_core, settle_environment
from tollhoused.cli.options import AsJson, DatabaseUrl, Environment, settings_from, was_given
from tollhoused.cli.output import instant, instant_json, print_facts, print_json, print_table
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.cli.times import read_iso
from tollhoused.domain.account import HOUR_US
from tollhoused.domain.answers import KeyAnswer
from tollhoused.domain.keys import Key, Scope
from tollhoused.usecases import registry
from tollhoused.usecases.registry import NewKey

ClientId = Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id, such as talk-backend.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY_ID", help="The key's id, such as key_01...; not its text.")]


def create_client(
    context: typer.Context,
    client_id: ClientId,
    name: Annotated[str, typer.Option("--name", help="A name for people.", show_default=False)] = "",
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a client: a program that calls, the owner of keys."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        key = program.new_id("cli")
        registry.create_client(
            core, cli_call(), client_id=client_id, name=name, idempotency_key=key, validate_only=False
        )
    if as_json:
        print_json({"client_id": client_id})
        return
    print_line(f"client {client_id} made")


def list_clients(context: typer.Context, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """List every client."""
    with opened_core(Program.of(context), settings_from(database_url=database_url)) as core:
        found = registry.list_clients(core)
    if as_json:
        print_json(
            [{"client_id": item.id, "name": item.name, "created": instant_json(item.created_us)} for item in found]
        )
        return
    print_table(
        ["client", "name", "made"], [[item.id, item.name, str(instant_json(item.created_us))] for item in found]
    )


def create_key(
    context: typer.Context,
    client_id: ClientId,
    scopes: Annotated[list[Scope], typer.Option("--scope", help="What it may do; may be repeated.")],
    products: Annotated[
        list[str] | None,
        typer.Option("--product", help="A product it speaks for; may be repeated. Otherwise any.", show_default=False),
    ] = None,
    may_create: Annotated[
        bool, typer.Option("--may-create", help="Its reports may ask for accounts to be made.")
    ] = False,
    expires: Annotated[
        str, typer.Option("--expires", help="When it ends by itself: 2027-01-31.", metavar="TIME", show_default=False)
    ] = "",
    environment: Environment = None,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key. Its text is shown once and stored nowhere.

    A key is of the environment that the database serves; the first key of a new database settles which.
    """
    program = Program.of(context)
    settings = settings_from(database_url=database_url, environment=environment)
    with opened_core(program, settings, writes=True) as core:
        asked = settings.environment if was_given("environment", environment) else core.environment.value
        settle_environment(core.store, asked)
        made = registry.create_key(
            core,
            cli_call(),
            client_id=client_id,
            scopes=scopes,
            products=products or [],
            may_create=may_create,
            expires_us=_instant(expires),
            idempotency_key=program.new_id("cli"),
            validate_only=False,
        )
    _print_new(made, as_json)


def list_keys(
    context: typer.Context,
    client_id: Annotated[str, typer.Option("--client", help="Only this client's keys.", show_default=False)] = "",
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """List API keys, ended ones too; never their secrets."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url)) as core:
        found = registry.list_keys(core, client_id)
        now_us = core.clock()
    if as_json:
        print_json([_facts(key, now_us) for key in found])
        return
    columns = ["key", "client", "scopes", "products", "environment", "state", "ends", "last used"]
    print_table(
        columns, [[str(_facts(key, now_us)[name.replace(" ", "_")] or "-") for name in columns] for key in found]
    )


def rotate_key(
    context: typer.Context,
    key_id: KeyId,
    overlap_hours: Annotated[
        int, typer.Option("--overlap-hours", help="How long the old key goes on beside the new one.", min=0, max=720)
    ] = 24,
    database_url: DatabaseUrl = None,
    as_json: AsJson = False,
) -> None:
    """Make a second key with the same rights; the old one ends after the overlap."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        made = registry.rotate_key(
            core,
            cli_call(),
            key_id=key_id,
            overlap_us=overlap_hours * HOUR_US,
            idempotency_key=program.new_id("cli"),
            validate_only=False,
        )
    _print_new(made, as_json)


def revoke_key(
    context: typer.Context, key_id: KeyId, database_url: DatabaseUrl = None, as_json: AsJson = False
) -> None:
    """End an API key at once; running servers refuse it within seconds."""
    program = Program.of(context)
    with opened_core(program, settings_from(database_url=database_url), writes=True) as core:
        settled = registry.revoke_key(
            core, cli_call(), key_id=key_id, idempotency_key=program.new_id("cli"), validate_only=False
        )
    answer = settled.answer
    assert isinstance(answer, KeyAnswer)
    if as_json:
        print_json({"key_id": answer.key_id, "revoked": instant_json(answer.revoked_us)})
        return
    print_line(f"{answer.key_id} of {answer.client_id} is revoked")


def _print_new(made: NewKey, as_json: bool) -> None:
    answer = made.answer
    if as_json:
        print_json({"key_id": answer.key_id, "client_id": answer.client_id, "text": made.text})
        return
    print_facts(
        [
            ("key", answer.key_id),
            ("client", answer.client_id),
            ("scopes", ", ".join(answer.scopes)),
            ("products", ", ".join(answer.products) or "any"),
            ("environment", answer.environment),
            ("ends", instant(answer.expires_us)),
        ]
    )
    print_line("Its text, shown only now:")
    print_line(made.text)  # a table would fold it, and nobody could copy it


def _facts(key: Key, now_us: int) -> dict[str, object]:
    state = "live" if key.live(now_us) else "revoked" if key.revoked_us is not None else "expired"
    return {
        "key": key.id,
        "client": key.client,
        "scopes": ", ".join(sorted(key.scopes)),
        "products": ", ".join(sorted(key.products)) or "any",
        "environment": key.environment.value,
        "state": state,
        "ends": instant_json(key.ends_us),
        "last_used": instant_json(key.last_used_us),
    }


def _instant(text: str) -> int | None:
    if not text:
        return None
    try:
        return read_iso(text)
    except ValueError as error:
        raise CommandFailed(f"--expires: {text!r} {error}") from error
