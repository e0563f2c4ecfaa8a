"""Alembic runs this module. `smsbot.store.schema` starts Alembic, on a connection with an open transaction.

Begin a new revision with `alembic revision --rev-id 0002 -m "what it does"` and write it by hand. A test compares the
schema that all revisions build with `smsbot.store.tables`, on both engines.
"""

from alembic import context

from smsbot.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
