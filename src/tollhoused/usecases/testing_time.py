"""Moving time in the test environment (requirement O6): every process on the database follows."""

from dataclasses import dataclass

from tollhoused.domain.books import Settled
from tollhoused.domain.keys import Environment
from tollhoused.domain.registry_commands import AdvanceTestClock
from tollhoused.errors import InvalidField, NoTestClock
from tollhoused.usecases import forms
from tollhoused.usecases.core import Call, Core, reading


@dataclass(frozen=True, slots=True)
class ClockState:
    """What the clock of the books shows, and how far it is ahead of the wall clock."""

    now_us: int
    offset_us: int


def refresh(core: Core) -> None:
    """Takes in how far the clock was moved. In the live environment it never is. Raises StoreUnavailable."""
    if core.environment is Environment.TEST:
        with reading():
            # Another thread may have read, or moved, it later than this one: it only ever goes forward.
            core.clock.offset_us = max(core.clock.offset_us, core.store.clock_offset_us())


def get_test_clock(core: Core) -> ClockState:
    """The clock as it is stored now. Raises NoTestClock in the live environment."""
    _check_environment(core)
    refresh(core)
    return ClockState(core.clock(), core.clock.offset_us)


def advance_test_clock(
    core: Core, call: Call, *, to_us: int | None, by_us: int | None, idempotency_key: str, validate_only: bool
) -> Settled:
    """Moves the clock forward, to an instant or by a span; this process goes by it at once, others within seconds.

    Raises NoTestClock in the live environment, and InvalidField.
    """
    _check_environment(core)
    forms.idempotency_key(idempotency_key)
    if (to_us is None) == (by_us is None):
        raise InvalidField("to_time", "either to_time or by must be given, and not both")
    refresh(core)
    command = AdvanceTestClock(
        client=call.client,
        idempotency_key=idempotency_key,
        to_us=to_us,
        by_us=by_us,
        seen_offset_us=core.clock.offset_us,
    )
    settled = core.run(call, command, validate_only)
    if not validate_only:
        refresh(core)
    return settled


def _check_environment(core: Core) -> None:
    if core.environment is not Environment.TEST:
        raise NoTestClock(f"time is not moved in the environment {core.environment.value}")
