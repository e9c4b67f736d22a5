"""The commands, run as processes the way people and containers run them."""
