import pytest

from tests.domain.post_office import mistake_in, post_with


def assert_mistake(text: str, key_path: str, message: str) -> None:
    mistake = mistake_in(text)

    assert mistake.key_path == key_path
    assert message in mistake.message
    assert str(mistake) == f"{key_path}: {mistake.message}"


@pytest.mark.parametrize(
    ("key_path", "message", "old", "new"),
    [
        ("currency", "is missing", 'currency = "eur"\n', ""),
        ("currency", "ISO 4217", '"eur"', '"EUR"'),
        ("curency", 'did you mean "currency"?', "currency", "curency"),
        ("colour", "the keys here are name, currency", 'name = "post office"', 'colour = "red"'),
        ("name", "must be text in quotes, not a whole number", '"post office"', "7"),
        ("name", "one line", '"post office"', '"post\\noffice"'),
        ("name", "1 to 100", '"post office"', '" "'),
        ("default_plan", "there is no [plans.vip]", '"walk_in"', '"vip"'),
        ("default_plan", "has a price", '"walk_in"', '"company"'),
        ("default_plan", "is missing", 'default_plan = "walk_in"', ""),
        ("products", "at least one", '["letters", "parcels"]', "[]"),
        ("products", "must be a list, not text", '["letters", "parcels"]', '"letters"'),
        ("products[1]", "listed twice", '"parcels"]', '"letters"]'),
        ("products[1]", "must be text", '"parcels"]', "5]"),
        ("products[1]", "lower-case word", '"parcels"]', '"Parcels"]'),
        ("features[0]", "words with dots", '["tracking.live"]', '["tracking"]'),
        ("features[0]", "without being listed", '["tracking.live"]', '["parcels.access"]'),
        ("thresholds.credits_low", "must be an amount in quotes", 'credits_low = "5.00"', "credits_low = 5"),
        ("thresholds.credits_low", "negative", '"5.00"', '"-5.00"'),
        ("thresholds.usage_percent[1]", "must ascend", "[80, 100]", "[80, 80]"),
        ("thresholds.usage_percent[0]", "between 1 and 1000", "[80, 100]", "[0, 100]"),
        ("thresholds.usage_percent[0]", "whole number without quotes, not text", "[80, 100]", '["80", 100]'),
        ("packs", "must be a table, not a list", "[packs]", "[[packs]]"),
        ("packs.small", "more than 0", '"10.00"', '"0"'),
        ("packs.large", '"small" has 10.00 already', '"100.00"', '"10"'),
        ("packs.large", "out of range", '"100.00"', '"9999999999"'),
    ],
)
def test_a_mistake_about_the_whole_catalogue(key_path: str, message: str, old: str, new: str) -> None:
    assert_mistake(post_with(old, new), key_path, message)


@pytest.mark.parametrize(
    ("key_path", "message", "old", "new"),
    [
        ("meters.stamps.kind", 'one of "counter", "gauge"', 'kind = "counter"\nunit = "stamp"', 'kind = "sum"'),
        ("meters.stamps.unit", "is missing", 'unit = "stamp"\n', ""),
        ("meters.stamps.max_quantity", "not a number with a decimal point", "= 1_000\n", "= 1e3\n"),
        ("meters.stamps.max_quantity", "must be between 1 and", "= 1_000\n", "= 0\n"),
        ("meters.stamps.max_quantity", "must be between 1 and", "= 1_000\n", "= 9_223_372_036_854_775_807\n"),
        ("meters.stamps.max_quantity", "not true or false", "= 1_000\n", "= true\n"),
        ("meters.stamps.max_quantity", "not a date or a time", "= 1_000\n", "= 2026-01-01\n"),
        ("meters.stamps.on_unavailable", 'one of "allow", "deny"', '"allow"', '"maybe"'),
        ("meters.stamps.aliases[0]", "is a meter itself", '["stamp", ', '["weight", '),
        ("meters.stamps.aliases[0]", "is a meter itself", '["stamp", ', '["stamps", '),
        ("meters.stamps.aliases[1]", "listed twice", '"Stamp.v1"', '"stamp"'),
        ("meters.stamps.aliases[1]", "must begin with a letter", '"Stamp.v1"', '"1 stamp"'),
        ("meters.weight.aliases[0]", 'an alias of "stamps" already', 'unit = "g"', 'unit = "g"\naliases = ["stamp"]'),
        ("meters.Boxes", "lower-case word", "[meters.boxes]", "[meters.Boxes]"),
        ('meters."big boxes"', "lower-case word", "[meters.boxes]", '[meters."big boxes"]'),
    ],
)
def test_a_mistake_in_a_meter(key_path: str, message: str, old: str, new: str) -> None:
    assert_mistake(post_with(old, new), key_path, message)


@pytest.mark.parametrize(
    ("key_path", "message", "rate"),
    [
        ("", "must be a table, not text", '"0.80"'),
        (".price", "is missing", "{ }"),
        (".price", "not a number with a decimal point", "{ price = 0.8 }"),
        (".price", "not a number with a decimal point", "{ price = nan }"),
        (".price", "not a whole number", "{ price = 1 }"),
        (".price", "not an amount", '{ price = "1e3" }'),
        (".price", "negative", '{ price = "-1" }'),
        (".price", "out of range", '{ price = "5000000000" }'),
        (".price", "in its tiers", '{ model = "graduated", price = "1", tiers = [{ price = "1" }] }'),
        (".per_units", "between 1", '{ price = "1", per_units = 0 }'),
        (".per_units", "whole number", '{ price = "1", per_units = "10" }'),
        (".per_unit", 'did you mean "per_units"?', '{ price = "1", per_unit = 10 }'),
        (".model", 'one of "unit", "package", "graduated"', '{ price = "1", model = "volume" }'),
        (".tiers", "a unit rate has no tiers", '{ price = "1", tiers = [{ price = "1" }] }'),
        (".tiers", "is missing", '{ model = "graduated" }'),
        (".tiers", "at least one", '{ model = "graduated", tiers = [] }'),
        (".tiers", "must be a list, not a table", '{ model = "graduated", tiers = { price = "1" } }'),
        (".tiers[0]", "must be a table, not text", '{ model = "graduated", tiers = ["1"] }'),
    ],
)
def test_a_mistake_in_a_rate(key_path: str, message: str, rate: str) -> None:
    text = post_with('stamps = { price = "0.80" }', f"stamps = {rate}")

    assert_mistake(text, f"rates.counter.stamps{key_path}", message)


@pytest.mark.parametrize(
    ("key_path", "message", "tiers"),
    [
        ("tiers[0].up_to", "only the last tier", '{ price = "7.00" }, { price = "6.50" }'),
        ("tiers[0].up_to", "between 1", '{ up_to = -1, price = "7.00" }, { price = "6.50" }'),
        ("tiers[1].up_to", "must ascend", '{ up_to = 5, price = "7" }, { up_to = 5, price = "6" }, { price = "5" }'),
        (
            "tiers[1].up_to",
            "the last tier must have no bound",
            '{ up_to = 5, price = "7" }, { up_to = 9, price = "6" }',
        ),
        ("tiers[0].per_units", "share its per_units", '{ per_units = 10, price = "6.50" }'),
        ("tiers[0].price", "is missing", "{ up_to = 5 }"),
        ("tiers[0].upto", 'did you mean "up_to"?', '{ upto = 5, price = "7.00" }'),
    ],
)
def test_a_mistake_in_graduated_tiers(key_path: str, message: str, tiers: str) -> None:
    text = post_with('{ up_to = 1_000, price = "7.00" },\n    { price = "6.50" },', tiers)

    assert_mistake(text, f"plans.company.meters.stamps.rate.{key_path}", message)


@pytest.mark.parametrize(
    ("key_path", "message", "old", "new"),
    [
        ("rank", '0 is the rank of "walk_in" already', "rank = 10", "rank = 0"),
        ("rank", "between 0", "rank = 10", "rank = -1"),
        ("features[2]", "neither a declared feature", ', "tracking.live"]', ', "tracking.old"]'),
        ("features[1]", "nor the access to a product", '"parcels.access"', '"pigeons.access"'),
        ("features[1]", "listed twice", '"parcels.access"', '"letters.access"'),
        (
            "rates",
            "there is no [rates.mail]",
            'rates = "counter"\n\n[plans.company',
            'rates = "mail"\n\n[plans.company',
        ),
        ("price", 'did you mean "prices"?', "[plans.company.prices]", "[plans.company.price]"),
        ("prices.weekly", "unknown key", "yearly =", "weekly ="),
        ("prices.yearly.amount", "amount in quotes", '"99.90"', "99"),
        ("prices.yearly.provider_price_ids.stripe", "must be text", '"price_y"', "5"),
        ("prices.yearly.provider_price_ids.stripe", "visible characters", '"price_y"', '"price y"'),
        (
            "prices.yearly.provider_price_ids.stripe",
            "is used at plans.company.prices.monthly",
            '"price_y"',
            '"price_m"',
        ),
        ("prices.yearly.provider_price_ids.Stripe", "lower-case word", 'stripe = "price_y"', 'Stripe = "price_y"'),
        ("meters.boxes.rate", "charges nothing", '"hard_limit" }', '"hard_limit", rate = { price = "1" } }'),
        ("meters.boxes.included", "is missing", 'included = 2, policy = "hard_limit"', 'policy = "hard_limit"'),
        ("meters.weights", "there is no [meters.weights]", "weight = { policy", "weights = { policy"),
    ],
)
def test_a_mistake_in_a_plan(key_path: str, message: str, old: str, new: str) -> None:
    assert_mistake(post_with(old, new), f"plans.company.{key_path}", message)


@pytest.mark.parametrize(
    ("key_path", "message", "terms"),
    [
        ("", "must be a table, not a whole number", "1"),
        (".included", "is missing", '{ policy = "credits" }'),
        (".included", "between 0", '{ included = -1, policy = "credits" }'),
        (".included", "between 0", '{ included = 9_223_372_036_854_775_807, policy = "credits" }'),
        (".included", "not a number with a decimal point", '{ included = 0.5, policy = "credits" }'),
        (".policy", "is missing", "{ included = 1 }"),
        (".policy", "must be one of", '{ included = 1, policy = "pay" }'),
        (".rate.price", "is missing", '{ included = 1, policy = "credits", rate = { per_units = 5 } }'),
    ],
)
def test_a_mistake_in_the_terms_of_a_meter(key_path: str, message: str, terms: str) -> None:
    text = post_with('stamps = { included = 1, policy = "credits" }', f"stamps = {terms}")

    assert_mistake(text, f"plans.walk_in.meters.stamps{key_path}", message)


def test_credits_need_a_rate_from_somewhere() -> None:
    text = post_with('stamps = { price = "0.80" }', "")

    assert_mistake(text, "plans.walk_in.meters.stamps.rate", "needs a rate")


@pytest.mark.parametrize(
    ("key_path", "message", "credits"),
    [
        ("", "must be a table, not text", '"5.00"'),
        (".amount", "is missing", '{ lasts = "period" }'),
        (".amount", "more than 0", '{ amount = "0", lasts = "period" }'),
        (".lasts", "is missing", '{ amount = "5.00" }'),
        (".lasts", '"period" or a number of days', '{ amount = "5.00", lasts = "month" }'),
        (".lasts", "between 1 and 3660", '{ amount = "5.00", lasts = 0 }'),
        (".category", 'one of "paid", "promotional"', '{ amount = "5.00", lasts = 1, category = "free" }'),
        (".priority", "between 0 and 1000", '{ amount = "5.00", lasts = 1, priority = -1 }'),
        (".meters[0]", "there is no [meters.faxes]", '{ amount = "5.00", lasts = 1, meters = ["faxes"] }'),
        (".expires", "the keys here are amount", '{ amount = "5.00", lasts = 1, expires = 1 }'),
    ],
)
def test_a_mistake_in_the_credits_of_a_plan(key_path: str, message: str, credits: str) -> None:
    text = post_with("[plans.company.prices]", f"[plans.company.credits]\ngift = {credits}\n\n[plans.company.prices]")

    assert_mistake(text, f"plans.company.credits.gift{key_path}", message)
