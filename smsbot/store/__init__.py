"""The database: tables, transactions, migrations. SQLAlchemy Core on SQLite and PostgreSQL.

- `tables` is the schema, a module for each part of the field; `schema` brings a database up to it with `migrations/`.
- `database` runs transactions, on engines made by `engines`; `group_commit` is how SQLite's writes share a commit.
- `together` does the same work for all who wait, in one transaction.
- `prepared` has statements that run for each message, `many` those about many rows at once; `journeys` takes
  statements to PostgreSQL.
- `daily_counts` counts what happens on each day, `seen` remembers ids that no other table knows.
- `backup` copies a SQLite database while it is written to.
"""
