"""The only place that knows SQL: loads the set that a batch needs, saves the set that it changed, and answers lists."""
