"""Products and prices."""

from tests.fakes.stripe.forms import flag, merged, page, required, text, whole
from tests.fakes.stripe.shapes import Object, Route, invalid
from tests.fakes.stripe.world import World

INTERVALS = ("day", "week", "month", "year")


def create_product(world: World, form: Object) -> Object:
    """A product; its id may be chosen."""
    name = text(form, "name")
    chosen = {"id": form["id"]} if form.get("id") else {}
    if chosen and form["id"] in world.objects["product"]:
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    product = world.build(
        "product",
        name=name,
        active=flag(form, "active", True),
        description=form.get("description") or None,
        metadata=merged({}, form),
        default_price=None,
        tax_code=form.get("tax_code"),
        images=[],
        type="service",
        updated=world.now,
        **chosen,
    )
    world.objects["product"][product["id"]] = product
    world.emit("product.created", product)
    return product


def update_product(world: World, form: Object, name: str) -> Object:
    """Changes what a product says of itself."""
    product = world.get("product", name)
    changes: Object = {key: form[key] for key in ("name", "description", "default_price") if key in form}
    changes["active"] = flag(form, "active", product["active"])
    world.change(product, "product.updated", **changes, metadata=merged(product["metadata"], form))
    return product


def create_price(world: World, form: Object) -> Object:
    """A price per unit, for once or recurring."""
    if "product" not in form and "product_data" not in form:
        raise required("product")
    product = _product(world, form)
    currency = text(form, "currency").lower()
    amount = whole(form, "unit_amount")
    if amount < 0:
        raise invalid("This value must be greater than or equal to 0.", "unit_amount", "parameter_invalid_integer")
    recurring = _recurring(form)
    _claim(world, form)
    price = world.add(
        "price",
        active=flag(form, "active", True),
        billing_scheme="per_unit",
        currency=currency,
        lookup_key=form.get("lookup_key"),
        metadata=merged({}, form),
        nickname=form.get("nickname"),
        product=product["id"],
        recurring=recurring,
        tax_behavior=form.get("tax_behavior", "unspecified"),
        tiers_mode=None,
        transform_quantity=None,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )
    world.emit("price.created", price)
    return price


def update_price(world: World, form: Object, name: str) -> Object:
    """Changes a price's names and whether it can be bought; its amount never changes."""
    price = world.get("price", name)
    _claim(world, form)
    changes: Object = {key: form[key] or None for key in ("lookup_key", "nickname") if key in form}
    changes["active"] = flag(form, "active", price["active"])
    world.change(price, "price.updated", **changes, metadata=merged(price["metadata"], form))
    return price


def list_prices(world: World, form: Object) -> Object:
    """Prices by product, lookup keys, and whether they can be bought."""
    keys, product, active = form.get("lookup_keys"), form.get("product"), form.get("active")
    found = [
        price
        for price in world.all("price")
        if (not keys or price["lookup_key"] in keys)
        and (not product or price["product"] == product)
        and (not active or price["active"] == (active == "true"))
        and (not form.get("type") or price["type"] == form["type"])
    ]
    return page(found, form, "/v1/prices")


def list_products(world: World, form: Object) -> Object:
    """Products by id and whether they can be bought."""
    ids, active = form.get("ids"), form.get("active")
    found = [
        product
        for product in world.all("product")
        if (not ids or product["id"] in ids) and (not active or product["active"] == (active == "true"))
    ]
    return page(found, form, "/v1/products")


def price_of(world: World, item: Object, param: str) -> Object:
    """The price that a line of a request names, or makes with `price_data`."""
    if "price_data" in item:
        made = create_price(world, item["price_data"])
        made["active"] = False
        return made
    if not item.get("price"):
        raise required(f"{param}[price]")
    price = world.get("price", item["price"], f"{param}[price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive. This field only accepts active prices. {price['id']}", param)
    return price


def _product(world: World, form: Object) -> Object:
    if "product_data" in form:
        return create_product(world, form["product_data"])
    return world.get("product", form["product"], "product")


def _recurring(form: Object) -> Object | None:
    given = form.get("recurring")
    if not given:
        return None
    interval = text(given, "interval")
    if interval not in INTERVALS:
        raise invalid(f"Invalid recurring[interval]: must be one of {', '.join(INTERVALS)}", "recurring[interval]")
    count = whole(given, "interval_count", 1)
    return {"interval": interval, "interval_count": count, "usage_type": "licensed", "meter": None}


def _claim(world: World, form: Object) -> None:
    """A lookup key names one price; it moves only when told to."""
    key = form.get("lookup_key")
    for price in world.all("price"):
        if key and price["lookup_key"] == key:
            if not flag(form, "transfer_lookup_key"):
                raise invalid(f"A price (`{price['id']}`) already uses that lookup key.", "lookup_key")
            price["lookup_key"] = None


ROUTES = [
    Route("POST", "/v1/products", create_product, "id name active description metadata tax_code"),
    Route("GET", "/v1/products", list_products, "ids active limit starting_after ending_before created"),
    Route("GET", "/v1/products/*", lambda world, form, name: world.get("product", name)),
    Route("POST", "/v1/products/*", update_product, "name active description default_price metadata"),
    Route(
        "POST",
        "/v1/prices",
        create_price,
        "product product_data currency unit_amount recurring lookup_key transfer_lookup_key nickname metadata active"
        " tax_behavior",
    ),
    Route(
        "GET",
        "/v1/prices",
        list_prices,
        "product lookup_keys active type limit starting_after ending_before created",
    ),
    Route("GET", "/v1/prices/*", lambda world, form, name: world.get("price", name)),
    Route("POST", "/v1/prices/*", update_price, "active lookup_key transfer_lookup_key nickname metadata"),
]
