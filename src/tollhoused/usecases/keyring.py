"""The keys as this process knows them: who calls is answered from memory, never from the database (design: threads)."""

import threading
from collections.abc import Callable, Mapping

from tollhoused.domain.commands import TouchKeys
from tollhoused.domain.keys import Environment, Key, check_key, read_key
from tollhoused.errors import KeyMissing
from tollhoused.store.store import Store

INTERNAL_CLIENT = ""
"""The owner of the server's own acts."""


class Keyring:
    """Every key of the database, taken in anew by `refresh`, so that a revocation is in force within seconds.

    Before the first refresh no key is known, and every call is refused.
    """

    def __init__(self, store: Store, environment: Environment, clock: Callable[[], int]) -> None:
        self._store = store
        self._environment = environment
        self._clock = clock
        self._keys: Mapping[str, Key] = {}
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()

    @property
    def empty(self) -> bool:
        """Whether no key opens the doors now."""
        now_us = self._clock()
        return not any(key.live(now_us) for key in self._keys.values())

    def refresh(self) -> None:
        """Takes in what has been made, rotated or revoked. Raises StoreFault."""
        self._keys = {key.id: key for key in self._store.api_keys()}

    def who(self, text: str) -> Key:
        """The key whose text a caller has sent.

        Raises KeyMissing, KeyInvalid, KeyOfOtherEnvironment, KeyRevoked or KeyExpired.
        """
        if not text:
            raise KeyMissing("send an API key as `authorization: Bearer` or as `x-api-key`")
        parts = read_key(text)
        now_us = self._clock()
        key = check_key(parts, self._keys.get(parts.id), self._environment, now_us)
        self._used[key.id] = now_us
        return key

    def take_used(self) -> TouchKeys | None:
        """The command that notes which keys were used since the last time; None when none was."""
        with self._lock:
            used, self._used = self._used, {}
        if not used:
            return None
        return TouchKeys(client=INTERNAL_CLIENT, idempotency_key="", used_us=used)
