"""The routes of the HTTP door. None of them takes or gives a secret, so plain text is good enough for them.

Webhooks are signed; whoever lets the world post them puts TLS before this door, and lets nothing else through.
"""

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tollhoused.http.webhooks import Inbox, Webhooks


def make_app(
    ready: Callable[[], bool], metrics: Callable[[], bytes], metrics_type: str, inbox: Inbox | None = None
) -> Starlette:
    """`ready` is what gRPC's health says of the whole server; `metrics` is the text of a scrape, of `metrics_type`.

    Webhooks are taken where there is an inbox for them.
    """

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        return PlainTextResponse("ready\n") if ready() else PlainTextResponse("not ready\n", status_code=503)

    def scrape(_: Request) -> Response:  # not async: it runs in a thread, and keeps no probe waiting
        return Response(metrics(), media_type=metrics_type)

    routes = [Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", scrape)]
    if inbox:
        routes.append(Webhooks(inbox).route())
    return Starlette(routes=routes)
