"""Reads a catalogue from TOML and refuses every mistake with the path of its key.

Source: requirement S1. The keys are explained in the catalogues that ship, beginning with `catalogues/hub.toml`.
"""

import re
import tomllib

from tollhoused.domain.catalogue import (
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    Catalogue,
    CatalogueError,
    GrantCategory,
    Interval,
    Meter,
    MeterKind,
    MeterTerms,
    OnUnavailable,
    Pack,
    Plan,
    PlanCredits,
    PlanPrice,
    Policy,
    Thresholds,
    access_feature,
)
from tollhoused.domain.money import format_amount
from tollhoused.domain.rates import MAX_UNITS, Rate, RateError, RateModel, Tier
from tollhoused.domain.toml_table import DecimalText, TomlTable

MAX_EVENT_QUANTITY = 10**12
_MAX_RANK = 10_000
_MAX_PERCENT = 1_000
_MAX_DAYS = 3_660
PERIOD = "period"
"""How long credits last that end with the usage period in which they came."""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_FEATURE = re.compile(r"[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})+")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_CURRENCY = re.compile(r"[a-z]{3}")
_PRICE_ID = re.compile(r"[!-~]{1,255}")

_TOP_KEYS = (
    "name", "currency", "default_plan", "products", "features", "thresholds", "packs", "meters", "rates", "plans",
)  # fmt: skip
_METER_KEYS = ("kind", "unit", "aliases", "max_quantity", "on_unavailable")
_PLAN_KEYS = ("name", "rank", "prices", "features", "rates", "meters", "credits")
_CREDITS_KEYS = ("amount", "category", "priority", "meters", "lasts")

_RateCard = dict[str, Rate]


def parse_catalogue(text: str) -> Catalogue:
    """Read and check a whole catalogue.

    Raises CatalogueError: for what the catalogue means, with the key's path; for TOML's syntax, with the line.
    """
    root = TomlTable(_load(text), "", _TOP_KEYS)
    products = _products(root)
    features = _features(root, products)
    meters = _meters(root)
    rates = root.table("rates", optional=True)
    cards = {name: _rate_card(rates, name, meters) for name in rates}
    plans = _plans(root, {*features, *map(access_feature, products)}, meters, cards)
    return Catalogue(
        name=root.text("name"),
        currency=_currency(root),
        default_plan=_default_plan(root, plans),
        products=products,
        features=features,
        meters=meters,
        plans=plans,
        packs=_packs(root),
        thresholds=_thresholds(root),
    )


def _load(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text, parse_float=DecimalText)
    except tomllib.TOMLDecodeError as error:
        # Its text ends in "(at line 3, column 5)" or in "(at end of document)".
        end = f"line {len(text.splitlines())}, end of document"
        raise CatalogueError("", str(error).replace("end of document", end)) from None
    except (ValueError, RecursionError):
        raise CatalogueError("", "a number is too long or values are nested too deeply") from None


def _currency(root: TomlTable) -> str:
    return root.matching("currency", _CURRENCY, 'a lower-case ISO 4217 code, such as "usd"')


def _products(root: TomlTable) -> tuple[str, ...]:
    products = root.texts("products")
    if not products:
        raise CatalogueError("products", "at least one product is needed")
    for index, product in enumerate(products):
        _check_code(product, f"products[{index}]")
    return products


def _features(root: TomlTable, products: tuple[str, ...]) -> tuple[str, ...]:
    features = root.texts("features", optional=True)
    for index, feature in enumerate(features):
        if not _FEATURE.fullmatch(feature):
            raise CatalogueError(f"features[{index}]", 'must be lower-case words with dots, such as "priority.support"')
        if feature in map(access_feature, products):
            raise CatalogueError(f"features[{index}]", "the access to a product is a feature without being listed here")
    return features


def _meters(root: TomlTable) -> dict[str, Meter]:
    table = root.table("meters")
    meters = {code: _meter(table, code) for code in table}
    owners: dict[str, str] = {code: code for code in meters}
    for code, meter in meters.items():
        for index, alias in enumerate(meter.aliases):
            if alias in owners:
                what = "is a meter itself" if alias in meters else f'is an alias of "{owners[alias]}" already'
                raise CatalogueError(f"{table.at(code)}.aliases[{index}]", f'"{alias}" {what}')
            owners[alias] = code
    return meters


def _meter(meters: TomlTable, code: str) -> Meter:
    _check_code(code, meters.at(code))
    table = meters.table(code, _METER_KEYS)
    aliases = table.texts("aliases", optional=True)
    for index, alias in enumerate(aliases):
        if not _ALIAS.fullmatch(alias):
            path = f"{table.at('aliases')}[{index}]"
            raise CatalogueError(path, "must begin with a letter and have letters, digits, dots, dashes, underscores")
    return Meter(
        code=code,
        kind=table.choice("kind", MeterKind),
        unit=table.text("unit"),
        aliases=aliases,
        max_quantity=table.integer("max_quantity", 1, MAX_EVENT_QUANTITY),
        on_unavailable=table.choice("on_unavailable", OnUnavailable, default=OnUnavailable.DENY),
    )


def _rate_card(cards: TomlTable, name: str, meters: dict[str, Meter]) -> _RateCard:
    _check_code(name, cards.at(name))
    card = cards.table(name)
    return {meter: _rate(card, meter) for meter in _declared(card, meters)}


def _rate(parent: TomlTable, key: str) -> Rate:
    table = parent.table(key, ("price", "per_units", "model", "tiers"))
    model = table.choice("model", RateModel, default=RateModel.UNIT)
    if model is RateModel.GRADUATED and "price" in table:
        raise CatalogueError(table.at("price"), "a graduated rate has its prices in its tiers")
    try:
        return Rate(
            price_nanos=0 if model is RateModel.GRADUATED else table.amount_nanos("price"),
            per_units=table.integer("per_units", 1, MAX_UNITS, default=1),
            model=model,
            tiers=_tiers(table) if "tiers" in table or model is RateModel.GRADUATED else (),
        )
    except RateError as error:
        raise CatalogueError(f"{table.path}.{error.field}", error.message) from None


def _tiers(rate: TomlTable) -> tuple[Tier, ...]:
    tiers = []
    for table in rate.tables("tiers", ("up_to", "price", "per_units")):
        if "per_units" in table:
            raise CatalogueError(table.at("per_units"), "the tiers of a rate share its per_units: write it beside them")
        up_to = table.integer("up_to", 1, MAX_UNITS) if "up_to" in table else None
        tiers.append(Tier(up_to=up_to, price_nanos=table.amount_nanos("price")))
    return tuple(tiers)


def _plans(root: TomlTable, known: set[str], meters: dict[str, Meter], cards: dict[str, _RateCard]) -> dict[str, Plan]:
    table = root.table("plans")
    plans = {code: _plan(table, code, known, meters, cards) for code in table}
    by_rank: dict[int, str] = {}
    by_price_id: dict[tuple[str, str], str] = {}
    for plan in plans.values():
        path = table.at(plan.code)
        if plan.rank in by_rank:
            raise CatalogueError(f"{path}.rank", f'{plan.rank} is the rank of "{by_rank[plan.rank]}" already')
        by_rank[plan.rank] = plan.code
        for price in plan.prices:
            for named in price.provider_price_ids.items():
                where = f"{path}.prices.{price.interval}.provider_price_ids.{named[0]}"
                if named in by_price_id:
                    raise CatalogueError(where, f'"{named[1]}" is used at {by_price_id[named]} already')
                by_price_id[named] = where
    return plans


def _plan(plans: TomlTable, code: str, known: set[str], meters: dict[str, Meter], cards: dict[str, _RateCard]) -> Plan:
    _check_code(code, plans.at(code))
    table = plans.table(code, _PLAN_KEYS)
    features = table.texts("features")
    for index, feature in enumerate(features):
        if feature not in known:
            path = f"{table.at('features')}[{index}]"
            raise CatalogueError(path, f'"{feature}" is neither a declared feature nor the access to a product')
    card = _chosen_card(table, cards)
    terms = table.table("meters", optional=True)
    return Plan(
        code=code,
        name=table.text("name"),
        rank=table.integer("rank", 0, _MAX_RANK),
        prices=_prices(table),
        features=frozenset(features),
        meters={meter: _terms(terms, meter, card) for meter in _declared(terms, meters)},
        credits=_credits(table, meters),
    )


def _credits(plan: TomlTable, meters: dict[str, Meter]) -> tuple[PlanCredits, ...]:
    credits = plan.table("credits", optional=True)
    return tuple(_included(credits, code, meters) for code in credits)


def _included(credits: TomlTable, code: str, meters: dict[str, Meter]) -> PlanCredits:
    _check_code(code, credits.at(code))
    table = credits.table(code, _CREDITS_KEYS)
    amount_nanos = table.amount_nanos("amount")
    if amount_nanos == 0:
        raise CatalogueError(table.at("amount"), "must be more than 0")
    restricted = table.texts("meters", optional=True)
    for index, meter in enumerate(restricted):
        if meter not in meters:
            raise CatalogueError(f"{table.at('meters')}[{index}]", f"there is no [meters.{meter}] in this catalogue")
    until_the_end = table.value("lasts") == PERIOD
    if not until_the_end and isinstance(table.value("lasts"), str):
        raise CatalogueError(table.at("lasts"), f'must be "{PERIOD}" or a number of days')
    return PlanCredits(
        code=code,
        amount_nanos=amount_nanos,
        category=table.choice("category", GrantCategory, default=GrantCategory.PROMOTIONAL),
        priority=table.integer("priority", 0, MAX_PRIORITY, default=DEFAULT_PRIORITY),
        meters=frozenset(restricted),
        lasts_days=None if until_the_end else table.integer("lasts", 1, _MAX_DAYS),
    )


def _chosen_card(plan: TomlTable, cards: dict[str, _RateCard]) -> _RateCard:
    if "rates" not in plan:
        return {}
    name = plan.text("rates")
    if name not in cards:
        raise CatalogueError(plan.at("rates"), f"there is no [rates.{name}] in this catalogue")
    return cards[name]


def _terms(terms: TomlTable, meter: str, card: _RateCard) -> MeterTerms:
    table = terms.table(meter, ("included", "policy", "rate"))
    policy = table.choice("policy", Policy)
    rate = _rate(table, "rate") if "rate" in table else None
    if policy is Policy.CREDITS:
        rate = rate or card.get(meter)
        if rate is None:
            raise CatalogueError(
                table.at("rate"), 'the policy "credits" needs a rate, here or in the rates that the plan names'
            )
    elif rate is not None:
        raise CatalogueError(table.at("rate"), f'the policy "{policy}" charges nothing; only "credits" has a rate')
    # What has no end needs no allowance.
    included = table.integer("included", 0, MAX_UNITS, default=0 if policy is Policy.UNMETERED else None)
    return MeterTerms(included=included, policy=policy, rate=rate)


def _prices(plan: TomlTable) -> tuple[PlanPrice, ...]:
    table = plan.table("prices", tuple(interval.value for interval in Interval), optional=True)
    return tuple(_price(table, interval) for interval in Interval if interval.value in table)


def _price(prices: TomlTable, interval: Interval) -> PlanPrice:
    table = prices.table(interval.value, ("amount", "provider_price_ids"))
    ids = table.table("provider_price_ids", optional=True)
    for provider in ids:
        _check_code(provider, ids.at(provider))
    return PlanPrice(
        interval=interval,
        amount_nanos=table.amount_nanos("amount"),
        provider_price_ids={
            provider: ids.matching(provider, _PRICE_ID, "1 to 255 visible characters without spaces")
            for provider in ids
        },
    )


def _default_plan(root: TomlTable, plans: dict[str, Plan]) -> str:
    code = root.text("default_plan")
    if code not in plans:
        raise CatalogueError("default_plan", f"there is no [plans.{code}] in this catalogue")
    if any(price.amount_nanos for price in plans[code].prices):
        raise CatalogueError("default_plan", f'"{code}" has a price, and nobody would have agreed to pay it')
    return code


def _packs(root: TomlTable) -> tuple[Pack, ...]:
    table = root.table("packs", optional=True)
    packs: dict[int, Pack] = {}
    for code in table:
        _check_code(code, table.at(code))
        pack = Pack(code=code, amount_nanos=table.amount_nanos(code))
        if pack.amount_nanos == 0:
            raise CatalogueError(table.at(code), "must be more than 0")
        if pack.amount_nanos in packs:
            same = packs[pack.amount_nanos].code
            raise CatalogueError(table.at(code), f'"{same}" has {format_amount(pack.amount_nanos)} already')
        packs[pack.amount_nanos] = pack
    return tuple(packs.values())


def _thresholds(root: TomlTable) -> Thresholds:
    table = root.table("thresholds", ("usage_percent", "credits_low"))
    percents = table.integers("usage_percent", 1, _MAX_PERCENT)
    for index in range(1, len(percents)):
        if percents[index] <= percents[index - 1]:
            raise CatalogueError(f"{table.at('usage_percent')}[{index}]", "percentages must ascend")
    return Thresholds(usage_percent=percents, credits_low_nanos=table.amount_nanos("credits_low"))


def _declared(table: TomlTable, meters: dict[str, Meter]) -> list[str]:
    """The keys of a table whose keys are meters."""
    for code in table:
        if code not in meters:
            raise CatalogueError(table.at(code), f"there is no [meters.{code}] in this catalogue")
    return list(table)


def _check_code(code: str, path: str) -> None:
    if not _CODE.fullmatch(code):
        raise CatalogueError(path, "must be a lower-case word of letters, digits and underscores, up to 64")
