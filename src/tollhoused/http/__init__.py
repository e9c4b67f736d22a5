"""The HTTP door: liveness, readiness and metrics for machines that watch the server."""
