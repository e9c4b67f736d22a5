"""Payment links, which make sessions, and the pages where customers manage what they bought."""

from tests.fakes.stripe.checkout import add_session, priced
from tests.fakes.stripe.customers import PAGE, living
from tests.fakes.stripe.forms import flag, merged, page, text
from tests.fakes.stripe.shapes import Object, Route, invalid, listing
from tests.fakes.stripe.world import World

CHANGEABLE = (
    "active after_completion metadata subscription_data payment_intent_data restrictions automatic_tax"
    " allow_promotion_codes billing_address_collection customer_creation inactive_message payment_method_types"
)


def create_link(world: World, form: Object) -> Object:
    """A link that anybody may follow; what it sells decides its sessions' mode."""
    mode = _mode(world, form)
    lines = priced(world, form, mode)
    link = world.add(
        "payment_link",
        active=True,
        after_completion=form.get("after_completion") or {"type": "hosted_confirmation"},
        automatic_tax={"enabled": flag(form.get("automatic_tax") or {}, "enabled")},
        currency=lines[0]["currency"],
        metadata=merged({}, form),
        restrictions=form.get("restrictions"),
        _form=form,
        _mode=mode,
        _line_items=lines,
    )
    link["url"] = f"{world.address}/b/{link['id']}"
    world.emit("payment_link.created", link)
    return link


def update_link(world: World, form: Object, name: str) -> Object:
    """Switches a link off or on, or changes its metadata."""
    link = world.get("payment_link", name)
    changes = {"active": flag(form, "active", link["active"]), "metadata": merged(link["metadata"], form)}
    world.change(link, "payment_link.updated", **changes)
    return link


def follow(world: World, link: Object) -> Object:
    """The session of a customer that follows the link. It bears the link's metadata."""
    limit = (((link["restrictions"] or {}).get("completed_sessions")) or {}).get("limit")
    sessions = [item for item in world.all("checkout.session") if item["payment_link"] == link["id"]]
    completed = [item for item in sessions if item["status"] == "complete"]
    if not link["active"] or (limit is not None and len(completed) >= int(limit)):
        raise invalid("This payment link is no longer active.", code="payment_link_inactive")
    form = {name: value for name, value in link["_form"].items() if name not in ("restrictions", "after_completion")}
    form["success_url"] = ((link["after_completion"].get("redirect")) or {}).get("url")
    form["metadata"] = link["metadata"]
    return add_session(world, form, link["_mode"], link["_line_items"], link["id"])


def list_lines(world: World, form: Object, name: str) -> Object:
    """What a link sells."""
    return listing(world.get("payment_link", name)["_line_items"], f"/v1/payment_links/{name}/line_items")


def list_links(world: World, form: Object) -> Object:
    """Payment links, by whether they are on."""
    active = form.get("active")
    found = [link for link in world.all("payment_link") if not active or link["active"] == (active == "true")]
    return page(found, form, "/v1/payment_links")


def create_portal_session(world: World, form: Object) -> Object:
    """A page of the customer portal."""
    customer = living(world, text(form, "customer"), "customer")
    configuration = form.get("configuration")
    if configuration:
        world.get("billing_portal.configuration", configuration, "configuration")
    session = world.add(
        "billing_portal.session",
        configuration=configuration or f"bpc_default{world.salt}",
        customer=customer["id"],
        flow=form.get("flow_data"),
        locale=form.get("locale"),
        on_behalf_of=None,
        return_url=form.get("return_url"),
    )
    session["url"] = f"{world.address}/p/session/{session['id']}"
    return session


def create_configuration(world: World, form: Object) -> Object:
    """What customers may do in the portal, kept as it was given."""
    features = form.get("features") or {}
    about = {"business_profile": form.get("business_profile") or {}, "features": features, "is_default": False}
    configuration = world.add("billing_portal.configuration", active=True, metadata=merged({}, form), **about)
    world.emit("billing_portal.configuration.created", configuration)
    return configuration


def _mode(world: World, form: Object) -> str:
    """Subscription where any line recurs."""
    for item in form.get("line_items") or []:
        if (item.get("price_data") or {}).get("recurring") or (item.get("price") and _recurs(world, item["price"])):
            return "subscription"
    return "payment"


def _recurs(world: World, name: str) -> bool:
    return bool(world.get("price", name, "line_items[price]")["recurring"])


ROUTES = [
    Route("POST", "/v1/payment_links", create_link, f"line_items currency {CHANGEABLE}"),
    Route("GET", "/v1/payment_links", list_links, f"active {PAGE}"),
    Route("GET", "/v1/payment_links/*", lambda world, form, name: world.get("payment_link", name)),
    Route("POST", "/v1/payment_links/*", update_link, CHANGEABLE),
    Route("GET", "/v1/payment_links/*/line_items", list_lines, PAGE),
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        create_portal_session,
        "customer return_url configuration flow_data locale",
    ),
    Route("POST", "/v1/billing_portal/configurations", create_configuration, "features business_profile metadata"),
]
