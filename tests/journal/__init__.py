"""The journal on both engines: batches, faults, races, and what a caller is told."""
