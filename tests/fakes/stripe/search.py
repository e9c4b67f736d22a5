"""Searches: `metadata['attempt']:'x' AND status:'succeeded'`, without Stripe's delay of up to a minute."""

import re
from collections.abc import Callable

from tests.fakes.stripe.forms import page
from tests.fakes.stripe.shapes import Object, Route, invalid
from tests.fakes.stripe.world import World

CLAUSE = re.compile(r"""(metadata\[["'](?P<key>[^"']+)["']\]|(?P<field>\w+))\s*:\s*["'](?P<value>[^"']*)["']""")
KINDS = ("customer", "payment_intent", "subscription", "invoice", "charge", "price", "product")


def search_of(kind: str) -> Callable[[World, Object], Object]:
    """What answers a search for one kind."""

    def search(world: World, form: Object) -> Object:
        clauses = [CLAUSE.fullmatch(part.strip()) for part in form.get("query", "").split(" AND ")]
        if not all(clauses):
            raise invalid("We were unable to parse your search query.", "query")
        found = [item for item in world.all(kind) if all(clause and _holds(item, clause) for clause in clauses)]
        listed = page(found, {"limit": form.get("limit", "10")}, f"/v1/{kind}s/search")
        return {**listed, "object": "search_result", "next_page": None}

    return search


def _holds(item: Object, clause: re.Match[str]) -> bool:
    if clause["key"]:
        return bool(item["metadata"].get(clause["key"]) == clause["value"])
    return str(item.get(clause["field"])) == clause["value"]


ROUTES = [Route("GET", f"/v1/{kind}s/search", search_of(kind), "query limit page") for kind in KINDS]
