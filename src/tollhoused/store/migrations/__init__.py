"""The steps that make a database's schema, oldest first, applied by `schema.migrate`."""
