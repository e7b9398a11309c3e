"""Alembic's entry: runs the schema revisions on the connection that upgrade.py hands over, inside its transaction."""

from alembic import context

from keepstep.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
