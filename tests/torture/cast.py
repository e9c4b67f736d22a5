"""The accounts of a run: what each has, what it uses, and for what it may be refused."""

from dataclasses import dataclass
from enum import Enum

from tollhoused.domain.money import NANOS_PER_UNIT

CENT_NANOS = NANOS_PER_UNIT // 100
RICH_NANOS = 100_000 * NANOS_PER_UNIT


class Act(Enum):
    """What only some accounts are used for, so that the others keep the stronger invariants."""

    VOIDS = "its usage is taken back"
    HOLDS = "usage is reserved, committed, released or left to its end"
    LEVELS = "a gauge is set to levels"
    CHANGES = "a gauge is moved by changes"
    PLANS = "plans are assigned, changed now and later, and ended"
    CORRECTIONS = "credits are corrected and grants are voided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One account, found by exactly one of `user_id`, `email` and `org_id`.

    `limit_per_second` is a hard limit on its meters, in units for each second of the run, so that it is reached within
    any run. `grant_nanos` is what it is given now and then. `refusals` are the reasons for which it may be refused.
    `acts` are what else is done with it beside recording usage.
    """

    name: str
    user_id: str = ""
    email: str = ""
    org_id: str = ""
    plan: str = ""
    credits_nanos: int = 0
    limit_per_second: int = 0
    grant_nanos: int = 0
    records: bool = False
    weight: int = 1
    refusals: frozenset[str] = frozenset()
    acts: frozenset[Act] = frozenset()

    @property
    def steady(self) -> bool:
        """Whether its terms never change while a run goes on."""
        return not self.plan and not self.limit_per_second and Act.PLANS not in self.acts


CAST = (
    # Charged for every unit beyond the first few, and able to pay for all of it.
    Actor(name="funded", user_id="user-funded", credits_nanos=RICH_NANOS, weight=3),
    Actor(name="funded by e-mail", email="funded@example.com", credits_nanos=RICH_NANOS, weight=2),
    # Always near zero, so that every charge asks whether there is enough.
    Actor(
        name="poor",
        user_id="user-poor",
        credits_nanos=50 * CENT_NANOS,
        grant_nanos=40 * CENT_NANOS,
        weight=2,
        refusals=frozenset({"INSUFFICIENT_CREDITS"}),
    ),
    Actor(name="limited", user_id="user-limited", limit_per_second=8, weight=2, refusals=frozenset({"QUOTA_EXCEEDED"})),
    # Its usage has happened already: what it cannot pay becomes debt, which grants settle.
    Actor(name="recording", user_id="user-recording", grant_nanos=60 * CENT_NANOS, records=True, weight=2),
    # Counted and never charged: here only the counter tells whether an update was lost.
    Actor(name="unmetered", org_id="org-unmetered", plan="enterprise", weight=2),
    # Uses what its plan includes, and in a long run on a quick machine more than that.
    Actor(name="team", org_id="org-team", plan="team", credits_nanos=RICH_NANOS),
    Actor(
        name="corrected",
        user_id="user-corrected",
        credits_nanos=RICH_NANOS,
        grant_nanos=40 * CENT_NANOS,
        acts=frozenset({Act.VOIDS}),
    ),
    Actor(
        name="holding",
        user_id="user-holding",
        credits_nanos=RICH_NANOS,
        grant_nanos=40 * CENT_NANOS,
        acts=frozenset({Act.HOLDS}),
    ),
    # What is held and what is used compete for the same few credits.
    Actor(
        name="holding and poor",
        user_id="user-holding-poor",
        credits_nanos=50 * CENT_NANOS,
        grant_nanos=40 * CENT_NANOS,
        refusals=frozenset({"INSUFFICIENT_CREDITS"}),
        acts=frozenset({Act.HOLDS}),
    ),
    Actor(name="stored by level", user_id="user-levels", credits_nanos=RICH_NANOS, acts=frozenset({Act.LEVELS})),
    Actor(
        name="stored by change",
        user_id="user-changes",
        credits_nanos=RICH_NANOS,
        refusals=frozenset({"LEVEL_BELOW_ZERO"}),
        acts=frozenset({Act.CHANGES}),
    ),
    Actor(
        name="changing plans",
        user_id="user-plans",
        credits_nanos=RICH_NANOS,
        grant_nanos=40 * CENT_NANOS,
        acts=frozenset({Act.PLANS}),
    ),
    Actor(
        name="adjusted",
        user_id="user-adjusted",
        grant_nanos=60 * CENT_NANOS,
        records=True,
        acts=frozenset({Act.CORRECTIONS}),
    ),
)

PROBE = Actor(name="probe", user_id="user-probe", credits_nanos=RICH_NANOS)
"""Used only to ask whether the server works again."""

BYSTANDERS = (
    Actor(name="bystander", user_id="user-bystander", credits_nanos=5 * NANOS_PER_UNIT),
    Actor(name="bystanding team", org_id="org-bystander", plan="team", credits_nanos=5 * NANOS_PER_UNIT),
    Actor(name="indebted bystander", email="bystander@example.com", records=True),
)
"""Have books before the run and are left alone in it: none of their rows may change."""
