"""The commands as people and programs meet them: what they write, where, and how they end."""
