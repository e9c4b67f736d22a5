"""More than a server can do: what it still does then, how it says no, and how soon it is itself again."""
