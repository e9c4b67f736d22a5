"""Asks stripe-mock, Stripe's own mock server, whether Stripe's specification accepts requests.

It is a program in Go that keeps no state: `go install github.com/stripe/stripe-mock@v0.203.0`, then
`stripe-mock -http-port 12111`. It knows the API version that it was released with, not the SDK's.
"""

import http.client
import json
from collections.abc import Iterable, Iterator
from urllib.parse import urlencode, urlsplit

from tests.fakes.stripe.server import Request

DEADLINE_SECONDS = 5.0


def refused(address: str, requests: Iterable[Request]) -> list[str]:
    """What the stripe-mock at an address says against requests that the fake has carried out; nothing is good."""
    carried_out = [request for request in requests if request.status in (200, 402)]
    return [text for request in carried_out if (text := _refusal(address, request))]


def _refusal(address: str, request: Request) -> str:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=DEADLINE_SECONDS)
    form = urlencode(list(_pairs(request.form)))
    in_query = request.method == "GET" and form
    path, body = (f"{request.path}?{form}", "") if in_query else (request.path, form)
    headers = {"Authorization": "Bearer sk_" + "test_any", "Content-Type": "application/x-www-form-urlencoded"}
    try:
        connection.request(request.method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status < 400:
        return ""
    return f"{request.method} {request.path} {sorted(request.form)}: {json.loads(text)['error']['message']}"


def _pairs(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """The bracketed names that a form had."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _pairs(inner, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _pairs(inner, f"{name}[{place}]")
    else:
        yield name, value
