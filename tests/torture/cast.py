"""The accounts of a run: what each has, what it uses, and for what it may be refused."""

from dataclasses import dataclass

from tollhoused.domain.money import NANOS_PER_UNIT

CENT_NANOS = NANOS_PER_UNIT // 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One account, found by exactly one of `user_id`, `email` and `org_id`.

    `limit_per_second` is a hard limit on its meters, in units for each second of the run, so that it is reached within
    any run. `grant_nanos` is what it is given now and then. `refusals` are the reasons for which it may be refused.
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


CAST = (
    # Charged for every unit beyond the first few, and able to pay for all of it.
    Actor(name="funded", user_id="user-funded", credits_nanos=100_000 * NANOS_PER_UNIT, weight=3),
    Actor(name="funded by e-mail", email="funded@example.com", credits_nanos=100_000 * NANOS_PER_UNIT, weight=2),
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
    Actor(name="team", org_id="org-team", plan="team"),
)

PROBE = Actor(name="probe", user_id="user-probe", credits_nanos=100_000 * NANOS_PER_UNIT)
"""Used only to ask whether the server works again."""

BYSTANDERS = (
    Actor(name="bystander", user_id="user-bystander", credits_nanos=5 * NANOS_PER_UNIT),
    Actor(name="bystanding team", org_id="org-bystander", plan="team", credits_nanos=5 * NANOS_PER_UNIT),
    Actor(name="indebted bystander", email="bystander@example.com", records=True),
)
"""Have books before the run and are left alone in it: none of their rows may change."""
