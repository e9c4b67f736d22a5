"""`tollhouse catalog`: check, apply and show what is sold."""

from typing import Annotated

import typer

from tollhoused.cli.files import read_catalogue
from tollhoused.cli.lines import print_line
from tollhoused.cli.opening import opened_store
from tollhoused.cli.options import AsJson, DatabaseUrl, settings_from
from tollhoused.cli.output import money, print_facts, print_json, print_table
from tollhoused.cli.program import CommandFailed, Program
from tollhoused.domain.catalogue import Catalogue, CatalogueError, MeterTerms, Plan
from tollhoused.domain.money import format_amount
from tollhoused.domain.rates import Rate, RateModel, rate_to_json
from tollhoused.store.faults import Fault, StoreFault
from tollhoused.store.shelf import CatalogueShelf

CatalogueArgument = Annotated[
    str, typer.Argument(metavar="FILE", help="A TOML file, or the name of a shipped catalogue: hub, memory_store.")
]


def check(file: CatalogueArgument) -> None:
    """Read a catalogue and say what is wrong with it. Touches no database."""
    catalogue = read_catalogue(file).parse()
    print_line(
        f"{file}: the catalogue {catalogue.name} is sound: {len(catalogue.plans)} plans,"
        f" {len(catalogue.meters)} meters, {len(catalogue.products)} products, in {catalogue.currency}"
    )


def apply(context: typer.Context, file: CatalogueArgument, database_url: DatabaseUrl = None) -> None:
    """Make a catalogue the newest version in the database.

    Servers work by it within seconds. Subscriptions keep the plan they were bought under. A catalogue that equals the
    newest version changes nothing.
    """
    found = read_catalogue(file)
    found.parse()
    with opened_store(settings_from(database_url=database_url)) as store:
        shelf = CatalogueShelf(store)
        shelf.refresh()
        before = max(shelf.history.versions, default=0)
        try:
            # A database of the live environment has no such offset.
            after = shelf.apply(found.toml, Program.of(context).clock() + store.clock_offset_us())
        except CatalogueError as error:
            raise found.refused(error) from error
        except StoreFault as error:
            if error.fault is Fault.COLLISION:
                raise CommandFailed(
                    "another version was applied at the same moment: look at it and try again"
                ) from error
            raise
    print_line(f"{file}: {'is version' if after != before else 'equals the newest version,'} {after}")


def show(
    version: Annotated[int, typer.Option("--version", help="An older version; 0 is the newest.", min=0)] = 0,
    toml: Annotated[bool, typer.Option("--toml", help="Write the file as it was applied.")] = False,
    as_json: AsJson = False,
    database_url: DatabaseUrl = None,
) -> None:
    """Show a version of the catalogue that the database has."""
    with opened_store(settings_from(database_url=database_url)) as store:
        shelf = CatalogueShelf(store)
        shelf.refresh()
        versions = shelf.history.versions
        if not versions:
            raise CommandFailed("the database has no catalogue: run `tollhouse catalog apply hub`, or another file")
        wanted = version or shelf.history.newest_version
        if wanted not in versions:
            raise CommandFailed(f"there is no version {wanted}; the newest is {shelf.history.newest_version}")
        text = dict(store.catalogues(known=wanted - 1))[wanted]
    catalogue = versions[wanted]
    if toml:
        print_line(text.rstrip("\n"))
    elif as_json:
        print_json({"version": wanted, **_catalogue_json(catalogue)})
    else:
        _print_catalogue(wanted, catalogue)


def _print_catalogue(version: int, catalogue: Catalogue) -> None:
    print_facts(
        [
            ("catalogue", f"{catalogue.name}, version {version}"),
            ("currency", catalogue.currency),
            ("products", ", ".join(catalogue.products)),
            ("packs", ", ".join(format_amount(pack.amount_nanos) for pack in catalogue.packs) or "-"),
            ("default plan", catalogue.default_plan),
        ]
    )
    plans = sorted(catalogue.plans.values(), key=lambda plan: plan.rank)
    print_table(
        ["plan", "rank>", "price", "features"],
        [(plan.code, plan.rank, _prices(plan, catalogue.currency), ", ".join(sorted(plan.features))) for plan in plans],
    )
    rows = []
    for meter in catalogue.meters.values():
        for plan in plans:
            terms = plan.meters.get(meter.code)
            if terms:
                rows.append((meter.code, plan.code, *_terms(terms, meter.unit)))
    print_table(["meter", "plan", "included>", "beyond that"], rows)


def _prices(plan: Plan, currency: str) -> str:
    if not plan.prices:
        return "by agreement"
    return ", ".join(f"{money(price.amount_nanos, currency)} {price.interval.value}" for price in plan.prices)


def _terms(terms: MeterTerms, unit: str) -> tuple[str, str]:
    if terms.rate:
        return f"{terms.included:,}", f"{terms.policy.value}: {_rate(terms.rate, unit)}"
    return ("-" if terms.policy.value == "unmetered" else f"{terms.included:,}"), terms.policy.value


def _rate(rate: Rate, unit: str) -> str:
    """A rate for people: "0.002 per 1,000 token"."""
    per = unit if rate.per_units == 1 else f"{rate.per_units:,} {unit}"
    if rate.model is RateModel.GRADUATED:
        steps = [
            f"{format_amount(tier.price_nanos)} {'beyond' if tier.up_to is None else f'up to {tier.up_to:,}'}"
            for tier in rate.tiers
        ]
        return f"{', '.join(steps)} per {per}"
    return f"{format_amount(rate.price_nanos)} per {'started ' if rate.model is RateModel.PACKAGE else ''}{per}"


def _catalogue_json(catalogue: Catalogue) -> dict[str, object]:
    return {
        "name": catalogue.name,
        "currency": catalogue.currency,
        "default_plan": catalogue.default_plan,
        "products": list(catalogue.products),
        "features": list(catalogue.features),
        "meters": {
            meter.code: {
                "kind": meter.kind.value,
                "unit": meter.unit,
                "aliases": list(meter.aliases),
                "max_quantity": meter.max_quantity,
                "on_unavailable": meter.on_unavailable.value,
            }
            for meter in catalogue.meters.values()
        },
        "plans": {plan.code: _plan_json(plan) for plan in catalogue.plans.values()},
        "packs": {pack.code: pack.amount_nanos for pack in catalogue.packs},
    }


def _plan_json(plan: Plan) -> dict[str, object]:
    return {
        "name": plan.name,
        "rank": plan.rank,
        "prices": {price.interval.value: price.amount_nanos for price in plan.prices},
        "features": sorted(plan.features),
        "meters": {
            code: {
                "included": terms.included,
                "policy": terms.policy.value,
                "rate": rate_to_json(terms.rate) if terms.rate else None,
            }
            for code, terms in plan.meters.items()
        },
    }
