"""Kills servers while clients work, starts them again on the same database and port, restarts and migrates the
database, and troubles the line to it.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.support.postgres import Cluster
from tests.torture.line import Line, Trouble
from tests.torture.money_faults import MONEY_POINTS
from tests.torture.plan import Plan
from tests.torture.rows import end_connections
from tests.torture.server import SELF_KILLED, Server

START_SHARE = 0.15
"""Of the kills, how many hit a server that is still starting."""

START_SECONDS = 0.3
SPARED_SECONDS = 5.0
POINT_SHARE = 0.5
"""Of the starts, how many are told to kill themselves at a named point, where there are any."""

FREEZE_SHARE = 0.1
FREEZE_SECONDS = (0.2, 2.0)
TERMINATE_SHARE = 0.1
"""How often a server is stopped for a while instead (SIGSTOP), or every connection to the database is ended."""

TROUBLE_SHARE = 0.2
ROLL_SHARE = 0.05
"""How often the line of one server is troubled, or all of them are restarted in order, one after the other."""

MONEY_PASSES_MAX = 4
"""The points at which money is at stake are passed less often."""

MIGRATION_TRIES = 5
WATCH_SECONDS = 0.02

Appointments = list[tuple[float, Callable[[], None]]]
"""What is done at which instant of `time.monotonic`, the earliest first."""


@dataclass(slots=True)
class Deeds:
    """What was done to the servers."""

    kills: int = 0
    kills_at_points: int = 0
    kills_while_starting: int = 0
    database_restarts: int = 0
    freezes: int = 0
    terminations: int = 0
    rolling_restarts: int = 0
    migrations: int = 0
    failed_migrations: int = 0
    starts: int = 0
    other_exits: int = 0
    troubles: Counter[Trouble] = field(default_factory=Counter)


class Nemesis:
    """Works in the caller's thread until its time is over."""

    def __init__(
        self,
        plan: Plan,
        servers: list[Server],
        cluster: Cluster | None,
        url: str,
        line: Line | None,
        migrate: Callable[[], bool],
        next_version: dict[str, str],
    ) -> None:
        """`migrate` brings the database to the next version and says whether that worked."""
        self.deeds = Deeds()
        self._line = line
        self._migrate = migrate
        self._next_version = next_version
        self._plan = plan
        self._servers = servers
        self._cluster = cluster
        self._url = url
        self._chance = plan.chance("nemesis")
        self._armed = False

    def rage(self) -> None:
        """Runs for as long as the plan says."""
        begin = time.monotonic()
        appointments = self._appointments(begin)
        while self._has_time(now := time.monotonic(), begin):
            if appointments and appointments[0][0] <= now:
                appointments.pop(0)[1]()
            self._strike(self._chance.choice(self._servers), appointments[0][0] if appointments else float("inf"))
        for _, keep in appointments:  # a slow start has eaten up the time
            keep()

    def calm(self) -> None:
        """The last fault is over: every server runs, without a place to kill itself at."""
        for server in self._servers:
            if not server.alive or self._plan.points:
                server.kill()
                self._start(server, point="")
        for server in self._servers:
            server.wait_until_serving(self._plan.liveness_seconds)

    def _has_time(self, now: float, begin: float) -> bool:
        plan = self._plan
        if self.deeds.kills_at_points < plan.point_kills_min and now - begin < plan.seconds_max:
            return True
        return now - begin < plan.seconds

    def _appointments(self, begin: float) -> Appointments:
        """The database's restarts, spread over the run, its migration in the middle of two of them, and each trouble of
        the line once.
        """
        share = self._plan.seconds / (self._plan.database_restarts + 1)
        restarts = self._plan.database_restarts
        kept: Appointments = [(begin + share * (index + 1), self._restart_database) for index in range(restarts)]
        if self._plan.upgrades:
            kept.append((begin + share / 2, self._upgrade))
        if self._line:
            pause = self._plan.seconds / (len(Trouble) + 1)
            kept += [
                (begin + pause * (index + 1), partial(self._trouble, self._line, trouble))
                for index, trouble in enumerate(Trouble)
            ]
        return sorted(kept, key=lambda appointment: appointment[0])

    def _strike(self, server: Server, until: float) -> None:
        """Leaves a server alone for a moment, then kills it if it has not done so itself, and starts it again."""
        moment = min(until, time.monotonic() + self._chance.uniform(*self._plan.pause_seconds))
        while time.monotonic() < moment and all(each.alive for each in self._servers):
            time.sleep(WATCH_SECONDS)  # the moment between two faults, cut short when a server ends by itself
        fallen = [each for each in self._servers if not each.alive]
        if fallen:
            for each in fallen:
                self._bury(each)
        elif time.monotonic() < until and self._plan.blind_kills and self._spare(server):
            server.wait_until_serving(SPARED_SECONDS)
        elif time.monotonic() < until and (self._plan.blind_kills or (self._plan.points and not self._armed)):
            self.deeds.kills += server.kill()
            self._start(server, self._point())
            if self._chance.random() < START_SHARE:
                time.sleep(self._chance.uniform(0, START_SECONDS))  # somewhere within its start
                self.deeds.kills_while_starting += server.kill()
                self._start(server, self._point())
            server.wait_until_serving()

    def _spare(self, server: Server) -> bool:
        """Now and then something that the server must survive."""
        draw = self._chance.random()
        if draw < FREEZE_SHARE:
            self.deeds.freezes += server.freeze(self._chance.uniform(*FREEZE_SECONDS))
            return True
        if draw < FREEZE_SHARE + TERMINATE_SHARE and self._cluster is not None:
            self.deeds.terminations += end_connections(self._url)
            return True
        draw -= FREEZE_SHARE + TERMINATE_SHARE
        if 0 <= draw < TROUBLE_SHARE and self._line is not None:
            self._trouble(self._line, None)
            return True
        if TROUBLE_SHARE <= draw < TROUBLE_SHARE + ROLL_SHARE:
            self._roll()
            return True
        return False

    def _trouble(self, line: Line, which: Trouble | None) -> None:
        done = line.trouble(which)
        if done:
            self.deeds.troubles[done] += 1

    def _roll(self) -> None:
        """Restarts every server in order, one after the other."""
        for server in self._servers:
            server.ask_to_stop()
            if server.wait_until_stopped() not in (0, SELF_KILLED):
                self.deeds.other_exits += 1
            self._start(server, self._point())
            server.wait_until_serving()
        self.deeds.rolling_restarts += 1

    def _upgrade(self) -> None:
        """Migrates the database under load, and then makes one server after the other the next version.

        Meanwhile the old version works on the new schema, beside the new one. What falls from now on is started as the
        new one: the old one refuses to start on a schema that it does not know.
        """
        for _ in range(MIGRATION_TRIES):
            if self._migrate():
                self.deeds.migrations += 1
                break
            self.deeds.failed_migrations += 1
        else:
            return
        for server in self._servers:
            server.version = self._next_version
        self._strike(self._servers[0], float("inf"))
        self._roll()

    def _bury(self, server: Server) -> None:
        """Starts a server again that ended by itself."""
        if server.exit_code == SELF_KILLED:
            self.deeds.kills_at_points += 1
        else:
            self.deeds.other_exits += 1
        self._start(server, self._point())
        server.wait_until_serving()

    def _restart_database(self) -> None:
        """A crash of the database; the servers live on and must find back by themselves."""
        assert self._cluster is not None
        self._cluster.restart("immediate")
        self.deeds.database_restarts += 1
        time.sleep(2.0)  # time for the servers to show whether they do

    def _point(self) -> str:
        """Where the next process is to kill itself; nowhere when empty."""
        self._armed = True
        share = POINT_SHARE if self._plan.blind_kills else 1.0
        if self._plan.points and self._chance.random() < share:
            point = self._chance.choice(self._plan.points)
            passes_max = (
                min(MONEY_PASSES_MAX, self._plan.passes_max) if point in MONEY_POINTS else self._plan.passes_max
            )
            return f"{point}:{self._chance.randint(1, passes_max)}"
        return ""

    def _start(self, server: Server, point: str) -> None:
        server.start(point)
        self.deeds.starts += 1
