"""A small catalogue with every kind of price, and ways to spoil it."""

import pytest

from tollhoused.domain.catalogue import CatalogueError
from tollhoused.domain.catalogue_toml import parse_catalogue

POST = """\
name = "post office"
currency = "eur"
products = ["letters", "parcels"]
features = ["tracking.live"]
default_plan = "walk_in"

[thresholds]
usage_percent = [80, 100]
credits_low = "5.00"

[packs]
small = "10.00"
large = "100.00"

[meters.stamps]
kind = "counter"
unit = "stamp"
aliases = ["stamp", "Stamp.v1"]
max_quantity = 1_000
on_unavailable = "allow"

[meters.weight]
kind = "counter"
unit = "g"
max_quantity = 50_000

[meters.boxes]
kind = "gauge"
unit = "box"
max_quantity = 10

[rates.counter]
stamps = { price = "0.80" }
weight = { price = "2.50", per_units = 500, model = "package" }

[plans.walk_in]
name = "Walk-in"
rank = 0
features = ["letters.access"]
rates = "counter"

[plans.walk_in.prices]
monthly = { amount = "0" }

[plans.walk_in.meters]
stamps = { included = 1, policy = "credits" }
weight = { included = 0, policy = "credits" }

[plans.company]
name = "Company"
rank = 10
features = ["letters.access", "parcels.access", "tracking.live"]
rates = "counter"

[plans.company.prices]
monthly = { amount = "9.99", provider_price_ids = { stripe = "price_m", dodo = "pdt_m" } }
yearly = { amount = "99.90", provider_price_ids = { stripe = "price_y" } }

[plans.company.meters]
weight = { policy = "unmetered" }
boxes = { included = 2, policy = "hard_limit" }

[plans.company.meters.stamps]
included = 100
policy = "credits"

[plans.company.meters.stamps.rate]
model = "graduated"
per_units = 10
tiers = [
    { up_to = 1_000, price = "7.00" },
    { price = "6.50" },
]
"""


def post_with(old: str, new: str) -> str:
    """The catalogue above with one place changed."""
    assert POST.count(old) == 1, f"{old!r} must stand in the catalogue exactly once"
    return POST.replace(old, new)


def mistake_in(text: str) -> CatalogueError:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(text)
    return caught.value
