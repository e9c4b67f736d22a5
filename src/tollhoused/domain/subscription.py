"""A subscription as a value: which plan, from when to when, under which catalogue version."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Subscription:
    """A plan bought or assigned for [start_us, end_us); pinned to the catalogue version it was made under."""

    id: str
    provider: str
    plan: str
    plan_version: int
    start_us: int
    end_us: int | None
    anchor_us: int

    def runs(self, at_us: int) -> bool:
        """Whether the subscription is active at this instant."""
        return self.start_us <= at_us and (self.end_us is None or at_us < self.end_us)
