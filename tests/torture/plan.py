"""What one run does: everything that chance decides follows from its seed."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One run on one engine.

    `fault` names a planted fault of `faults.py`, empty for the server as it is. `points` are the named places at which
    a server may be told to kill itself, by the `passes_max`th pass at the latest; `blind_kills` says whether it is also
    killed at moments that nobody chose. The run goes on beyond `seconds`, but not beyond `seconds_max`, until
    `point_kills_min` servers have killed themselves. `line` puts a proxy that fails between the last server and
    PostgreSQL; `upgrades` migrates the database under load to a next version of the program, which the servers become.
    Of what is sent, `bulk_share` are batches of `bulk_items`. `pause_seconds` says how long servers are left alone
    between two faults. `money_share` of what clients do is paid for at a provider; there is none where it is 0.
    `aftermath`: afterwards the servers are started again and told everything once more, and `verify` is asked.
    """

    engine: str
    seed: int
    seconds: float = 60.0
    clients: int = 8
    servers: int = 1
    fault: str = ""
    points: tuple[str, ...] = ()
    passes_max: int = 25
    blind_kills: bool = True
    point_kills_min: int = 0
    seconds_max: float = 60.0
    database_restarts: int = 0
    line: bool = False
    upgrades: bool = False
    pause_seconds: tuple[float, float] = (0.1, 1.2)
    bulk_share: float = 0.0
    bulk_items: int = 300
    liveness_seconds: float = 10.0
    drain_max: int = 500
    money_share: float = 0.0
    aftermath: bool = True

    def chance(self, purpose: str) -> random.Random:
        """A source of chance for one purpose, the same for the same seed."""
        return random.Random(f"{self.seed}/{self.engine}/{purpose}")
