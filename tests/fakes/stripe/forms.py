"""Forms as Stripe reads them: `line_items[0][price]=a&expand[]=b` is one nested object whose leaves are texts."""

import re
from collections.abc import Iterable

from tests.fakes.stripe.shapes import LIST_LIMIT, LIST_LIMIT_MAX, Object, invalid, listing

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
BOUNDS = {
    "gt": lambda at, bound: at > bound,
    "gte": lambda at, bound: at >= bound,
    "lt": lambda at, bound: at < bound,
    "lte": lambda at, bound: at <= bound,
}


def decode(pairs: Iterable[tuple[str, str]]) -> Object:
    """Nest the pairs of a form or of a query; maps of numbers become lists, but for metadata, whose keys are texts."""
    nested: Object = {}
    for key, value in pairs:
        matched = KEY.fullmatch(key)
        if not matched:
            raise invalid(f"Invalid request: cannot read the parameter name {key!r}", param=key)
        names = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        _put(nested, names, value, key)
    return {name: _listed(name, value) for name, value in nested.items()}


def whole(form: Object, name: str, default: int | None = None) -> int:
    """A whole number of a form. Without a default it must be there."""
    value = form.get(name, "")
    if value == "":
        if default is None:
            raise required(name)
        return default
    if not re.fullmatch(r"-?\d+", str(value)):
        raise invalid(f"Invalid integer: {value}", param=name, code="parameter_invalid_integer")
    return int(value)


def text(form: Object, name: str) -> str:
    """A text of a form that must be there."""
    value = form.get(name, "")
    if not isinstance(value, str) or not value:
        raise required(name)
    return value


def flag(form: Object, name: str, default: bool = False) -> bool:
    """A truth value of a form."""
    value = form.get(name, "")
    if value not in ("", "true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=name)
    return default if value == "" else value == "true"


def required(name: str) -> Exception:
    """400 for a parameter that must be there."""
    return invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")


def merged(metadata: dict[str, str], form: Object) -> dict[str, str]:
    """Metadata after an update: keys are set one by one, and an empty value takes one away."""
    given = form.get("metadata", {})
    both = {} if given == "" else {**metadata, **given}
    return {name: value for name, value in both.items() if value != ""}


def page(objects: Iterable[Object], form: Object, url: str) -> Object:
    """One page of a list, newest first: `limit`, `starting_after`, `ending_before`, `created`."""
    limit = whole(form, "limit", LIST_LIMIT)
    if not 1 <= limit <= LIST_LIMIT_MAX:
        raise invalid(f"This value must be between 1 and {LIST_LIMIT_MAX}.", param="limit")
    found = [item for item in reversed(list(objects)) if _created_within(item, form.get("created"))]
    names = [item["id"] for item in found]
    if after := form.get("starting_after"):
        found = found[_place(names, after, "starting_after") + 1 :]
    elif before := form.get("ending_before"):
        found = found[: _place(names, before, "ending_before")][-limit:]
    return listing(found[:limit], url, has_more=len(found) > limit)


def _place(names: list[str], name: str, param: str) -> int:
    if name not in names:
        raise invalid(f"No such object: '{name}'", param=param, code="resource_missing")
    return names.index(name)


def _created_within(item: Object, bounds: Object | str | None) -> bool:
    if bounds is None:
        return True
    if isinstance(bounds, str):
        return bool(item["created"] == int(bounds))
    return all(BOUNDS[name](item["created"], int(bound)) for name, bound in bounds.items())


def _put(target: Object, names: list[str], value: str, key: str) -> None:
    for name in names[:-1]:
        target = target.setdefault(name or str(len(target)), {})
        if not isinstance(target, dict):
            raise invalid(f"Invalid request: {key} is a text and an object at once", param=key)
    target[names[-1] or str(len(target))] = value


def _listed(name: str, value: Object | str) -> Object | list[object] | str:
    if isinstance(value, str):
        return value
    if value and name != "metadata" and all(key.isdecimal() for key in value):
        return [_listed("", value[key]) for key in sorted(value, key=int)]
    return {key: _listed(key, inner) for key, inner in value.items()}
