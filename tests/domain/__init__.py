"""Tests of the pure rules: examples that read like sentences, and properties."""
