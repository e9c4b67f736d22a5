"""HTTP on loopback: keys, versions, idempotency, faults; then the API."""

import hmac
import json
import threading
import traceback
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.fakes.stripe import api, passing
from tests.fakes.stripe.expand import expand
from tests.fakes.stripe.failures import Failures, Fault, Planned
from tests.fakes.stripe.forms import decode
from tests.fakes.stripe.idempotency import NOT_KEPT, Keys
from tests.fakes.stripe.render import CURRENT, known_version, render
from tests.fakes.stripe.shapes import ApiError, Object
from tests.fakes.stripe.webhooks import Delivery, Webhooks
from tests.fakes.stripe.world import Outcome, World

FORCED = {Fault.DECLINED: Outcome.DECLINED, Fault.AUTHENTICATION_REQUIRED: Outcome.AUTHENTICATION_REQUIRED}
SERVER_ERROR = ApiError(500, "api_error", "An unknown error occurred.")
RATE_LIMITED = ApiError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")


@dataclass(slots=True)
class Request:
    """An API call that arrived. Status 0: it was never answered."""

    method: str
    path: str
    form: Object = field(default_factory=dict)
    idempotency_key: str = ""
    status: int = 0
    replayed: bool = False


class Answer(NamedTuple):
    """What goes back over the wire. Status 0: the connection is to end without an answer."""

    status: int
    body: bytes
    headers: dict[str, str]
    written: threading.Event
    """To be set when it has gone out: webhooks wait for it."""

    @classmethod
    def lost(cls, written: threading.Event | None = None) -> "Answer":
        """No answer."""
        return cls(0, b"", {}, written or threading.Event())


class Service:
    """Answers requests; knows no sockets."""

    def __init__(self, world: World, webhooks: Webhooks, failures: Failures, api_key: str) -> None:
        self.requests: list[Request] = []
        self.crashes: list[str] = []
        self._world, self._webhooks, self._failures, self._api_key = world, webhooks, failures, api_key
        self._keys = Keys()
        self._count = 0

    def answer(self, method: str, path: str, pairs: list[tuple[str, str]], headers: dict[str, str]) -> Answer:
        """The answer to a request. Header names are small letters."""
        request = Request(method, path, idempotency_key=headers.get("idempotency-key", "") if method == "POST" else "")
        with self._world.lock:
            self.requests.append(request)
            self._count += 1
            request_id = f"req_{self._count:05d}{self._world.salt}"
        planned = self._failures.take(method, path)
        fault = planned.fault if planned else None
        written = threading.Event()
        sent = {"request-id": request_id, "content-type": "application/json"}
        try:
            if fault is Fault.LOST_BEFORE:
                self._failures.hang(planned)
                return Answer.lost()
            if fault in (Fault.SERVER_ERROR, Fault.RATE_LIMITED):
                raise SERVER_ERROR if fault is Fault.SERVER_ERROR else RATE_LIMITED
            self._authorize(headers.get("authorization", ""))
            version = sent["stripe-version"] = known_version(headers.get("stripe-version", CURRENT))
            request.form = decode(pairs)
            sent |= {"idempotency-key": request.idempotency_key} if request.idempotency_key else {}
            status, body = self._once(request, request_id, version, planned, sent, written)
        except ApiError as error:
            status, body = error.status, json.dumps(error.body).encode()
        if fault is Fault.LOST_AFTER:
            self._failures.hang(planned)
            return Answer.lost(written)
        request.status = status
        return Answer(status, body, sent, written)

    def _authorize(self, given: str) -> None:
        key = given.removeprefix("Bearer ")
        if not given:
            raise ApiError(401, "invalid_request_error", "You did not provide an API key.")
        if not hmac.compare_digest(key.encode(), self._api_key.encode()):
            raise ApiError(401, "invalid_request_error", f"Invalid API Key provided: {key[:8]}***")

    def _once(
        self,
        request: Request,
        request_id: str,
        version: str,
        planned: Planned | None,
        sent: dict[str, str],
        written: threading.Event,
    ) -> tuple[int, bytes]:
        """Carries a request out, or answers as the first time."""
        key = request.idempotency_key
        if key:
            fingerprint = json.dumps([request.method, request.path, request.form], sort_keys=True)
            kept = self._keys.begin(key, fingerprint, self._world.clock.now, request_id)
            if kept:
                request.replayed = True
                sent |= {"idempotent-replayed": "true", "original-request": kept.request_id}
                return kept.status, kept.body
        if held := self._failures.take_hold(request.method, request.path):
            held.wait()
        fault = planned.fault if planned else None
        status, body, events = self._carry_out(request, request_id, version, FORCED.get(fault) if fault else None)
        if fault is Fault.SERVER_ERROR_AFTER:
            status, body = SERVER_ERROR.status, json.dumps(SERVER_ERROR.body).encode()
        inline = self._webhooks.delivery is Delivery.BEFORE_ANSWER
        if inline:
            self._webhooks.send(events, inline=True)
        if planned and fault is Fault.SLOW:
            self._failures.hang(planned)
        if key:
            self._keys.finish(key, status, body)
        if not inline:
            self._webhooks.send(events, after=written)
        return status, body

    def _carry_out(
        self, request: Request, request_id: str, version: str, forced: Outcome | None
    ) -> tuple[int, bytes, list[Object]]:
        world = self._world
        with world.lock:
            passing.catch_up(world, world.clock.now)
            world.request = {"id": request_id, "idempotency_key": request.idempotency_key or None}
            world.forced = forced
            mark = world.mark() if request.method != "GET" else None
            try:
                status, answer = 200, self._answered(request, version)
            except ApiError as error:
                if mark and error.status in NOT_KEPT:
                    world.go_back(mark)
                status, answer = error.status, render(error.body, version)
                answer["error"]["request_log_url"] = f"{world.address}/logs/{request_id}"
            except Exception:
                self.crashes.append(f"{request.method} {request.path}\n{traceback.format_exc()}")
                status, answer = 500, {"error": {"type": "api_error", "message": "The fake has a defect."}}
            finally:
                world.request, world.forced = None, None
            events, world.outbox = world.outbox, []
            return status, json.dumps(answer, indent=2).encode(), events

    def _answered(self, request: Request, version: str) -> Object:
        def show(kept: Object) -> Object:
            shown: Object = render(kept, version)
            return shown

        found = api.find(request.method, request.path)
        answered = api.answer(self._world, found, request.form)
        answer = api.shown(answered, self._webhooks.version, show)
        expand(self._world, answer, request.form.get("expand") or [], show)
        return answer
