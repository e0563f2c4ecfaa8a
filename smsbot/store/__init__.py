"""The database: tables, transactions, migrations. SQLAlchemy Core on SQLite and PostgreSQL.

- `tables` is the schema, one module for each part of the field; `schema` runs the `migrations/` that a database lacks.
- `database` runs transactions on the engines that `engines` makes; `group_commit` lets SQLite's writes share a commit.
- `together` does the same work for all waiting callers in one transaction.
- `prepared` holds statements that run for each message, `many` holds statements about many rows; `journeys` sends
  several statements to PostgreSQL in one round trip.
- `daily_counts` counts what happens on each day; `seen` remembers ids of messages that no other table keeps.
- `backup` copies a SQLite database that is in use.
"""
