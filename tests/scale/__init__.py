"""Books of millions of operations: what reads all of them does so in bounded memory."""
