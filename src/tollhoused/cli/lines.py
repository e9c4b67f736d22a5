"""Single lines: what commands say, and what they complain of."""

import sys


def print_line(text: str) -> None:
    """One line on standard output, at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """One line on standard error, whatever a driver put into its message."""
    print(" ".join(text.split()), file=sys.stderr, flush=True)
