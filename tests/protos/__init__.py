"""Tests of the contract itself, read from its descriptors and comments."""
