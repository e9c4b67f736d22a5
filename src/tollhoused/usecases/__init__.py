"""One function per question or command, the same for every door."""
