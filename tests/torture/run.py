"""One run from an empty database to its verdict."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.support.postgres import Cluster
from tests.support.proxy import Proxy
from tests.torture.books import verify
from tests.torture.cast import PROBE
from tests.torture.checker import Evidence, check
from tests.torture.client import PROVIDER_SECONDS, Client
from tests.torture.commands import Shipment, Usage
from tests.torture.door import Door
from tests.torture.figures import Figures, figures_of
from tests.torture.history import History, Reply, Result, Sent
from tests.torture.line import Line
from tests.torture.nemesis import Nemesis
from tests.torture.nursery import Nursery
from tests.torture.plan import Plan
from tests.torture.rows import read_stored, rows_of, unsettled
from tests.torture.server import Server
from tests.torture.shop import Shop
from tests.torture.stage import Stage
from tests.torture.stories import Violation, stories_of
from tests.torture.upgrade import next_version

LOG_NAME = "servers.log"
HARNESS = -1
"""The client number of what the run itself sends."""

PROBES_IN_A_ROW = 5
PROBE_SHARE = 0.1
"""How long a probe waits, of the time in which all calls must succeed again."""

DRAIN_SECONDS = 30.0
JOIN_SECONDS = 30.0
MIGRATE_SECONDS = 60.0
SETTLE_SECONDS = 300.0
"""For what was paid and has not been told, and for orders of which nobody knows what became, on a busy machine."""

LOG_EXCERPT = 2_000


class NoVerdict(Exception):
    """The run came to no end; that counts as failed, whatever was seen until then."""


class Run:
    """The parts of one run. `scratch` is an empty folder of its own; PostgreSQL needs a cluster."""

    def __init__(
        self, plan: Plan, nursery: Nursery, scratch: Path, cluster: Cluster | None, clock_us: Callable[[], int]
    ) -> None:
        self._plan = plan
        self._nursery = nursery
        self._clock_us = clock_us
        self._log = scratch / LOG_NAME
        self._log.touch()
        if plan.engine == "postgresql":
            assert cluster is not None
            self._url = cluster.create_database(f"torture_{plan.seed}_{plan.fault.replace('-', '_')}")
        else:
            self._url = f"sqlite:///{scratch / 'books.sqlite3'}"
        self._proxy = Proxy(self._url) if plan.line else None
        urls = [self._url] * plan.servers
        if self._proxy:
            urls[-1] = self._proxy.url
        self._shop = Shop(scratch / "shop", plan.seed) if plan.money_share else None
        self._servers = [Server(nursery, url, plan.fault, self._log, self._shop) for url in urls]
        self._version = next_version(scratch / "next")
        line = Line(self._proxy, plan.chance("line")) if self._proxy else None
        self._nemesis = Nemesis(plan, self._servers, cluster, self._url, line, self._migrate, self._version)
        self._history = History()
        self._found: list[Violation] = []
        self._recovery_seconds = 0.0

    def verdict(self) -> Figures:
        """Runs and checks. Raises NoVerdict where the run itself broke down."""
        begin = time.monotonic()
        try:
            evidence = self._evidence()
            if not any(sent.reply.result is Result.ACKNOWLEDGED and sent.client != HARNESS for sent in evidence.sends):
                raise RuntimeError("no client was answered, so that nothing was tried")
            self._found += check(evidence)
            output = self._log.with_name("verify.json")
            if self._plan.aftermath:
                self._found += verify(self._nursery, self._url, output, self._servers[0].version)
            self._found += self._tracebacks()
        except Exception as error:
            log = self._log.read_text(encoding="utf-8", errors="replace")
            raise NoVerdict(f"seed {self._plan.seed}: {error!r}\n{log[-LOG_EXCERPT:]}") from error
        finally:
            for server in self._servers:
                server.kill()
            if self._proxy:
                self._proxy.close()
            if self._shop:
                self._shop.close()
        seconds = time.monotonic() - begin
        return figures_of(self._plan, evidence, self._found, self._nemesis.deeds, self._recovery_seconds, seconds)

    def _evidence(self) -> Evidence:
        """Works, stops in order, looks at the rows, starts again and drains."""
        self._start_all()
        if self._shop:
            self._shop.deliver_to([server.http_address for server in self._servers])
        stage = Stage(self._servers[0].address, self._plan.seconds, sells=self._shop is not None)
        before = rows_of(self._url, stage.bystander_ids)
        self._work()
        self._settle()
        self._stop_all()
        stored = read_stored(self._url)
        record = self._shop.record() if self._shop else None
        if self._plan.aftermath:
            self._drain()
        # Time goes on meanwhile: credits expire, and reservations end. Operations come from calls only.
        if read_stored(self._url).operations != stored.operations:
            self._found.append(Violation("V8", "sending acknowledged commands once more has changed what is stored"))
        return Evidence(
            sends=self._history.sends,
            stored=stored,
            account_ids=stage.account_ids,
            stage_keys=stage.keys,
            bystanders_before=before,
            bystanders_after=rows_of(self._url, stage.bystander_ids),
            record=record,
        )

    def _migrate(self) -> bool:
        """Brings the database to the next version while servers work on it."""
        output = self._log.with_name("migrate.txt")
        command = ["migrate", "--database-url", self._url]
        pid = self._nursery.start(command, output, variables=self._version)
        return self._nursery.wait(pid, MIGRATE_SECONDS) == 0

    def _tracebacks(self) -> list[Violation]:
        """What no caller sees: a server met something that nothing provides for."""
        log = self._log.read_text(encoding="utf-8", errors="replace")
        return [Violation("log", text.strip()[:LOG_EXCERPT]) for text in log.split("Traceback")[1:]]

    def _start_all(self) -> None:
        for server in self._servers:
            server.start()
            if not server.wait_until_serving():
                raise RuntimeError("a server did not start")

    def _stop_all(self) -> None:
        for server in self._servers:
            server.ask_to_stop()
        for server in self._servers:
            code = server.wait_until_stopped()
            if code != 0:
                self._found.append(Violation("stop", f"a server that was asked to stop ended with {code}"))

    def _work(self) -> None:
        """Clients against the nemesis; then the last fault is over, and everything must finish soon."""
        addresses = [server.address for server in self._servers]
        clients = [
            Client(index, self._plan, addresses, self._history, self._clock_us) for index in range(self._plan.clients)
        ]
        for client in clients:
            client.start()
        try:
            if self._shop:
                self._shop.rage()
            self._nemesis.rage()
            calm_at = time.monotonic()
            if self._shop:
                self._shop.calm()
            self._nemesis.calm()
            if self._plan.upgrades and not self._nemesis.deeds.migrations:
                self._found.append(Violation("migrate", "the database could not be migrated under load"))
        finally:
            for client in clients:
                client.stop(time.monotonic() + self._plan.liveness_seconds)
        self._probe(calm_at)
        for client in clients:
            client.join(self._plan.liveness_seconds + PROVIDER_SECONDS + JOIN_SECONDS)
        for client in clients:
            if client.is_alive() or client.failure:
                raise RuntimeError(f"{client.name} did not end in order") from client.failure
        self._found += [Violation("V14", f"{key} could not be settled") for key in self._history.unsettled]

    def _settle(self) -> None:
        """Until the servers know all that has happened at the provider. What they do not learn, the checker finds."""
        until = time.monotonic() + SETTLE_SECONDS
        while self._shop and (self._shop.undelivered() or unsettled(self._url)) and time.monotonic() < until:
            time.sleep(0.1)  # there is nothing to wait on: it is the servers' own work

    def _probe(self, calm_at: float) -> None:
        """V14: new calls to every server succeed within the bound, and go on to do so."""
        door = Door([server.address for server in self._servers])
        bound_seconds = self._plan.liveness_seconds
        in_a_row = made = 0
        while in_a_row < PROBES_IN_A_ROW * self._plan.servers:
            made += 1
            usage = Usage(f"probe-{made}", PROBE, "talk", "api_calls", 1, False, None, "")
            reply = self._call(door, Shipment((usage,)), made % self._plan.servers, PROBE_SHARE * bound_seconds)
            if reply.result is Result.ACKNOWLEDGED:
                in_a_row += 1
                continue
            in_a_row = 0
            if time.monotonic() - calm_at > bound_seconds:
                self._found.append(Violation("V14", f"new calls fail {bound_seconds:g} s after the last fault"))
                break
            time.sleep(0.05)  # not a busy loop while the server comes back
        self._recovery_seconds = time.monotonic() - calm_at
        door.close()

    def _drain(self) -> None:
        """Starts again, and sends acknowledged commands once more: each gets its first answer.

        A line that is not up yet is tried again, as any client does; the first that cannot be sent in time ends it,
        because there is no time for all of them.
        """
        self._start_all()
        door = Door([server.address for server in self._servers])
        known = [story.command for story in stories_of(self._history.sends).values() if story.acknowledged]
        chance = self._plan.chance("drain")
        for command in chance.sample(known, min(len(known), self._plan.drain_max)):
            server = chance.randrange(self._plan.servers)
            until = time.monotonic() + DRAIN_SECONDS
            while (reply := self._call(door, Shipment((command,)), server, DRAIN_SECONDS)).result is Result.UNKNOWN:
                if time.monotonic() > until:
                    break
                time.sleep(0.05)  # not a busy loop while the line comes up
            if reply.result is not Result.ACKNOWLEDGED:
                what = f"{command.key} could not be sent again after a clean restart: {reply.status} {reply.detail}"
                self._found.append(Violation("V14", what))
                break
        door.close()

    def _call(self, door: Door, shipment: Shipment, server: int, timeout_seconds: float) -> Reply:
        """Sends and remembers."""
        sent_ns = time.monotonic_ns()
        (reply,) = door.send(shipment, server, timeout_seconds)
        self._history.add(Sent(shipment.commands[0], HARNESS, sent_ns, time.monotonic_ns(), reply))
        return reply
