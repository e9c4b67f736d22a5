"""A short run within this process, on SQLite: what shows without a crash shows in a second."""

import time
from collections.abc import Callable
from unittest.mock import patch

from tests.support.house import Ids, build_core, close_core
from tests.torture.checker import Evidence, check
from tests.torture.client import Client
from tests.torture.history import History
from tests.torture.plan import Plan
from tests.torture.rows import read_stored, rows_of
from tests.torture.stage import Stage
from tests.torture.stories import Violation, stories_of
from tollhoused.domain.proof import Finding
from tollhoused.rpc.server import GrpcServer
from tollhoused.store.store import open_store
from tollhoused.usecases.verify import verify

JOIN_SECONDS = 20.0
GIVE_UP_SECONDS = 1.0
SENDS_A_SECOND = 200
SLOWEST = 8
"""A run lasts so many times its seconds at the most, where a busy machine has sent fewer commands than they mean."""


class Rehearsal:
    """One run: what it found, and by the kinds of its commands what was acknowledged."""

    def __init__(self, url: str, plan: Plan, plant: Callable[[], None], clock_us: Callable[[], int]) -> None:
        """`url` names a migrated, empty database. Raises what a client met that it cannot tell as a reply."""
        self._url = url
        self._plan = plan
        self._history = History()
        self._clock_us = clock_us
        plant()
        try:
            evidence = self._evidence()
        finally:
            patch.stopall()
        found: list[Finding] = []
        store = open_store(url)
        verify(store, found.append)
        store.close()
        proved = [Violation(item.invariant, f"{item.account_id}: {item.what}", "verify") for item in found]
        self.violations = [*check(evidence), *proved]
        stories = stories_of(evidence.sends).values()
        self.acknowledged = {type(story.command) for story in stories if story.acknowledged}

    @property
    def found(self) -> set[str]:
        """The invariants that do not hold."""
        return {violation.invariant for violation in self.violations}

    def _evidence(self) -> Evidence:
        core = build_core(open_store(self._url), clock=self._clock_us, new_id=Ids())
        server = GrpcServer(core, None)
        try:
            address = f"127.0.0.1:{server.start('127.0.0.1:0')}"
            server.health.report(True)
            stage = Stage(address, self._plan.seconds)
            before = rows_of(self._url, stage.bystander_ids)
            self._work(address)
        finally:
            server.drain(grace_seconds=5.0, notice_seconds=0)
            close_core(core)
        return Evidence(
            sends=self._history.sends,
            stored=read_stored(self._url),
            account_ids=stage.account_ids,
            stage_keys=stage.keys,
            bystanders_before=before,
            bystanders_after=rows_of(self._url, stage.bystander_ids),
        )

    def _work(self, address: str) -> None:
        clients = [
            Client(index, self._plan, [address], self._history, self._clock_us) for index in range(self._plan.clients)
        ]
        for client in clients:
            client.start()
        began = time.monotonic()
        wanted, seconds_max = SENDS_A_SECOND * self._plan.seconds, SLOWEST * self._plan.seconds
        while time.monotonic() - began < self._plan.seconds or (
            len(self._history.sends) < wanted and time.monotonic() - began < seconds_max
        ):
            time.sleep(0.05)  # the run itself
        for client in clients:
            client.stop(time.monotonic() + GIVE_UP_SECONDS)
        for client in clients:
            client.join(JOIN_SECONDS)
            if client.is_alive() or client.failure:
                raise RuntimeError(f"{client.name} did not end in order") from client.failure
