"""Proofs: a mirror of the layers, every store test on both engines."""
