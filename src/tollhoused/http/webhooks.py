"""The route on which payment providers post their events: bounded in size, time and number before anybody is known.

Who cannot sign costs a read of at most `BODY_BYTES_MAX` and one signature, in threads of which there are few.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tollhoused.errors import TollhouseError
from tollhoused.observing import ProviderObserver
from tollhoused.providers.provider import BadWebhook

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 256 * 1024
READ_BYTES_MAX = 4 * BODY_BYTES_MAX
"""So much is read and thrown away of what is too large: who is still sending would not see the answer."""

BODY_SECONDS_MAX = 5.0
AT_ONCE_MAX = 32
"""A small part of the connections that there may be, so that probes are answered whatever is posted."""

THREADS = 4
LEAVE = {"connection": "close"}


class Inbox(NamedTuple):
    """Where events of one provider go. `receive` takes body and signature, and says whether the event is new.

    It raises BadWebhook for what is refused for good, and TollhouseError for what may be sent again. It may block.
    """

    provider: str
    signature_header: str
    receive: Callable[[bytes, str], bool]
    observer: ProviderObserver


class _Refused(Exception):
    """What the sender is told."""


class Webhooks:
    """Takes what is posted to `/webhooks/PROVIDER`."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._under_way = 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="webhooks")

    def route(self) -> Route:
        """For the application."""
        return Route("/webhooks/{provider}", self._post, methods=["POST"])

    async def _post(self, request: Request) -> Response:
        if request.path_params["provider"] != self._inbox.provider:
            return PlainTextResponse("there is no such provider\n", 404, LEAVE)
        if self._under_way >= AT_ONCE_MAX:
            return self._answered("busy", 503, "too much at once: send it again")
        self._under_way += 1
        try:
            return await self._take(request)
        finally:
            self._under_way -= 1

    async def _take(self, request: Request) -> Response:
        try:
            body = await _body(request)
            signature = request.headers.get(self._inbox.signature_header, "")
            loop = asyncio.get_running_loop()
            is_new = await loop.run_in_executor(self._threads, self._inbox.receive, body, signature)
        except (BadWebhook, _Refused) as refusal:
            return self._answered("refused", 400, str(refusal))
        except ClientDisconnect:
            return self._answered("refused", 400, "the request was not sent to its end")
        except TollhouseError as failure:
            return self._answered("unavailable", 503, str(failure))
        except Exception:
            log.exception("a webhook met something that nothing provides for")
            return self._answered("failed", 500, "it could not be stored: send it again")
        return self._answered("stored" if is_new else "known", 200, "stored")

    def _answered(self, outcome: str, status: int, text: str) -> Response:
        self._inbox.observer.received(outcome)
        return PlainTextResponse(f"{text}\n", status, None if status == 200 else LEAVE)


async def _body(request: Request) -> bytes:
    """The raw body. Raises _Refused for what is too large or takes too long."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for part in request.stream():
                size += len(part)
                if size <= BODY_BYTES_MAX:
                    parts.append(part)
                elif size > READ_BYTES_MAX:
                    break
    except TimeoutError:
        raise _Refused(f"the body was not here after {BODY_SECONDS_MAX:g} seconds") from None
    if size > BODY_BYTES_MAX:
        raise _Refused(f"the body has more than {BODY_BYTES_MAX // 1024} KiB")
    return b"".join(parts)
