"""Builds the container image and starts it under the restrictions of a careful cluster."""
