"""Throughput and latency as ratios of one run: what the server does beside what nothing could do faster."""
