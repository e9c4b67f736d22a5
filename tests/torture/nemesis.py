"""Kills servers while clients work, starts them again on the same database and port, and restarts the database."""

import time
from dataclasses import dataclass

from tests.support.postgres import Cluster
from tests.torture.plan import Plan
from tests.torture.rows import end_connections
from tests.torture.server import SELF_KILLED, Server

PAUSE_SECONDS = (0.1, 1.2)
"""How long a server is left alone once it serves."""

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

WATCH_SECONDS = 0.02


@dataclass(slots=True)
class Deeds:
    """What was done to the servers."""

    kills: int = 0
    kills_at_points: int = 0
    kills_while_starting: int = 0
    database_restarts: int = 0
    freezes: int = 0
    terminations: int = 0
    starts: int = 0
    other_exits: int = 0


class Nemesis:
    """Works in the caller's thread until its time is over."""

    def __init__(self, plan: Plan, servers: list[Server], cluster: Cluster | None, url: str) -> None:
        self.deeds = Deeds()
        self._plan = plan
        self._servers = servers
        self._cluster = cluster
        self._url = url
        self._chance = plan.chance("nemesis")
        self._armed = False

    def rage(self) -> None:
        """Runs for as long as the plan says."""
        begin = time.monotonic()
        restarts = self._restart_instants(begin)
        while self._has_time(now := time.monotonic(), begin):
            if restarts and restarts[0] <= now:
                restarts.pop(0)
                self._restart_database()
            self._strike(self._chance.choice(self._servers), restarts[0] if restarts else float("inf"))
        for _ in restarts:  # a slow start has eaten up the time
            self._restart_database()

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

    def _restart_instants(self, begin: float) -> list[float]:
        """Spread over the middle of the run."""
        share = self._plan.seconds / (self._plan.database_restarts + 1)
        return [begin + share * (index + 1) for index in range(self._plan.database_restarts)]

    def _strike(self, server: Server, until: float) -> None:
        """Leaves a server alone for a moment, then kills it if it has not done so itself, and starts it again."""
        moment = min(until, time.monotonic() + self._chance.uniform(*PAUSE_SECONDS))
        while time.monotonic() < moment and all(each.alive for each in self._servers):
            time.sleep(WATCH_SECONDS)  # the moment between two faults, cut short when a server ends by itself
        fallen = [each for each in self._servers if not each.alive]
        if fallen:
            for each in fallen:
                self._bury(each)
        elif time.monotonic() < until and self._plan.blind_kills and self._spare(server):
            server.wait_until_serving(SPARED_SECONDS)
        elif time.monotonic() < until and (self._plan.blind_kills or not self._armed):
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
        return False

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
            return f"{self._chance.choice(self._plan.points)}:{self._chance.randint(1, self._plan.passes_max)}"
        return ""

    def _start(self, server: Server, point: str) -> None:
        server.start(point)
        self.deeds.starts += 1
