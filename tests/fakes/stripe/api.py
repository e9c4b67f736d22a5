"""The whole API: which function answers a method and a path."""

from collections.abc import Callable
from typing import NamedTuple

from tests.fakes.stripe import (
    catalog,
    checkout,
    customers,
    intents,
    invoicing,
    links,
    refunds,
    schedules,
    search,
    subscriptions,
)
from tests.fakes.stripe.customers import PAGE
from tests.fakes.stripe.forms import page
from tests.fakes.stripe.render import render_event
from tests.fakes.stripe.shapes import ApiError, Object, Route, invalid
from tests.fakes.stripe.world import EVENTS_KEPT_SECONDS, World


class Found(NamedTuple):
    """The route of a request, and the names in its path."""

    route: Route
    names: list[str]


def list_events(world: World, form: Object) -> Object:
    """What happened in the last thirty days, newest first, in the shape that webhooks have."""
    kinds = [form["type"]] if form.get("type") else form.get("types")
    kept = [event for event in world.events if event["created"] > world.now - EVENTS_KEPT_SECONDS]
    if form.get("delivery_success"):
        kept = [event for event in kept if event["_delivered"] == (form["delivery_success"] == "true")]
    return page([event for event in kept if not kinds or event["type"] in kinds], form, "/v1/events")


def get_event(world: World, form: Object, name: str) -> Object:
    """One event."""
    for event in world.events:
        if event["id"] == name:
            return event
    raise ApiError(404, "invalid_request_error", f"No such event: '{name}'", code="resource_missing", param="id")


def get_account(world: World, form: Object) -> Object:
    """Whose key it is."""
    return {"id": f"acct_{world.salt}", "object": "account", "charges_enabled": True, "default_currency": "usd"}


ROUTES = [
    *search.ROUTES,
    *catalog.ROUTES,
    *customers.ROUTES,
    *checkout.ROUTES,
    *links.ROUTES,
    *intents.ROUTES,
    *invoicing.ROUTES,
    *refunds.ROUTES,
    *schedules.ROUTES,
    *subscriptions.ROUTES,
    Route("GET", "/v1/account", get_account),
    Route("GET", "/v1/events", list_events, f"type types delivery_success {PAGE}"),
    Route("GET", "/v1/events/*", get_event),
]


def find(method: str, path: str) -> Found:
    """The route of a method and a path; paths that are spelled out go before patterns."""
    parts = path.strip("/").split("/")
    for route in ROUTES:
        wanted = route.pattern.strip("/").split("/")
        fits = len(wanted) == len(parts) and all(want in ("*", part) for want, part in zip(wanted, parts, strict=True))
        if fits and route.method == method:
            return Found(route, [part for want, part in zip(wanted, parts, strict=True) if want == "*"])
    message = f"Unrecognized request URL ({method}: {path})."
    raise ApiError(404, "invalid_request_error", message)


def answer(world: World, found: Found, form: Object) -> Object:
    """Carries a request out. Raises ApiError for parameters that the route does not take."""
    known = {*found.route.params.split(), "expand"}
    for name in form:
        if name not in known:
            raise invalid(f"Received unknown parameter: {name}", name, "parameter_unknown")
    handle: Callable[..., Object] = found.route.handle
    return handle(world, form, *found.names)


def shown(answered: Object, events_version: str, show: Callable[[Object], Object]) -> Object:
    """Events keep the shape they were made in; everything else has the one that the request asks for."""
    if answered["object"] == "event":
        return render_event(answered, events_version)
    if answered["object"] == "list" and answered["url"] == "/v1/events":
        return {**answered, "data": [render_event(event, events_version) for event in answered["data"]]}
    return show(answered)
