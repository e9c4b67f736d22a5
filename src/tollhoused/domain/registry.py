"""What belongs to no account, as far as a batch touches it: clients, their keys, and the test clock."""

from dataclasses import dataclass, field, replace

from tollhoused.domain.answers import Answer, ClientAnswer, ClockAnswer, EndpointAnswer, KeyAnswer, TickAnswer
from tollhoused.domain.endpoints import (
    CreateEventEndpoint,
    DeleteEventEndpoint,
    Endpoint,
    EndpointCommand,
    RotateEventEndpoint,
    created,
    endpoint_answer,
    rotated,
)
from tollhoused.domain.instants import DAY_US
from tollhoused.domain.keys import Client, Key
from tollhoused.domain.registry_commands import (
    AdvanceTestClock,
    CreateClient,
    CreateKey,
    RegistryCommand,
    RevokeKey,
    RotateKey,
    TouchKeys,
)
from tollhoused.errors import (
    ClientExists,
    ClientNotFound,
    Contention,
    EndpointNotFound,
    InvalidField,
    KeyNotFound,
    TooManyKeys,
)

LIVE_KEYS_MAX = 2
"""At once per client: the old one and the new one of a rotation."""

CLOCK_AHEAD_MAX_US = 3_653 * DAY_US
"""How far the test clock may be ahead of the wall clock: ten years."""


@dataclass(slots=True)
class Registry:
    """Clients, keys and event endpoints by id: complete for what the batch names."""

    clients: dict[str, Client] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)
    new_clients: list[Client] = field(default_factory=list)
    changed_keys: dict[str, Key] = field(default_factory=dict)
    clock_offset_us: int = 0
    clock_moved: bool = False
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    changed_endpoints: dict[str, Endpoint] = field(default_factory=dict)

    def carry_out(self, command: RegistryCommand, now_us: int) -> Answer:
        """Carries out one command. Raises its refusal before anything has changed."""
        match command:
            case CreateClient():
                return self._create_client(command, now_us)
            case CreateKey():
                return self._create_key(command, now_us)
            case RotateKey():
                return self._rotate(command, now_us)
            case RevokeKey():
                return self._revoke(command, now_us)
            case AdvanceTestClock():
                return self._advance_clock(command, now_us)
            case TouchKeys():
                return self._touch(command)
            case EndpointCommand():
                return self._change_endpoint(command, now_us)
        raise AssertionError(command.kind)

    def _create_client(self, command: CreateClient, now_us: int) -> ClientAnswer:
        if command.owner in self.clients:
            raise ClientExists("a client with this id exists already", client_id=command.owner)
        client = Client(command.owner, command.name, now_us)
        self.clients[client.id] = client
        self.new_clients.append(client)
        return ClientAnswer(client_id=client.id, name=client.name, created_us=now_us)

    def _create_key(self, command: CreateKey, now_us: int) -> KeyAnswer:
        if command.owner not in self.clients:
            raise ClientNotFound("no client has this id", client_id=command.owner)
        if command.expires_us is not None and command.expires_us <= now_us:
            raise InvalidField("expire_time", "must be later than now")
        self._check_room(command.owner, now_us)
        key = Key(
            id=command.key_id,
            client=command.owner,
            secret_sha256=command.secret_sha256,
            scopes=command.scopes,
            products=command.products,
            environment=command.environment,
            may_create=command.may_create,
            created_us=now_us,
            expires_us=command.expires_us,
        )
        return self._put(key)

    def _rotate(self, command: RotateKey, now_us: int) -> KeyAnswer:
        """A second key with the same rights and its owner's end; the old one goes on for the overlap, if any."""
        old = self.keys.get(command.key_id)
        if old is None or not old.live(now_us):
            raise KeyNotFound("no live key has this id", key_id=command.key_id)
        self._check_room(old.client, now_us, leaving=None if command.overlap_us else old)
        retires_us = now_us + command.overlap_us
        self._put(replace(old, retires_us=min(retires_us, old.retires_us or retires_us)))
        return self._put(
            replace(
                old,
                id=command.new_key_id,
                secret_sha256=command.secret_sha256,
                created_us=now_us,
                retires_us=None,
                last_used_us=None,
            )
        )

    def _revoke(self, command: RevokeKey, now_us: int) -> KeyAnswer:
        key = self.keys.get(command.key_id)
        if key is None:
            raise KeyNotFound("no key has this id", key_id=command.key_id)
        return self._put(key if key.revoked_us is not None else replace(key, revoked_us=now_us))

    def _advance_clock(self, command: AdvanceTestClock, now_us: int) -> ClockAnswer:
        """Forward only: what has been stored must not lie ahead of the clock."""
        if command.seen_offset_us != self.clock_offset_us:
            raise Contention("the test clock was moved at the same moment by somebody else")
        field_name = "by" if command.to_us is None else "to_time"
        by_us = (command.by_us or 0) if command.to_us is None else command.to_us - now_us
        if by_us <= 0:
            raise InvalidField(field_name, "must move the clock forward")
        if self.clock_offset_us + by_us > CLOCK_AHEAD_MAX_US:
            days = CLOCK_AHEAD_MAX_US // DAY_US
            raise InvalidField(field_name, f"would put the clock more than {days} days ahead of the wall clock")
        self.clock_offset_us += by_us
        self.clock_moved = True
        return ClockAnswer(now_us=now_us + by_us, offset_us=self.clock_offset_us)

    def _touch(self, command: TouchKeys) -> TickAnswer:
        for key_id, used_us in command.used_us.items():
            key = self.keys.get(key_id)
            if key and (key.last_used_us or 0) < used_us:
                self._put(replace(key, last_used_us=used_us))
        return TickAnswer("")

    def _change_endpoint(self, command: EndpointCommand, now_us: int) -> EndpointAnswer:
        if isinstance(command, CreateEventEndpoint):
            return self._put_endpoint(created(command, now_us))
        found = self.endpoints.get(command.endpoint_id)
        if found is None or found.deleted_us is not None:
            raise EndpointNotFound("no event endpoint has this id", endpoint_id=command.endpoint_id)
        if isinstance(command, RotateEventEndpoint):
            return self._put_endpoint(rotated(found, command, now_us))
        assert isinstance(command, DeleteEventEndpoint)
        return self._put_endpoint(replace(found, deleted_us=now_us))

    def _put_endpoint(self, endpoint: Endpoint) -> EndpointAnswer:
        self.endpoints[endpoint.id] = endpoint
        self.changed_endpoints[endpoint.id] = endpoint
        return endpoint_answer(endpoint)

    def _check_room(self, client: str, now_us: int, leaving: Key | None = None) -> None:
        """Whether one more key may live beside those that do; `leaving` makes room for it."""
        live = sum(key.client == client and key.live(now_us) and key != leaving for key in self.keys.values())
        if live >= LIVE_KEYS_MAX:
            raise TooManyKeys(f"the client has {live} live keys; revoke one first", client_id=client)

    def _put(self, key: Key) -> KeyAnswer:
        self.keys[key.id] = key
        self.changed_keys[key.id] = key
        return key_answer(key)


def key_answer(key: Key) -> KeyAnswer:
    """A key as answers show it: everything but the secret, with the earlier of its two ends."""
    return KeyAnswer(
        key_id=key.id,
        client_id=key.client,
        scopes=tuple(sorted(key.scopes)),
        products=tuple(sorted(key.products)),
        environment=key.environment.value,
        may_create=key.may_create,
        created_us=key.created_us,
        expires_us=key.ends_us,
        revoked_us=key.revoked_us,
    )
