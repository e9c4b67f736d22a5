"""The server with a planted fault and named points to die at: `python -m tests.torture.faulty_server FAULT serve ...`.

For tests only. It is put together by the same `main`, after the fault was planted in its parts.
"""

import os
import sys

from tests.torture.faults import FAULTS, watch_commits
from tests.torture.money_faults import hasten, watch_money
from tests.torture.switch import HASTE_VARIABLE, KILL_VARIABLE, SWITCH
from tests.torture.upgrade import become_version
from tollhoused.__main__ import main


def run(fault: str) -> None:
    """Plants the fault, sets the switch and the version as the environment says, and runs the command of `sys.argv`."""
    become_version()
    order = os.environ.get(KILL_VARIABLE, "")
    if os.environ.get(HASTE_VARIABLE):
        hasten()
    if fault or order:
        FAULTS[fault or "none"].plant()
        watch_commits()
        watch_money()
        SWITCH.arm(order)
    main()


if __name__ == "__main__":
    run(sys.argv.pop(1))
