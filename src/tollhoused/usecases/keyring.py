"""The keys as this process knows them: who calls is answered from memory (design: threads)."""

import threading
import time
from collections.abc import Callable, Mapping

from tollhoused.domain.keys import INTERNAL_CLIENT, Environment, Key, check_key, read_key
from tollhoused.domain.registry_commands import TouchKeys
from tollhoused.errors import KeyMissing, StoreUnavailable
from tollhoused.store.store import Store
from tollhoused.usecases.core import reading

STALE_SECONDS = 8.0
"""A key that was revoked elsewhere is refused within ten seconds: who cannot look for so long lets nobody in."""

LOOK_UPS_MAX = 20
"""For ids that are not known, between two refreshes: new keys work at once, and made-up ones do not reach the
database for long.
"""


class Keyring:
    """Every key of the database, taken in anew by `refresh`, so that a revocation is in force within seconds.

    Before the first refresh, and when none has succeeded for `stale_seconds`, every call is refused.
    """

    def __init__(
        self, store: Store, environment: Environment, clock: Callable[[], int], stale_seconds: float = STALE_SECONDS
    ) -> None:
        self._store = store
        self._environment = environment
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._keys: Mapping[str, Key] = {}
        self._fresh_until = 0.0
        self._look_ups_left = 0
        self._reading = threading.Lock()
        self._used: dict[str, int] = {}
        self._using = threading.Lock()

    @property
    def empty(self) -> bool:
        """Whether no key opens the doors now."""
        now_us = self._clock()
        return not any(key.live(now_us) for key in self._keys.values())

    def refresh(self) -> None:
        """Takes in what has been made, rotated or revoked. Raises StoreFault."""
        with self._reading:
            begun = time.monotonic()
            self._keys = {key.id: key for key in self._store.api_keys()}
            self._fresh_until = begun + self._stale_seconds
            self._look_ups_left = LOOK_UPS_MAX

    def who(self, text: str) -> Key:
        """The key whose text a caller has sent.

        Raises KeyMissing, KeyInvalid, KeyOfOtherEnvironment, KeyRevoked or KeyExpired, and StoreUnavailable when it is
        not known any more which keys are in force.
        """
        if not text:
            raise KeyMissing("send an API key as `authorization: Bearer` or as `x-api-key`")
        parts = read_key(text)
        if time.monotonic() > self._fresh_until:
            raise StoreUnavailable("the API keys cannot be read")
        now_us = self._clock()
        found = self._keys.get(parts.id)
        if found is None and parts.environment is self._environment:
            found = self._look_up(parts.id)
        key = check_key(parts, found, self._environment, now_us)
        with self._using:
            self._used[key.id] = now_us
        return key

    def take_used(self) -> TouchKeys | None:
        """The command that notes which keys were used since the last time; None when none was."""
        with self._using:
            used, self._used = self._used, {}
        return TouchKeys(client=INTERNAL_CLIENT, idempotency_key="", used_us=used) if used else None

    def give_back(self, command: TouchKeys) -> None:
        """Keeps for the next time what could not be noted."""
        with self._using:
            self._used = {**command.used_us, **self._used}

    def _look_up(self, key_id: str) -> Key | None:
        """A key that may have been made since the last refresh. One thread asks at a time, for all."""
        if self._look_ups_left <= 0:
            return None
        with self._reading:
            if key_id in self._keys or self._look_ups_left <= 0:
                return self._keys.get(key_id)
            self._look_ups_left -= 1
            with reading():
                found = self._store.api_key(key_id)
            if found:
                self._keys = {**self._keys, found.id: found}
            return found
