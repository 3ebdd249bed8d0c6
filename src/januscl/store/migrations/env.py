"""Alembic runs this file; the connection and its transaction come from `migrate`."""

from alembic import context

from januscl.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
