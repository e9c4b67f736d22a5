"""Kills the server in a loop under load, and checks from history and rows that nothing was lost, doubled or wrong."""
