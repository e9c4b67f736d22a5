"""What alembic runs for every command: the steps, on the connection that `schema` opened, locked and will commit.

Steps name their constraints in full: no naming convention is at work here, so that a step means the same for ever.
What SQLite cannot alter is rebuilt by `op.batch_alter_table`; `schema` makes the triggers anew after the last step.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes["on_step"],
)
context.run_migrations()
