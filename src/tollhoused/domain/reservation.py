"""A reservation as a value: what it holds, for how long, and how it ends (requirement U7)."""

from enum import StrEnum
from typing import NamedTuple


class ReservationState(StrEnum):
    """Where a reservation is in its life; every state but OPEN is final."""

    OPEN = "open"
    COMMITTED = "committed"
    RELEASED = "released"
    EXPIRED = "expired"


class OnExpiry(StrEnum):
    """What a reservation's end does that no call came before: give everything back, or count all of it as used."""

    RELEASE = "release"
    COMMIT = "commit"


class OverCommit(StrEnum):
    """What a commit may do that exceeds its reservation: fail, pass as far as ENFORCE allows, or be RECORDed."""

    REFUSE = "refuse"
    ENFORCE = "enforce"
    RECORD = "record"


class Hold(NamedTuple):
    """What a reservation holds of one grant, in nanos (positive)."""

    grant_id: str
    amount_nanos: int


class Reservation(NamedTuple):
    """Allowance and credits held for `quantity` units of a meter, in the segment in which it was made.

    Open in [created_us, expires_us) unless a call ends it before: what it then did is `used`, `overage` and
    `charged_nanos`. Only an open one holds anything.
    """

    id: str
    client: str
    product: str
    meter: str
    segment_start_us: int
    plan: str
    plan_version: int
    quantity: int
    on_expiry: OnExpiry
    over_commit: OverCommit
    created_us: int
    expires_us: int
    state: ReservationState = ReservationState.OPEN
    holds: tuple[Hold, ...] = ()
    used: int = 0
    overage: int = 0
    charged_nanos: int = 0
    ended_us: int | None = None

    @property
    def held_nanos(self) -> int:
        """The sum of its holds."""
        return sum([hold.amount_nanos for hold in self.holds])

    @property
    def is_open(self) -> bool:
        """Whether it has not ended. An account that was advanced has no open one whose time is over."""
        return self.state is ReservationState.OPEN
