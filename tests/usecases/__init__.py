"""The use cases, on both engines."""
