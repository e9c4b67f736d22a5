"""Stripe as far as money coming in needs it: it keeps state, and a test moves its clock and its failures."""
