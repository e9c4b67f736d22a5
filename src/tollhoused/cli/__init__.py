"""The command `tollhouse`: one module per command or group of commands, and what they share."""
