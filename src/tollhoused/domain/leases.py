"""Leases: work that one process does for all of a database, until it lets go or dies."""

from typing import NamedTuple


class Lease(NamedTuple):
    """Whose the work is until an instant. `fence` grows with each change of hands; `reached` is how far it has come."""

    name: str
    holder: str
    until_us: int
    fence: int
    reached: int = 0


def taken(lease: Lease | None, name: str, holder: str, now_us: int, length_us: int) -> Lease | None:
    """The lease in the holder's hands, taken or taken on; None while it is somebody else's."""
    until_us = now_us + length_us
    if lease is None:
        return Lease(name, holder, until_us, 1)
    if lease.holder == holder:
        return lease._replace(until_us=until_us)
    if lease.until_us > now_us:
        return None
    return lease._replace(holder=holder, until_us=until_us, fence=lease.fence + 1)
