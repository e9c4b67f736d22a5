"""What a server tells its disk before it tells its callers, seen from its system calls."""
