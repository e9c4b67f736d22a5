"""A catalogue with every policy and every kind of rate, in numbers that can be checked by hand."""

from tollhoused.domain.catalogue import CatalogueHistory
from tollhoused.domain.catalogue_toml import parse_catalogue

SHOP = """\
name = "shop"
currency = "eur"
products = ["talk", "send"]
features = ["tracking.live"]
default_plan = "free"

[thresholds]
usage_percent = [80, 100]
credits_low = "1.00"

[packs]
small = "10.00"

[meters.calls]
kind = "counter"
unit = "call"
aliases = ["call"]
max_quantity = 1_000_000

[meters.tokens]
kind = "counter"
unit = "token"
max_quantity = 1_000_000

[meters.pages]
kind = "counter"
unit = "page"
max_quantity = 1_000_000

[meters.minutes]
kind = "counter"
unit = "minute"
max_quantity = 1_000_000

[meters.beacons]
kind = "counter"
unit = "beacon"
max_quantity = 1_000_000

[meters.space]
kind = "gauge"
unit = "shelf"
max_quantity = 1_000_000

[rates.list]
space = { price = "3.00" }
calls = { price = "2.00" }
tokens = { price = "0.00000001", per_units = 4 }
pages = { price = "5.00", per_units = 10, model = "package" }

[rates.half]
space = { price = "1.00" }
calls = { price = "1.00" }
tokens = { price = "0.00000001", per_units = 8 }

[plans.free]
name = "Free"
rank = 0
features = ["talk.access"]
rates = "list"

[plans.free.prices]
monthly = { amount = "0" }

[plans.free.meters]
calls = { included = 10, policy = "credits" }
tokens = { included = 0, policy = "credits" }
pages = { included = 5, policy = "credits" }
minutes = { included = 30, policy = "hard_limit" }
space = { included = 4, policy = "credits" }

[plans.plus]
name = "Plus"
rank = 10
features = ["talk.access", "send.access", "tracking.live"]
rates = "half"

[plans.plus.prices]
monthly = { amount = "9.00" }

[plans.plus.meters]
calls = { included = 100, policy = "credits" }
tokens = { included = 1_000, policy = "credits" }
minutes = { included = 300, policy = "hard_limit" }
beacons = { policy = "unmetered" }
space = { included = 9, policy = "credits" }

[plans.plus.meters.pages]
included = 50
policy = "credits"

[plans.plus.meters.pages.rate]
model = "graduated"
tiers = [{ up_to = 20, price = "0.40" }, { price = "0.25" }]

[plans.most]
name = "Most"
rank = 20
features = ["talk.access", "send.access"]
rates = "half"

[plans.most.meters]
calls = { policy = "unmetered" }
tokens = { included = 10_000, policy = "hard_limit" }
space = { included = 12, policy = "hard_limit" }
"""

HISTORY = CatalogueHistory({1: parse_catalogue(SHOP)})


def shop_with(*changes: tuple[str, str]) -> CatalogueHistory:
    """The shop, and for each change (old text, new text) one more version that differs from the one before by it."""
    texts = [SHOP]
    for old, new in changes:
        assert texts[-1].count(old) == 1, f"{old!r} must stand in the catalogue exactly once"
        texts.append(texts[-1].replace(old, new))
    return CatalogueHistory({version: parse_catalogue(text) for version, text in enumerate(texts, start=1)})
