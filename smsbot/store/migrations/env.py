"""Alembic's way in. Always run by `smsbot.store.schema`, on a connection whose transaction is already open.

A new revision begins with `alembic revision --rev-id 0002 -m "what it does"` and is written by hand; the tests compare
what all revisions build with `smsbot.store.tables`, on both engines.
"""

from alembic import context

from smsbot.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
