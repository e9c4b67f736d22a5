"""Group commit: many commands, one transaction, answers after the commit."""
